import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { logitsDiff } from '../../src/golden/logits-diff.ts';
import { gateUpInterleaved, rowMajor, shuffleScale, shuffleWeight } from '../../src/layout/catalog.ts';
import { fusedMoeMxfp4 } from '../../src/ops/fused-moe-mxfp4.ts';
import type { FusedMoeParams } from '../../src/ops/shared/fused-moe-plan.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { stored, valuesOf } from './gemm-moe-support.ts';
import { bf16, FAMILIES, inFamily, type MoeOperands as Operands } from './moe-support.ts';

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

  it('reads the checkpoint order as it is, and every shuffle', () => {
    for (const family of FAMILIES) {
      const [w1, w1_scale] = inFamily(right.w1, right.w1_scale, family);
      const [w2, w2_scale] = inFamily(right.w2, right.w2_scale, 'shuffled-separated');
      expect(exactY({ ...right, w1, w1_scale, w2, w2_scale })).toEqual(exactY(right));
    }
    const { w1, w1_scale } = problem;
    expect(exactY({ ...right, w1, w1_scale })).toEqual(exactY(right));
  });

  it.each([
    [
      'RoundUp',
      [-1.18213, -0.43164, -1.3103, 1.86914],
      [-2.60449, 1.29688, -0.18066, -1.60034],
      4.6166,
      757.68,
      0.0129,
    ],
    ['Even', [-1.40479, -0.44702, -1.32788, 1.59961], [-2.5498, 1.40234, -0.13574, -1.6062], 5.7697, 737.207, 0.0098],
  ] as const)('gives the printed digits of a4w4 %s', (quantMode, first, last, sum, squares, difference) => {
    const y = fusedMoeMxfp4.bound!({ ...swiglu, scheme: 'a4w4', quantMode }, right).y!.exact;
    for (const [i, value] of first.entries()) expect(y[i]).toBeCloseTo(value, 4);
    for (const [i, value] of last.entries()) expect(y[2 * 128 + 124 + i]).toBeCloseTo(value, 4);
    expect(y.reduce((total, value) => total + value, 0)).toBeCloseTo(sum, 3);
    expect(y.reduce((total, value) => total + value * value, 0)).toBeCloseTo(squares, 2);
    expect(logitsDiff(y, exactY(right))).toBeCloseTo(difference, 3);
  });

  it('shows what a kernel of the other gate mode makes of shuffled weights', () => {
    const [w1, w1_scale] = inFamily(right.w1, right.w1_scale, 'shuffled-guinterleave');
    const misread = {
      ...right,
      w1: assume(w1, { type: 'e2m1', layout: shuffleWeight(w1.layout.shape, { bits: 4 }) }),
      // The groups of 32 rows are the same without the padding to 256 rows, of which there is none here.
      w1_scale: assume(w1_scale, { type: 'e8m0', layout: shuffleScale(w1_scale.layout.shape) }),
    };
    expect(logitsDiff(exactY(misread), exactY(right))).toBeCloseTo(0.952, 2);
  });

  it('shows what a second de-interleave makes of them', () => {
    const twice = { ...right };
    for (const name of FIRST_HALF) {
      const { type, layout } = right[name];
      twice[name] = stored(assume(right[name], { type, layout: gateUpInterleaved(layout.shape) }), layout);
    }
    expect(logitsDiff(exactY(twice), exactY(right))).toBeCloseTo(0.831, 2);
  });

  it('refuses a shuffled second weight with plain scales', () => {
    const w2 = stored(right.w2, shuffleWeight([2, 128, 128], { bits: 4 }));
    expect(() => fusedMoeMxfp4.plan(swiglu, { ...right, w2 })).toThrow(
      'fused_moe_mxfp4: tensor "w2_scale" is stored as row-major [2, 128, 4], but its weight "w2" is stored as shuffle_weight(16,16), ' +
        'which goes with shuffle_scale scales. Permute the scales to shuffleScale([256, 4]), or store the weights as the scales are; ' +
        'weight and scale move together.',
    );
  });
});
