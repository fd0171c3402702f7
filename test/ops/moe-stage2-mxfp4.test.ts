import { describe, expect, it } from 'vitest';
import { encodeArray } from '../../src/formats/encode.ts';
import {
  rowMajor,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/catalog.ts';
import { type MoeStage2Params, moeStage2Mxfp4 } from '../../src/ops/moe-stage2-mxfp4.ts';
import { mxfp4Quant } from '../../src/ops/mxfp4-quant.ts';
import { mxfp8Quant } from '../../src/ops/mxfp8-quant.ts';
import { w2Family } from '../../src/ops/shared/moe-operands.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asI32 } from '../../src/tensor/views.ts';
import { noise, outside, stored, valuesOf } from './gemm-moe-support.ts';
import {
  bf16,
  blockDot,
  type Dot,
  exactDot,
  i32,
  inFamily,
  linear,
  moeProblem,
  mxfp4Values,
  shuffledDot,
} from './moe-support.ts';

type Name = 'h' | 'w2' | 'w2_scale' | 'w2_bias' | 'topk_ids' | 'topk_weights';
type Operands = Record<Name, Tensor> & { h_scale?: Tensor };

const [experts, inter, hidden, topk] = [3, 128, 64, 2];

function problem(tokens: number, seed: number): Operands {
  const { w2, w2_scale, w2_bias, topk_ids, topk_weights } = moeProblem({ tokens, experts, topk, hidden, inter }, seed);
  const next = noise(seed + 100);
  const values = Float32Array.from({ length: tokens * topk * inter }, () => (next() / 2 ** 31 - 1) * 4);
  return { h: bf16('h', [tokens, topk, inter], values), w2, w2_scale, w2_bias, topk_ids, topk_weights };
}

function quantised(operands: Operands, scheme: 'a8w4' | 'a4w4'): Operands {
  const x = operands.h;
  const { y, scale } = scheme === 'a4w4' ? mxfp4Quant.reference({}, { x }) : mxfp8Quant.reference({}, { x });
  return { ...operands, h: { ...y, name: 'h' }, h_scale: { ...scale, name: 'h_scale' } };
}

/** torch_moe_stage2 written out; sums over slots in slot order with `round` after each step. */
function bruteForce(operands: Operands, h: Float64Array, dot: Dot, round: (x: number) => number): Float64Array {
  const weight = mxfp4Values(operands.w2, operands.w2_scale);
  const weights = asF32(operands.topk_weights);
  const y = new Float64Array((h.length / inter / topk) * hidden);
  asI32(operands.topk_ids).forEach((expert, route) => {
    const row = h.subarray(route * inter, (route + 1) * inter);
    const token = Math.floor(route / topk);
    linear(row, weight, asF32(operands.w2_bias), expert, hidden, dot).forEach((value, n) => {
      const at = token * hidden + n;
      y[at] = round(y[at]! + round(weights[route]! * round(value)));
    });
  });
  return y;
}

const same = (x: number): number => x;

describe('moe_stage2_mxfp4', () => {
  it('is the formula in a16w4 and a4w4', () => {
    const operands = problem(5, 1);
    const bf = bruteForce(operands, Float64Array.from(valuesOf(operands.h)), exactDot, same);
    const { exact } = moeStage2Mxfp4.bound!({}, operands).y!;
    for (const [i, value] of exact.entries()) expect(value).toBeCloseTo(bf[i]!, 9);
    const { y } = moeStage2Mxfp4.reference({}, operands);
    expect(y.bytes).toEqual(new Uint8Array(encodeArray('bf16', exact).buffer));
    expect(y.layout.shape).toEqual([5, hidden]);
    const fp4 = quantised(operands, 'a4w4');
    const want = bruteForce(fp4, mxfp4Values(fp4.h, fp4.h_scale!), exactDot, same);
    const codes = moeStage2Mxfp4.bound!({ scheme: 'a4w4' }, fp4).y!.exact;
    for (const [i, value] of codes.entries()) expect(value).toBeCloseTo(want[i]!, 9);
  });

  it('a8w4 differs from a16w4 by the rounding of h alone', () => {
    const operands = problem(4, 2);
    const fp8 = quantised(operands, 'a8w4');
    const diff = (a: Float64Array, b: Float64Array): number =>
      Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
    const exact = moeStage2Mxfp4.bound!({}, operands).y!.exact;
    const coarse = moeStage2Mxfp4.bound!({ scheme: 'a8w4' }, fp8).y!.exact;
    expect(diff(exact, coarse)).toBeGreaterThan(0);
    expect(diff(exact, coarse)).toBeLessThan(0.05 * Math.max(...exact.map(Math.abs)));
  });

  it('reads shuffled weights to the same bits, under every name that they have', () => {
    const plain = problem(1, 3);
    const [w2, w2_scale] = inFamily(plain.w2, plain.w2_scale, 'shuffled-separated');
    const flat = [experts * hidden, inter / 32];
    const unpadded = stored(
      assume(plain.w2_scale, { type: 'e8m0', layout: rowMajor(flat) }),
      shuffleScaleGuinterleave(flat, { experts, gateUp: false }),
    );
    const guinterleave = stored(
      plain.w2,
      shuffleWeightGuinterleave([experts, hidden, inter], { bits: 4, gateUp: false }),
    );
    expect(guinterleave.bytes).toEqual(w2.bytes);
    for (const scheme of ['a16w4', 'a8w4', 'a4w4'] as const) {
      const operands = scheme === 'a16w4' ? plain : quantised(plain, scheme);
      const want = moeStage2Mxfp4.reference({ scheme }, operands).y.bytes;
      for (const weights of [
        { w2, w2_scale },
        { w2, w2_scale: unpadded },
        { w2: guinterleave, w2_scale: unpadded },
      ]) {
        expect(w2Family(weights.w2, weights.w2_scale)).toBe('shuffled-separated');
        expect(moeStage2Mxfp4.reference({ scheme }, { ...operands, ...weights }).y.bytes).toEqual(want);
      }
    }
  });

  it.each(['a16w4', 'a4w4'] as const)('bounds %s in float32, whatever the order', (scheme) => {
    const operands = scheme === 'a16w4' ? problem(3, 4) : quantised(problem(3, 4), scheme);
    const h = scheme === 'a16w4' ? Float64Array.from(valuesOf(operands.h)) : mxfp4Values(operands.h, operands.h_scale!);
    const { y } = moeStage2Mxfp4.bound!({ scheme }, operands);
    const rounded = (values: Float64Array): Float32Array =>
      valuesOf(bf16('y', [values.length], Float32Array.from(values)));
    for (const dot of [shuffledDot(noise(5)), shuffledDot(noise(6)), blockDot])
      expect(outside(rounded(bruteForce(operands, h, dot, Math.fround)), 'bf16', y)).toBe(0);
    const off = bruteForce(operands, h, exactDot, same).map((value) => value * 1.01);
    expect(outside(rounded(off), 'bf16', y)).toBeGreaterThan(0.7 * off.length);
  });

  it('leaves experts that are elsewhere out and takes one twice', () => {
    const operands = problem(1, 7);
    const run = (ids: readonly number[], weights: readonly number[]): Float64Array =>
      moeStage2Mxfp4.bound!(
        {},
        {
          ...operands,
          topk_ids: i32('topk_ids', [1, 2], ids),
          topk_weights: tensorFrom('topk_weights', 'f32', [1, 2], Float32Array.from(weights)),
        },
      ).y!.exact;
    expect(run([1, -1], [0.5, 0.5])).toEqual(run([1, 2], [0.5, 0]));
    expect(run([experts, 1], [0.5, 0.5])).toEqual(run([2, 1], [0, 0.5]));
    expect(run([-1, 9], [0.5, 0.5])).toEqual(new Float64Array(hidden));
    const [first, second, both] = [run([1, -1], [0.5, 0]), run([-1, 1], [0, 0.25]), run([1, 1], [0.5, 0.25])];
    for (const [n, value] of both.entries()) expect(value).toBeCloseTo(first[n]! + second[n]!, 10);
  });

  it('turns a scale byte of 255 into NaN', () => {
    const operands = problem(2, 8);
    const w2_scale = { ...operands.w2_scale, bytes: operands.w2_scale.bytes.slice() };
    w2_scale.bytes[4 * 7] = 255; // expert 0, row 7; token 1 goes to experts 2 and 0, token 0 to 0 and 1
    const y = valuesOf(moeStage2Mxfp4.reference({}, { ...operands, w2_scale }).y);
    expect(Array.from(y.keys()).filter((i) => Number.isNaN(y[i]!))).toEqual([7, hidden + 7]);
    expect(outside(y, 'bf16', moeStage2Mxfp4.bound!({}, { ...operands, w2_scale }).y)).toBe(0);
  });
});

describe('moe_stage2_mxfp4 refuses', () => {
  const good = problem(2, 9);
  const refuse =
    (operands: Partial<Operands>, params: object = {}): (() => unknown) =>
    () =>
      moeStage2Mxfp4.plan(params as MoeStage2Params, { ...good, ...operands });

  it('what does not fit', () => {
    expect(refuse({}, { scheme: 'fp8' })).toThrow(
      'moe_stage2_mxfp4: parameter "scheme": is "fp8", expected a16w4 or a8w4 or a4w4.',
    );
    expect(refuse({ topk_ids: i32('topk_ids', [2, 3], [0, 1, 2, 0, 1, 2]) })).toThrow(
      'moe_stage2_mxfp4: operand "topk_ids": has shape [2, 3], expected [2, 2] (T, topk of h).',
    );
    const w2 = tensorFrom('w2', 'e2m1', [experts, hidden, 64], new Uint8Array((experts * hidden * 64) / 2));
    expect(refuse({ w2 })).toThrow(
      'moe_stage2_mxfp4: operand "w2": has shape [3, 64, 64], expected [*, *, 128] (E, H, I = 128 of h).',
    );
    const w2_scale = tensorFrom('w2_scale', 'e8m0', [2, hidden, 4], new Uint8Array(2 * hidden * 4));
    expect(refuse({ w2_scale })).toThrow(
      'moe_stage2_mxfp4: operand "w2_scale": has shape [2, 64, 4], but its weight "w2" has [3, 64, 128]: ' +
        'expected [3, 64, 4] (E, rows, columns / 32), or [192, 4] where the scales are shuffled.',
    );
    const h_scale = tensorFrom('h_scale', 'e8m0', [2, 2, 4], new Uint8Array(16));
    expect(refuse({ h_scale })).toThrow(
      'moe_stage2_mxfp4: operand "h_scale": is given, but scheme a16w4 reads bf16 activations without scales. ' +
        'Leave it out, or name scheme a8w4 or a4w4.',
    );
  });

  it('layouts that are apart or are not its own', () => {
    const [w2, w2_scale] = inFamily(good.w2, good.w2_scale, 'shuffled-separated');
    expect(refuse({ w2 })).toThrow(
      'moe_stage2_mxfp4: tensor "w2_scale" is stored as row-major [3, 64, 4], but its weight "w2" is stored as ' +
        'shuffle_weight(16,16), which goes with shuffle_scale scales. Permute the scales to shuffleScale([192, 4]), ' +
        'or store the weights as the scales are; weight and scale move together.',
    );
    expect(refuse({ w2_scale })).toThrow('Permute the scales to rowMajor([3, 64, 4]), or store');
    const tiled = stored(good.w2, shuffleWeight([experts, hidden, inter], { bits: 4, tile: [32, 16] }));
    expect(refuse({ w2: tiled })).toThrow(
      'moe_stage2_mxfp4: tensor "w2" is stored as shuffle_weight(32,16) [3, 64, 128], but this op reads row-major or ' +
        'shuffle_weight(16,16). Permute it to rowMajor([3, 64, 128]); weight and scale move together.',
    );
    const [gateUp] = inFamily(good.w2, good.w2_scale, 'shuffled-guinterleave');
    expect(refuse({ w2: gateUp })).toThrow('this op reads row-major or shuffle_weight(16,16).');
  });
});
