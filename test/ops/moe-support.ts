import { encodeArray } from '../../src/formats/encode.ts';
import {
  gateUpInterleaved,
  rowMajor,
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/catalog.ts';
import type { Layout } from '../../src/layout/layout.ts';
import type { W13Family } from '../../src/ops/shared/moe-operands.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { noise, stored } from './gemm-moe-support.ts';

export type MoeName = 'x' | 'w1' | 'w1_scale' | 'w1_bias' | 'w2' | 'w2_scale' | 'w2_bias' | 'topk_ids' | 'topk_weights';
export type MoeOperands = Record<MoeName, Tensor>;

export interface MoeShape {
  readonly tokens: number;
  readonly experts: number;
  readonly topk: number;
  readonly hidden: number;
  readonly inter: number;
}

export const bf16 = (name: string, shape: readonly number[], values: Float32Array): Tensor =>
  tensorFrom(name, 'bf16', shape, encodeArray('bf16', values));

export const i32 = (name: string, shape: readonly number[], values: readonly number[]): Tensor =>
  tensorFrom(name, 'i32', shape, Int32Array.from(values));

/** A random problem with row-major, separated weights and non-uniform scales. The experts of a token are distinct. */
export function moeProblem({ tokens, experts, topk, hidden, inter }: MoeShape, seed: number): MoeOperands {
  const next = noise(seed);
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => next() & 255);
  const scales = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => 120 + (next() % 7));
  const floats = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => (next() / 2 ** 32) * 2 - 1);
  const ids = Array.from({ length: tokens * topk }, (_, i) => (Math.floor(i / topk) * 5 + (i % topk)) % experts);
  return {
    x: bf16('x', [tokens, hidden], floats(tokens * hidden)),
    w1: tensorFrom('w1', 'e2m1', [experts, 2 * inter, hidden], bytes(experts * inter * hidden)),
    w1_scale: tensorFrom(
      'w1_scale',
      'e8m0',
      [experts, 2 * inter, hidden / 32],
      scales((experts * 2 * inter * hidden) / 32),
    ),
    w1_bias: tensorFrom('w1_bias', 'f32', [experts, 2 * inter], floats(experts * 2 * inter)),
    w2: tensorFrom('w2', 'e2m1', [experts, hidden, inter], bytes((experts * hidden * inter) / 2)),
    w2_scale: tensorFrom('w2_scale', 'e8m0', [experts, hidden, inter / 32], scales((experts * hidden * inter) / 32)),
    w2_bias: tensorFrom('w2_bias', 'f32', [experts, hidden], floats(experts * hidden)),
    topk_ids: i32('topk_ids', [tokens, topk], ids),
    topk_weights: tensorFrom('topk_weights', 'f32', [tokens, topk], floats(tokens * topk).map(Math.abs)),
  };
}

/** A row-major weight [E, rows, columns] and its scale in another family. The scale's padding holds NaN bytes. */
export function inFamily(weight: Tensor, scale: Tensor, family: W13Family): readonly [Tensor, Tensor] {
  const { shape } = weight.layout;
  const [experts = 0, rows = 0, groups = 0] = scale.layout.shape;
  const flat = [experts * rows, groups];
  const flatScale = assume(scale, { type: 'e8m0', layout: rowMajor(flat) });
  const both = (weightLayout: Layout, source: Tensor, scaleLayout: Layout): readonly [Tensor, Tensor] => [
    stored(weight, weightLayout),
    stored(source, scaleLayout, 255),
  ];
  switch (family) {
    case 'separated':
      return [weight, scale];
    case 'interleaved-checkpoint':
      return both(gateUpInterleaved(shape), scale, gateUpInterleaved(scale.layout.shape));
    case 'shuffled-separated':
      return both(shuffleWeight(shape, { bits: 4 }), flatScale, shuffleScale(flat));
    case 'shuffled-guinterleave':
      return both(
        shuffleWeightGuinterleave(shape, { bits: 4, gateUp: true }),
        flatScale,
        shuffleScaleGuinterleave(flat, { experts, gateUp: true }),
      );
  }
}

export const FAMILIES: readonly W13Family[] = [
  'separated',
  'interleaved-checkpoint',
  'shuffled-separated',
  'shuffled-guinterleave',
];

const E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];

/** The value of a row-major MXFP4 tensor at a flat index; written out here, independent of the library. */
export function mxfp4At(codes: Tensor, scale: Tensor, index: number): number {
  const code = ((codes.bytes[index >> 1] as number) >> (4 * (index & 1))) & 15;
  const byte = scale.bytes[Math.floor(index / 32)] as number;
  if (byte === 255) return Number.NaN;
  return (code & 8 ? -1 : 1) * (E2M1[code & 7] as number) * 2 ** (byte - 127);
}

/** All values of a row-major MXFP4 tensor. */
export function mxfp4Values(codes: Tensor, scale: Tensor): Float64Array {
  return Float64Array.from({ length: codes.layout.size }, (_, index) => mxfp4At(codes, scale, index));
}

/** Adds up the products of two rows. */
export type Dot = (a: Float64Array, b: Float64Array) => number;

export const exactDot: Dot = (a, b) => a.reduce((sum, value, k) => sum + value * (b[k] as number), 0);

/** Adds products in float32, in an order that differs with every call. */
export function shuffledDot(next: () => number): Dot {
  return (a, b) => {
    const terms = Array.from(a, (value, k) => Math.fround(Math.fround(value) * Math.fround(b[k] as number)));
    let sum = 0;
    while (terms.length > 0) {
      const at = next() % terms.length;
      sum = Math.fround(sum + (terms[at] as number));
      terms[at] = terms.at(-1) as number;
      terms.pop();
    }
    return sum;
  };
}

/** Adds blocks of 32 exactly, as integer dot products do, and the blocks in float32. */
export const blockDot: Dot = (a, b) => {
  let sum = 0;
  for (let k = 0; k < a.length; k += 32)
    sum = Math.fround(sum + Math.fround(exactDot(a.subarray(k, k + 32), b.subarray(k, k + 32))));
  return sum;
};

/** `rows(r) @ weight[e].T + bias[e]` of one route, [rows]. */
export function linear(
  input: Float64Array,
  weight: Float64Array,
  bias: Float32Array | undefined,
  expert: number,
  rows: number,
  dot: Dot,
): Float64Array {
  const columns = input.length;
  return Float64Array.from({ length: rows }, (_, r) => {
    const start = (expert * rows + r) * columns;
    return dot(input, weight.subarray(start, start + columns)) + (bias?.[expert * rows + r] ?? 0);
  });
}
