import { expect } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { decodeTable } from '../../../src/formats/decode.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import { formatFacts } from '../../../src/formats/facts.ts';
import type { OpDefinition, Operands } from '../../../src/ops/op.ts';
import { type OpName, type OpOperands, type OpParams, ops } from '../../../src/ops/registry.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asU32 } from '../../../src/tensor/views.ts';

export type SourceType = 'f32' | 'bf16' | 'f16';
export const SOURCE_TYPES: readonly SourceType[] = ['f32', 'bf16', 'f16'];

/** Reproducible numbers in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0;
    return ((mixed ^ (mixed >>> 13)) >>> 0) / 2 ** 32;
  };
}

export interface HardOptions {
  /** Elements that share a scale, so that ties can be placed. */
  readonly group: number;
  /** Put infinities and NaNs into some groups. Default true. */
  readonly special?: boolean;
}

/**
 * A matrix in which every group is a different difficulty: plain numbers of many magnitudes, elements at exact ties of
 * e4m3fn codes times the scale and one step beside them, zeros of both signs, subnormals, the largest numbers, infinities, NaNs.
 */
export function hardMatrix(type: SourceType, rows: number, columns: number, options: HardOptions): Tensor {
  const { group, special = true } = options;
  const random = uniform(rows * 7919 + columns * 31 + group);
  const values = new Float32Array(rows * columns);
  const { max, minSubnormal } = formatFacts(type);
  const halves = midpoints();
  for (let index = 0; index < values.length; index += 1) {
    const kind = Math.floor(index / group) % (special ? 9 : 6);
    const signed = (random() < 0.5 ? -1 : 1) * 2 ** ((Math.floor(index / group / 9) % 13) - 6);
    const tie = halves[Math.floor(random() * halves.length)] as number;
    values[index] = [
      signed * random(),
      // The largest element makes the scale a power of two, so that the midpoints are hit exactly.
      index % group === 0 ? 448 * Math.abs(signed) : tie * signed,
      index % group === 0 ? 448 * Math.abs(signed) : tie * signed * (1 + (Math.floor(random() * 3) - 1) * 2 ** -11),
      index % 2 === 0 ? 0 : -0,
      signed * Math.floor(random() * 200) * minSubnormal,
      signed * random() * (index % group === 3 ? 1e-3 : 1e-9),
      (random() < 0.5 ? -1 : 1) * max * (index % 3 === 0 ? 1 : random()),
      index % group === 5 ? Number.NEGATIVE_INFINITY : signed * random(),
      index % group === 6 ? Number.NaN : signed * random(),
    ][kind] as number;
  }
  return floatTensor('x', type, [rows, columns], values);
}

/** Numbers halfway between neighbouring e4m3fn magnitudes. */
function midpoints(): readonly number[] {
  const table = decodeTable('e4m3fn');
  return Array.from({ length: 0x7e }, (_, code) => ((table[code] as number) + (table[code + 1] as number)) / 2);
}

/** Values rounded to a source type. */
export function floatTensor(name: string, type: SourceType, shape: readonly number[], values: Float32Array): Tensor {
  return tensorFrom(name, type, shape, type === 'f32' ? values : encodeArray(type, values));
}

/** Runs an op on a backend and on its reference; every output must have the same bytes, type and layout. */
export async function expectReference<N extends OpName>(
  backend: Backend,
  op: N,
  params: OpParams<N>,
  operands: OpOperands<N>,
): Promise<void> {
  const got = (await backend.run(op, params, operands)) as Readonly<Record<string, Tensor>>;
  const want = (ops[op] as unknown as OpDefinition).reference(params, operands as Operands);
  expect(Object.keys(got)).toEqual(Object.keys(want));
  for (const [name, tensor] of Object.entries(want)) {
    expect(`${name}: ${difference(got[name] as Tensor, tensor) ?? 'same'}`).toBe(`${name}: same`);
  }
}

function difference(got: Tensor, want: Tensor): string | undefined {
  if (got.type !== want.type) return `type ${got.type}, want ${want.type}`;
  if (!got.layout.equals(want.layout)) return `layout ${got.layout.id}, want ${want.layout.id}`;
  if (got.bytes.length !== want.bytes.length) return `${got.bytes.length} bytes, want ${want.bytes.length}`;
  const [have, need] = [comparable(got), comparable(want)];
  const wrong = have.reduce((count, code, index) => count + (code === need[index] ? 0 : 1), 0);
  if (wrong === 0) return undefined;
  const at = have.findIndex((code, index) => code !== need[index]);
  return `${wrong} of ${have.length} codes differ, first at ${at}: ${have[at]}, want ${need[at]}`;
}

/** Codes in storage order. Which NaN a float32 has depends on the machine that made it, so they count as one. */
function comparable(tensor: Tensor): readonly number[] {
  if (tensor.type !== 'f32') return Array.from(tensor.bytes);
  return Array.from(asU32(tensor), (bits) => ((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits));
}
