import { type Observed, observe } from '../../../src/diagnosis/evidence.ts';
import { symptomsOf } from '../../../src/diagnosis/symptoms.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import type { FloatFormatName } from '../../../src/formats/facts.ts';
import { rowMajor } from '../../../src/layout/plain.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { asBytes, tensor } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

export type Change = (row: number, column: number, want: number, at: (row: number, column: number) => number) => number;

/** Repeatable numbers, about normal. */
export function numbers(count: number, seed = 1): Float64Array {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float64Array.from({ length: count }, () => next() + next() + next() + next() - 2);
}

export function output(values: Float64Array, shape: readonly number[], type: FloatFormatName = 'bf16'): Tensor {
  return tensor('y', type, rowMajor(shape), asBytes(encodeArray(type as 'bf16', values)));
}

const GEMM: KernelCall = { op: 'gemm_a8w8_blockscale', params: {}, operands: {} };

export interface Planted {
  readonly rows: number;
  readonly columns: number;
  readonly change: Change;
  readonly expected?: Float64Array;
  readonly type?: FloatFormatName;
  readonly shape?: readonly number[];
  readonly call?: KernelCall;
}

/** Symptoms of an output of random numbers, changed. */
export function symptoms({ rows, columns, change, type = 'bf16', ...rest }: Planted): readonly string[] {
  const { expected = numbers(rows * columns), shape = [rows, columns], call = GEMM } = rest;
  const wanted = observe({ y: output(expected, shape, type) }).values;
  const at = (row: number, column: number): number => wanted[row * columns + column] ?? 0;
  const values = wanted.map((want, index) => change(Math.floor(index / columns), index % columns, want, at));
  return compared(output(values, shape, type), output(expected, shape, type), call);
}

/** Symptoms of a whole output where it is known what should have come out. */
export function compared(actual: Tensor, expected: Tensor, call: KernelCall = GEMM): readonly string[] {
  const target = { call, outputs: { y: actual }, names: ['y'] };
  return symptomsOf(target, UNUSED, { ...call, actual: { y: actual }, expected: { y: expected } });
}

const NOTHING: Observed = { values: new Float64Array(), codes: new Float64Array(), parts: [] };
const UNUSED = {
  window: { rowCount: 0, rows: [], columnCount: 0, columns: [] },
  actual: NOTHING,
  asGiven: NOTHING,
  marks: new Uint8Array(),
};
