import { elementBits } from '../../formats/element-type.ts';
import type { Layout } from '../../layout/layout.ts';
import { rowMajor } from '../../layout/plain.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { MX_BLOCK, type W13Family, w2Family, w13Family } from '../../ops/shared/moe-operands.ts';
import { storageBytes, tensor } from '../../tensor/make.ts';
import { readAs, storedIn, toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { MistakenCall, Variant } from '../hypothesis.ts';
import { withOperands } from './moe-call.ts';

/** One of the two matrices of a mixture of experts in a call, with its scales and bias. */
export interface Matrix {
  /** `w13`: gate and up rows; `w2`: down. */
  readonly kind: 'w13' | 'w2';
  /** Names of its operands. */
  readonly weight: string;
  readonly scale: string;
  /** Undefined where the call has none. */
  readonly bias: string | undefined;
  readonly family: W13Family;
  readonly experts: number;
  readonly rows: number;
  readonly columns: number;
}

/** The gate_up matrix [E, 2 I, H] of a call. */
export function gateUpOf(call: KernelCall): Matrix | undefined {
  return matrixOf(call, 'w13', call.operands['w1'] === undefined ? 'w13' : 'w1');
}

/** The down matrix [E, H, I] of a call. */
export function downOf(call: KernelCall): Matrix | undefined {
  return matrixOf(call, 'w2', 'w2');
}

/** Both, as far as the call has them. */
export function matricesOf(call: KernelCall): readonly Matrix[] {
  return [gateUpOf(call), downOf(call)].filter((matrix) => matrix !== undefined);
}

function matrixOf({ operands }: KernelCall, kind: Matrix['kind'], name: string): Matrix | undefined {
  const [weight, scale] = [operands[name], operands[`${name}_scale`]];
  if (weight === undefined || scale === undefined) return undefined;
  const [experts = 0, rows = 0, columns = 0] = weight.layout.shape;
  const family = kind === 'w2' ? w2Family(weight, scale) : w13Family(weight, scale);
  const bias = operands[`${name}_bias`] === undefined ? undefined : `${name}_bias`;
  return { kind, weight: name, scale: `${name}_scale`, bias, family, experts, rows, columns };
}

/** Whether weights and scales of a matrix are given as a kernel for shuffled ones reads them. */
export function isShuffled({ family }: Matrix): boolean {
  return family === 'shuffled-separated' || family === 'shuffled-guinterleave';
}

/** Shape of the unshuffled scales. */
export function scaleShape({ experts, rows, columns }: Matrix): readonly [number, number, number] {
  return [experts, rows, columns / MX_BLOCK];
}

/** What a mistake makes of the logical values of an operand: row-major, weights and scales [E, rows, …], biases [E, rows]. */
export type PlainEdit = (plain: Tensor) => Tensor;

/** What a mistake makes of a matrix; parts without an edit stay the very same. */
export interface MatrixEdit {
  readonly weight?: PlainEdit;
  readonly scale?: PlainEdit;
  readonly bias?: PlainEdit;
}

/** The call with other values in the parts of a matrix, stored as they were. */
export function withMatrix(call: KernelCall, matrix: Matrix, edit: MatrixEdit): MistakenCall {
  const changed: Record<string, Tensor> = {};
  for (const part of ['weight', 'scale', 'bias'] as const) {
    const [name, change] = [matrix[part], edit[part]];
    const given = name === undefined ? undefined : call.operands[name];
    if (name === undefined || given === undefined || change === undefined) continue;
    const shape = part === 'scale' ? scaleShape(matrix) : given.layout.shape;
    const edited = readAs(change(plainOf(given, shape)), rowMajor(given.layout.shape));
    changed[name] = { ...storedIn(edited, given.layout, fillOf(given.layout)), name: given.name };
  }
  return withOperands(call, changed);
}

/** Both matrices edited, as far as the call has them. */
export function withMatrices(call: KernelCall, edit: (matrix: Matrix) => MatrixEdit): MistakenCall {
  return matricesOf(call).reduce((edited: MistakenCall, matrix) => withMatrix(edited, matrix, edit(matrix)), call);
}

/** Variants of a hypothesis read the same operands again and again. */
const PLAIN = new WeakMap<Tensor, Tensor>();

function plainOf(given: Tensor, shape: readonly number[]): Tensor {
  const known = PLAIN.get(given);
  if (known !== undefined) return known;
  const plain = readAs(toRowMajor(given), rowMajor(shape));
  PLAIN.set(given, plain);
  return plain;
}

/** Weight or scales of a matrix, row-major [E, rows, …]. */
export function plainPart(call: KernelCall, matrix: Matrix, part: 'weight' | 'scale'): Tensor {
  const given = call.operands[matrix[part]] as Tensor;
  return plainOf(given, part === 'scale' ? scaleShape(matrix) : given.layout.shape);
}

/** Scales of 1 in padding; nothing else has any. */
function fillOf(layout: Layout): number {
  return layout.storageSize === layout.size ? 0 : SCALE_OF_ONE;
}

const SCALE_OF_ONE = 0x7f;

/**
 * What a kernel that reads one layout makes of values that were stored in another. Layouts may have other shapes of the same size, and
 * scales other padding: what is missing then are scales of 1, what is over is not read.
 * @param plain row-major
 * @throws ShapeRejectedError from the layouts
 */
export function misread(plain: Tensor, stored: Layout, read: Layout): Tensor {
  const source = storedIn(readAs(plain, rowMajor(stored.shape)), stored, fillOf(stored));
  const bytes = resized(source.bytes, storageBytes({ type: plain.type, layout: read }));
  const taken = tensor(plain.name, plain.type, read, bytes, plain.scaling);
  return readAs(toRowMajor(taken), plain.layout);
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  const out = new Uint8Array(length).fill(SCALE_OF_ONE);
  out.set(bytes.subarray(0, length));
  return out;
}

/** A range of rows of every expert: `count` rows from row `from`, to row `to`. Rows that nothing is moved to are zero. */
export interface MovedRows {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** The rows of every expert moved. @param plain row-major [E, rows, …] */
export function moveRows(plain: Tensor, ranges: readonly MovedRows[]): Tensor {
  const [experts = 0, rows = 0, ...inner] = plain.layout.shape;
  const width = (inner.reduce((product, size) => product * size, 1) * elementBits(plain.type)) / 8;
  const out = new Uint8Array(plain.bytes.length);
  for (let expert = 0; expert < experts; expert += 1) {
    const start = expert * rows * width;
    for (const { from, to, count } of ranges) {
      const own = plain.bytes.subarray(start + from * width, start + (from + count) * width);
      out.set(own, start + to * width);
    }
  }
  return { ...plain, bytes: out };
}

/** Other bytes in the same place. */
export function mapBytes(plain: Tensor, of: (byte: number) => number): Tensor {
  const table = Uint8Array.from({ length: 256 }, (_, byte) => of(byte));
  return { ...plain, bytes: plain.bytes.map((byte) => table[byte] as number) };
}

/** A variant by its detail. */
export function way(detail: string, make: () => MistakenCall): Variant {
  return { detail, make };
}
