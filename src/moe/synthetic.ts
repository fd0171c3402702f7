import { ParameterError } from '../errors.ts';
import { encodeArray } from '../formats/encode.ts';
import { gateUpInterleaved } from '../layout/gate-up.ts';
import { rowMajor } from '../layout/plain.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ExpertWeights, MX_BLOCK } from './expert-weights.ts';

/** Sizes of a mixture-of-experts layer. */
export interface MoeLayerSizes {
  readonly experts: number;
  readonly hidden: number;
  readonly inter: number;
}

/** Seeds that keep the two matrices apart. */
const W13 = 0x9e3779b9;
const W2 = 0x7f4a7c15;

/** Bytes of one expert of one matrix, as a checkpoint stores them. */
export interface SyntheticMatrix {
  /** Packed e2m1 `[rows, columns / 2]`. */
  readonly blocks: Uint8Array;
  /** e8m0 `[rows, columns / 32]`. */
  readonly scales: Uint8Array;
  /** `[rows]`, exact in bf16. */
  readonly bias: Float32Array;
}

/** One expert in checkpoint order: rows of `gateUp` are g0, u0, g1, u1, …. */
export interface SyntheticExpert {
  readonly gateUp: SyntheticMatrix;
  readonly down: SyntheticMatrix;
}

/**
 * One expert of a synthetic layer, the same bytes that `syntheticLayer` puts there: for layers that do not fit into memory.
 * @throws ParameterError for sizes that are no multiples of 32
 */
export function syntheticExpert(sizes: Omit<MoeLayerSizes, 'experts'>, expert: number): SyntheticExpert {
  requireSizes({ ...sizes, experts: expert + 1 });
  const { hidden, inter } = sizes;
  const empty = (rows: number, columns: number): SyntheticMatrix => ({
    blocks: new Uint8Array((rows * columns) / 2),
    scales: new Uint8Array((rows * columns) / MX_BLOCK),
    bias: new Float32Array(rows),
  });
  const made = { gateUp: empty(2 * inter, hidden), down: empty(hidden, inter) };
  fillMatrix(made.gateUp, W13, expert, 2 * inter, hidden);
  fillMatrix(made.down, W2, expert, hidden, inter);
  return made;
}

/**
 * A synthetic GPT-OSS layer in checkpoint order (L0), the same each time. Codes are a hash of matrix, expert, row and column, so
 * that 16 codes tell their address; neighbouring scales differ in both directions, and exponents stay
 * between -14 and -4, so that outputs are finite and the swiglu limit acts now and then; biases differ from row to row.
 * The 20b layer takes 398 MB of weights and 25 MB of scales.
 *
 * @throws ParameterError for sizes that are no multiples of 32
 */
export function syntheticLayer(sizes: MoeLayerSizes): ExpertWeights {
  requireSizes(sizes);
  const { experts, hidden, inter } = sizes;
  const gateUp = stack(experts, 2 * inter, hidden, W13);
  const down = stack(experts, hidden, inter, W2);
  const groups = hidden / MX_BLOCK;
  const rows = 2 * inter;
  return {
    w13: tensor('w13', 'e2m1', gateUpInterleaved([experts, rows, hidden]), gateUp.blocks),
    w13_scale: tensor('w13_scale', 'e8m0', gateUpInterleaved([experts, rows, groups]), gateUp.scales, 'e8m0'),
    w13_bias: tensor('w13_bias', 'f32', gateUpInterleaved([experts, rows]), asBytes(gateUp.bias)),
    w2: tensor('w2', 'e2m1', rowMajor([experts, hidden, inter]), down.blocks),
    w2_scale: tensor('w2_scale', 'e8m0', rowMajor([experts, hidden, inter / MX_BLOCK]), down.scales, 'e8m0'),
    w2_bias: tensor('w2_bias', 'f32', rowMajor([experts, hidden]), asBytes(down.bias)),
  };
}

