import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeArray } from '../../src/formats/encode.ts';
import { gateUpInterleaved, rowMajor, shuffleWeight } from '../../src/layout/catalog.ts';
import { fusedMoeMxfp4 } from '../../src/ops/fused-moe-mxfp4.ts';
import type { FusedMoeParams } from '../../src/ops/shared/fused-moe-plan.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { stored, valuesOf } from './gemm-moe-support.ts';

type Name = 'x' | 'w1' | 'w1_scale' | 'w1_bias' | 'w2' | 'w2_scale' | 'w2_bias' | 'topk_ids' | 'topk_weights';
type Operands = Record<Name, Tensor>;

const bf16 = (name: string, shape: readonly number[], values: Float32Array): Tensor =>
  tensorFrom(name, 'bf16', shape, encodeArray('bf16', values));

/** Bytes `(i * a + (i >> 8) * b + c) & 255`. */
const pattern = (count: number, a = 131, b = 17, c = 7): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (i * a + (i >> 8) * b + c) & 255);

/** Three tokens, two experts, H = I = 128, in the row order of GPT-OSS checkpoints: g0, u0, g1, u1, … */
function interleavedProblem(): Operands {
  const count = (length: number, value: (i: number) => number): Float32Array =>
    Float32Array.from({ length }, (_, i) => value(i));
  const interleaved = (source: Tensor): Tensor =>
    assume(source, { type: source.type, layout: gateUpInterleaved(source.layout.shape) });
  const w1_scale = Uint8Array.from({ length: 2 * 256 * 4 }, (_, j) => 119 + ((5 * j) % 7));
  const w2_scale = Uint8Array.from({ length: 2 * 128 * 4 }, (_, j) => 118 + ((3 * j) % 5));
  return {
    x: bf16(
      'x',
      [3, 128],
      count(3 * 128, (j) => (((29 * j) % 33) - 16) / 16),
    ),
    w1: interleaved(tensorFrom('w1', 'e2m1', [2, 256, 128], pattern(32768))),
    w1_scale: interleaved(tensorFrom('w1_scale', 'e8m0', [2, 256, 4], w1_scale)),
    w1_bias: interleaved(
      tensorFrom(
        'w1_bias',
        'f32',
        [2, 256],
        count(512, (j) => (((13 * j) % 17) - 8) / 8),
      ),
    ),
    w2: tensorFrom('w2', 'e2m1', [2, 128, 128], pattern(16384, 167, 29, 3)),
    w2_scale: tensorFrom('w2_scale', 'e8m0', [2, 128, 4], w2_scale),
    w2_bias: tensorFrom(
      'w2_bias',
      'f32',
      [2, 128],
      count(256, (j) => (((7 * j) % 11) - 5) / 8),
    ),
    topk_ids: tensorFrom('topk_ids', 'i32', [3, 2], Int32Array.of(0, 1, 1, 0, 0, 1)),
    topk_weights: tensorFrom('topk_weights', 'f32', [3, 2], Float32Array.of(0.75, 0.25, 0.625, 0.375, 0.5, 0.5)),
  };
}

const FIRST_HALF = ['w1', 'w1_scale', 'w1_bias'] as const;

/** De-interleaves the named tensors; the others are passed off as separated. */
function separated(problem: Operands, names: readonly (typeof FIRST_HALF)[number][]): Operands {
  const result = { ...problem };
  for (const name of FIRST_HALF) {
    const layout = rowMajor(problem[name].layout.shape);
    result[name] = names.includes(name)
      ? stored(problem[name], layout)
      : assume(problem[name], { type: problem[name].type, layout });
  }
  return result;
}

/** `1 - 2 sum(x * y) / sum(x^2 + y^2)`, the acceptance metric of AITER's op tests. */
function logitsDiff(x: Float64Array, y: Float64Array): number {
  const sum = (term: (a: number, b: number) => number): number => x.reduce((total, a, i) => total + term(a, y[i]!), 0);
  return 1 - (2 * sum((a, b) => a * b)) / sum((a, b) => a * a + b * b);
}

describe('fused_moe_mxfp4 end to end', () => {
  const problem = interleavedProblem();
  const swiglu: FusedMoeParams = { activation: 'swiglu', swiglu_limit: 7 };
  const exactY = (operands: Operands): Float64Array => fusedMoeMxfp4.bound!(swiglu, operands).y!.exact;
  const right = separated(problem, FIRST_HALF);

  it('starts from the published bytes', () => {
    const hashes = (['w1', 'w1_scale', 'w2', 'w2_scale'] as const).map((name) =>
      createHash('sha256').update(problem[name].bytes).digest('hex'),
    );
    expect(hashes.map((hash) => hash.slice(0, 16))).toEqual([
      '6cb5ca9f2a91379b',
      '1ef8b644b30d7c44',
      '8b930aa4e55fefd5',
      '2841ea38fc9545dc',
    ]);
  });

  it('gives the printed digits', () => {
    const y = exactY(right);
    const close = (values: Float64Array, expected: readonly number[]): void => {
      for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 4);
    };
    close(y.subarray(0, 4), [-1.89822, -0.77722, -1.70145, 1.31205]);
    close(y.subarray(2 * 128 + 124), [-2.60989, 1.02026, -0.03539, -1.62252]);
    expect(y.reduce((sum, value) => sum + value, 0)).toBeCloseTo(3.8572, 3);
    expect(y.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(769.937, 2);
    const h = valuesOf(fusedMoeMxfp4.reference(swiglu, right).h);
    expect(Array.from(h.subarray(0, 4), (value) => value.toFixed(8))).toEqual([
      '0.04394531',
      '-0.83984375',
      '-0.01318359',
      '5.15625000',
    ]);
  });

  it.each([
    ['no de-interleave at all', [], 1.203],
    ['only the bias not de-interleaved', ['w1', 'w1_scale'], 0.124],
    ['only the scales not de-interleaved', ['w1', 'w1_bias'], 0.701],
  ] as const)('%s costs what it is known to cost', (_, names, expected) => {
    expect(logitsDiff(exactY(separated(problem, names)), exactY(right))).toBeCloseTo(expected, 2);
  });

  it('swapped nibbles cost what they are known to cost', () => {
    const swapped = { ...right };
    for (const name of ['w1', 'w2'] as const) {
      const bytes = right[name].bytes.map((byte) => (byte >> 4) | (byte << 4));
      swapped[name] = tensorFrom(name, 'e2m1', right[name].layout.shape, bytes);
    }
    expect(logitsDiff(exactY(swapped), exactY(right))).toBeCloseTo(1.316, 2);
  });

  it('refuses interleaved rows that say so', () => {
    expect(() => fusedMoeMxfp4.plan(swiglu, { ...right, w1: problem.w1 })).toThrow(
      /^fused_moe_mxfp4: tensor "w1" is stored as \S+ \[2, 256, 128\], but this op reads row-major\. Permute it to rowMajor\(\[2, 256, 128\]\), with all gate rows before all up rows; weight, scale and bias move together\.$/,
    );
  });

  it('refuses a shuffled second weight', () => {
    const w2 = stored(right.w2, shuffleWeight([2, 128, 128], { bits: 4 }));
    expect(() => fusedMoeMxfp4.plan(swiglu, { ...right, w2 })).toThrow(
      /^fused_moe_mxfp4: tensor "w2" is stored as shuffle_weight\S* \[2, 128, 128\], but this op reads row-major\. Permute it to rowMajor\(\[2, 128, 128\]\); weight, scale and bias move together\.$/,
    );
  });
});