function stack(experts: number, rows: number, columns: number, seed: number): SyntheticMatrix {
  const blocks = new Uint8Array((experts * rows * columns) / 2);
  const scales = new Uint8Array((experts * rows * columns) / MX_BLOCK);
  const bias = new Float32Array(experts * rows);
  for (let expert = 0; expert < experts; expert += 1) {
    const part = <T extends Uint8Array | Float32Array>(all: T): T => {
      const length = all.length / experts;
      return all.subarray(expert * length, (expert + 1) * length) as T;
    };
    fillMatrix({ blocks: part(blocks), scales: part(scales), bias: part(bias) }, seed, expert, rows, columns);
  }
  return { blocks, scales, bias };
}

function fillMatrix(into: SyntheticMatrix, seed: number, expert: number, rows: number, columns: number): void {
  const words = new Uint32Array(into.blocks.buffer, into.blocks.byteOffset, into.blocks.byteLength / 4);
  const perRow = columns / 8;
  const groups = columns / MX_BLOCK;
  let at = 0;
  for (let row = 0; row < rows; row += 1) {
    const base = mixed(Math.imul(expert + 1, 0x85ebca6b) ^ Math.imul(row + 1, seed));
    for (let word = 0; word < perRow; word += 1) {
      let hash = Math.imul(base ^ Math.imul(word + 1, 0xc2b2ae35), 0x2c1b3c6d);
      hash = Math.imul(hash ^ (hash >>> 15), 0x297a2d39);
      words[at] = hash ^ (hash >>> 16);
      at += 1;
    }
    for (let group = 0; group < groups; group += 1)
      into.scales[row * groups + group] = syntheticScale(expert, row, group);
    // Odd rows (up, in w13) and even rows draw from different sets, so that a bias in the wrong order shows.
    into.bias[row] = (((13 * row + 5 * expert) % 61) - 30) / (row % 2 === 0 ? 64 : 128);
  }
}

/** Exponents of neighbouring rows, groups, 16-row blocks and experts differ; no shift maps the pattern onto itself soon. */
function syntheticScale(expert: number, row: number, group: number): number {
  const step = 5 * row + Math.floor(row / 11) + 3 * group + Math.floor(group / 11) + 2 * expert;
  return 113 + (step % 11);
}

function requireSizes(sizes: MoeLayerSizes): void {
  const { experts, hidden, inter } = sizes;
  for (const [name, value] of Object.entries({ experts, hidden, inter })) {
    const multiple = name === 'experts' ? 1 : MX_BLOCK;
    if (Number.isSafeInteger(value) && value > 0 && value % multiple === 0) continue;
    throw new ParameterError('syntheticLayer', name, `is ${value}, expected a positive multiple of ${multiple}.`);
  }
}

/** Activations bf16 `[T, H]` between -2 and 2, different for every token and column. */
export function syntheticTokens(tokens: number, hidden: number): Tensor<'bf16', 'row-major'> {
  const values = Float32Array.from({ length: tokens * hidden }, (_, index) => 2 * noise(index, 0x51ed270b));
  return tensor('x', 'bf16', rowMajor([tokens, hidden]), asBytes(encodeArray('bf16', values)));
}

/**
 * Router logits f32 `[T, E]` that give ragged routing: a few experts are popular, and one in five gets no token. No two logits of
 * a row are equal.
 */
export function syntheticLogits(tokens: number, experts: number): Tensor<'f32', 'row-major'> {
  const values = Float32Array.from({ length: tokens * experts }, (_, index) => {
    const expert = index % experts;
    const popularity = 1.5 / (1 + ((expert * 7) % 13));
    const unused = expert % 5 === 3 ? -16 : 0;
    return noise(index, 0x1b873593) + popularity + unused + expert * 2 ** -16;
  });
  return tensor('logits', 'f32', rowMajor([tokens, experts]), asBytes(values));
}

/** A number in (-1, 1) from an index. */
function noise(index: number, seed: number): number {
  return (mixed(Math.imul(index + 1, seed)) >> 8) / 2 ** 23;
}

/** Spreads every bit of a 32-bit number over all others; a bijection. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return hash ^ (hash >>> 15);
}
