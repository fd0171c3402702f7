import { describe, expect, it } from 'vitest';
import { encodeArray } from '../../src/formats/encode.ts';
import { gateUpInterleaved, shuffleWeight } from '../../src/layout/catalog.ts';
import { shuffledCheckpoint } from '../../src/layout/w13-faults.ts';
import { type MoeStage1Params, moeStage1Mxfp4 } from '../../src/ops/moe-stage1-mxfp4.ts';
import { mxfp4Quant } from '../../src/ops/mxfp4-quant.ts';
import { mxfp8Quant } from '../../src/ops/mxfp8-quant.ts';
import { w13Family } from '../../src/ops/shared/moe-operands.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { noise, outside, stored, valuesOf } from './gemm-moe-support.ts';
import {
  bf16,
  blockDot,
  type Dot,
  exactDot,
  FAMILIES,
  i32,
  inFamily,
  linear,
  moeProblem,
  mxfp4Values,
  shuffledDot,
} from './moe-support.ts';

type Name = 'x' | 'x_scale' | 'w13' | 'w13_scale' | 'w13_bias' | 'topk_ids';
type Operands = Record<Exclude<Name, 'x_scale'>, Tensor> & { x_scale?: Tensor };

const [experts, inter, hidden] = [3, 64, 128];

function problem(tokens: number, seed: number): Operands {
  const { x, w1, w1_scale, w1_bias, topk_ids } = moeProblem({ tokens, experts, topk: 2, hidden, inter }, seed);
  const named = (source: Tensor, name: string): Tensor => ({ ...source, name });
  return {
    x,
    w13: named(w1, 'w13'),
    w13_scale: named(w1_scale, 'w13_scale'),
    w13_bias: named(w1_bias, 'w13_bias'),
    topk_ids,
  };
}

/** x in the codes of a scheme, and the values that they stand for. */
function quantised(operands: Operands, scheme: MoeStage1Params['scheme']): readonly [Operands, Float64Array] {
  const { x } = operands;
  if (scheme === 'a16w4') return [operands, Float64Array.from(valuesOf(x))];
  const { y, scale } = scheme === 'a4w4' ? mxfp4Quant.reference({}, { x }) : mxfp8Quant.reference({}, { x });
  const fp8 = (code: number): number => {
    const exponent = (code >> 3) & 15;
    const magnitude = exponent === 0 ? (code & 7) / 512 : (8 + (code & 7)) * 2 ** (exponent - 10);
    return code & 128 ? -magnitude : magnitude;
  };
  const values =
    scheme === 'a4w4'
      ? mxfp4Values(y, scale)
      : Float64Array.from(y.bytes, (code, i) => fp8(code) * 2 ** (scale.bytes[i >> 5]! - 127));
  return [{ ...operands, x: { ...y, name: 'x' }, x_scale: { ...scale, name: 'x_scale' } }, values];
}

/** torch_moe_stage1 written out, [T * topk, I]. */
function bruteForce(
  operands: Operands,
  x: Float64Array,
  act: (gate: number, up: number) => number,
  dot: Dot,
): Float64Array {
  const weight = mxfp4Values(operands.w13, operands.w13_scale);
  const ids = new Int32Array(operands.topk_ids.bytes.buffer);
  const h: number[] = [];
  ids.forEach((expert, route) => {
    const token = route >> 1;
    const row = x.subarray(token * hidden, (token + 1) * hidden);
    const z = linear(row, weight, asF32(operands.w13_bias), expert, 2 * inter, dot);
    for (let i = 0; i < inter; i += 1) h.push(act(z[i]!, z[inter + i]!));
  });
  return Float64Array.from(h);
}

const clamp = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, value));
const ACTS = {
  silu: (gate: number, up: number) => (gate / (1 + Math.exp(-gate))) * up,
  swiglu: (gate: number, up: number) =>
    (Math.min(gate, 7) / (1 + Math.exp(-1.702 * Math.min(gate, 7)))) * (clamp(up, 7) + 1),
} as const;

describe('moe_stage1_mxfp4', () => {
  it.each(['a16w4', 'a8w4', 'a4w4'] as const)('%s is the formula', (scheme) => {
    for (const activation of ['silu', 'swiglu'] as const) {
      const [operands, x] = quantised(problem(5, 1), scheme);
      const want = bruteForce(operands, x, ACTS[activation], exactDot);
      const { exact } = moeStage1Mxfp4.bound!({ activation, scheme }, operands).h!;
      for (const [i, value] of exact.entries()) expect(value).toBeCloseTo(want[i]!, 9);
      const { h } = moeStage1Mxfp4.reference({ activation, scheme }, operands);
      expect(h.bytes).toEqual(new Uint8Array(encodeArray('bf16', exact).buffer));
      expect(h.layout.shape).toEqual([5, 2, inter]);
    }
  });

  it.each(FAMILIES)('reads %s to the same bits', (family) => {
    const plain = problem(1, 2);
    const [w13, w13_scale] = inFamily(plain.w13, plain.w13_scale, family);
    expect(w13Family(w13, w13_scale)).toBe(family);
    for (const scheme of ['a16w4', 'a8w4', 'a4w4'] as const) {
      const [operands] = quantised(plain, scheme);
      const params = { activation: 'swiglu', scheme } as const;
      const want = moeStage1Mxfp4.reference(params, operands).h.bytes;
      expect(moeStage1Mxfp4.reference(params, { ...operands, w13, w13_scale }).h.bytes).toEqual(want);
    }
  });

  it.each(['a16w4', 'a8w4', 'a4w4'] as const)('bounds %s in float32, whatever the order', (scheme) => {
    const [operands, x] = quantised(problem(3, 3), scheme);
    const { h } = moeStage1Mxfp4.bound!({ activation: 'swiglu', scheme }, operands);
    for (const dot of [shuffledDot(noise(7)), shuffledDot(noise(8)), blockDot]) {
      const single = bruteForce(operands, x, ACTS.swiglu, dot);
      expect(outside(rounded(single), 'bf16', h)).toBe(0);
    }
    const off = bruteForce(operands, x, (gate, up) => ACTS.swiglu(gate, up) * 1.01, exactDot);
    expect(outside(rounded(off), 'bf16', h)).toBeGreaterThan(0.7 * off.length);
  });

  it('gelu is that of torch, with erf', () => {
    // Only the bias counts: gate values with known results, up = 1.
    const gates = [-6, -3, -2.3, -1, -0.5, 0, 0.5, 1, 2.3, 6];
    const want = [
      -5.919474e-9, -0.00404969409, -0.02466545305, -0.15865525393, -0.15426876937, 0, 0.34573123063, 0.84134474607,
      2.27533454698, 5.99999999408,
    ];
    const bias = Float32Array.from({ length: experts * 2 * inter }, (_, i) =>
      i % (2 * inter) < inter ? (gates[i % (2 * inter)] ?? 0) : 1,
    );
    const operands = {
      ...problem(1, 4),
      w13: tensorFrom('w13', 'e2m1', [experts, 2 * inter, hidden], new Uint8Array(experts * inter * hidden)),
      w13_bias: tensorFrom('w13_bias', 'f32', [experts, 2 * inter], bias),
    };
    const { exact, error } = moeStage1Mxfp4.bound!({ activation: 'gelu' }, operands).h!;
    // float32 values of the gates: 2.3 is off by 4e-8.
    for (const [i, value] of want.entries()) {
      expect(exact[i]).toBeCloseTo(value, 6);
      expect(error[i]).toBeLessThan(2e-4);
    }
  });

  it('gives 0 for experts that are elsewhere, and takes an expert twice', () => {
    const operands = problem(2, 5);
    const ids = (...values: number[]): Tensor => i32('topk_ids', [2, 2], values);
    const run = (topk_ids: Tensor): Float32Array =>
      valuesOf(moeStage1Mxfp4.reference({ activation: 'silu' }, { ...operands, topk_ids }).h);
    const all = run(ids(0, 1, 2, 0));
    const some = run(ids(0, -1, 3, 0));
    expect(some.subarray(0, inter)).toEqual(all.subarray(0, inter));
    expect(some.subarray(inter, 3 * inter).every((value) => value === 0)).toBe(true);
    expect(some.subarray(3 * inter)).toEqual(all.subarray(3 * inter));
    const twice = run(ids(1, 1, 2, 0));
    expect(twice.subarray(0, inter)).toEqual(all.subarray(inter, 2 * inter));
    expect(twice.subarray(inter, 2 * inter)).toEqual(all.subarray(inter, 2 * inter));
  });

  it('turns a scale byte of 255 into NaN, for its row only', () => {
    for (const scheme of ['a16w4', 'a4w4'] as const) {
      const [operands] = quantised(problem(1, 6), scheme);
      const w13_scale = { ...operands.w13_scale, bytes: operands.w13_scale.bytes.slice() };
      w13_scale.bytes[(hidden / 32) * 5] = 255; // expert 0, gate row 5
      const params = { activation: 'swiglu', scheme } as const;
      const h = valuesOf(moeStage1Mxfp4.reference(params, { ...operands, w13_scale }).h);
      expect(Array.from(h.keys()).filter((i) => Number.isNaN(h[i]!))).toEqual([5]);
      expect(outside(h, 'bf16', moeStage1Mxfp4.bound!(params, { ...operands, w13_scale }).h)).toBe(0);
      if (operands.x_scale === undefined) continue;
      const x_scale = { ...operands.x_scale, bytes: operands.x_scale.bytes.map(() => 255) };
      expect(valuesOf(moeStage1Mxfp4.reference(params, { ...operands, x_scale }).h).every(Number.isNaN)).toBe(true);
    }
  });

  it('promises nothing where float32 may overflow', () => {
    const operands = problem(1, 7);
    const huge = { ...operands, x: bf16('x', [1, hidden], new Float32Array(hidden).fill(2 ** 127)) };
    const { error } = moeStage1Mxfp4.bound!({ activation: 'swiglu' }, huge).h!;
    expect(error.every((value) => value === Number.POSITIVE_INFINITY)).toBe(true);
  });
});

const rounded = (values: Float64Array): Float32Array => valuesOf(bf16('h', [values.length], Float32Array.from(values)));

describe('moe_stage1_mxfp4 refuses', () => {
  const good = problem(2, 8);
  const refuse =
    (operands: Partial<Operands>, params: object = {}): (() => unknown) =>
    () =>
      moeStage1Mxfp4.plan({ activation: 'silu', ...params } as MoeStage1Params, { ...good, ...operands });
  const e2m1 = (name: string, shape: readonly number[]): Tensor =>
    tensorFrom(name, 'e2m1', shape, new Uint8Array(shape.reduce((product, size) => product * size, 1) / 2));
  const e8m0 = (name: string, shape: readonly number[]): Tensor =>
    tensorFrom(name, 'e8m0', shape, new Uint8Array(shape.reduce((product, size) => product * size, 1)));

  it.each([
    [{ activation: 'relu' }, 'parameter "activation": is "relu", expected silu or swiglu or gelu.'],
    [{ activation: undefined }, 'parameter "activation": is missing, expected silu or swiglu or gelu.'],
    [{ scheme: 'a8w8' }, 'parameter "scheme": is "a8w8", expected a16w4 or a8w4 or a4w4.'],
    [{ activation: 'gelu', swiglu_limit: 7 }, 'parameter "swiglu_limit": is 7, but gelu has no clamp. Leave it out.'],
    [{ scheme: 'a4w4' }, 'operand "x": is bf16, expected e2m1 with scheme a4w4. Quantise it with mxfp4_quant.'],
  ])('%j', (params, message) => {
    expect(refuse({}, params)).toThrow(`moe_stage1_mxfp4: ${message}`);
  });

  it('scales that are missing, needless or of another shape', () => {
    const x = tensorFrom('x', 'e4m3fn', [2, hidden], new Uint8Array(2 * hidden));
    expect(refuse({ x }, { scheme: 'a8w4' })).toThrow(
      'moe_stage1_mxfp4: operand "x_scale": missing. Scheme a8w4 reads e4m3fn codes with one e8m0 scale for 32 columns. ' +
        'Pass the scale that mxfp8_quant returns.',
    );
    expect(refuse({ x_scale: e8m0('x_scale', [2, 4]) })).toThrow(
      'moe_stage1_mxfp4: operand "x_scale": is given, but scheme a16w4 reads bf16 activations without scales. ' +
        'Leave it out, or name scheme a8w4 or a4w4.',
    );
    expect(refuse({ x }, {})).toThrow(
      'moe_stage1_mxfp4: operand "x": is e4m3fn, expected bf16 with scheme a16w4. Convert it with encode, or name the scheme of its codes.',
    );
    expect(refuse({ x, x_scale: e8m0('x_scale', [2, 8]) }, { scheme: 'a8w4' })).toThrow(
      'moe_stage1_mxfp4: operand "x_scale": has shape [2, 8], expected [2, 4] (T, H / 32 of x).',
    );
    expect(refuse({ w13_scale: e8m0('w13_scale', [4, 128, 4]) })).toThrow(
      'moe_stage1_mxfp4: operand "w13_scale": has shape [4, 128, 4], but its weight "w13" has [3, 128, 128]: ' +
        'expected [3, 128, 4] (E, rows, columns / 32), or [384, 4] where the scales are shuffled.',
    );
  });

  it('weights without pairs of rows or whole blocks', () => {
    expect(refuse({ w13: e2m1('w13', [3, 127, hidden]) })).toThrow(
      'moe_stage1_mxfp4: operand "w13": has 127 rows an expert, expected an even number: I gate rows and I up rows.',
    );
    expect(refuse({ w13: e2m1('w13', [3, 96, hidden]) })).toThrow(
      'moe_stage1_mxfp4: operand "w13": has I (half of its rows) = 48, expected a multiple of 32: 32 elements share a scale. Pad with zeros.',
    );
    expect(refuse({ w13: e2m1('w13', [3, 128, 64]) })).toThrow(
      'moe_stage1_mxfp4: operand "w13": has shape [3, 128, 64], expected [*, *, 128] (E, 2 * I, H = 128 of x).',
    );
  });

  it('more slots than experts, and a bf16 bias', () => {
    expect(refuse({ topk_ids: i32('topk_ids', [2, 4], new Array(8).fill(0)) })).toThrow(
      'moe_stage1_mxfp4: operand "topk_ids": routes each token to 4 experts, but the weights have 3. Are ids and weights of the same model?',
    );
    expect(refuse({ w13_bias: bf16('w13_bias', [3, 128], new Float32Array(384)) })).toThrow(
      'moe_stage1_mxfp4: operand "w13_bias": is bf16, expected f32; AITER says "MoE bias must be fp32". Convert it with encode.',
    );
    const shape = [3, 128];
    expect(refuse({ w13_bias: assume(good.w13_bias, { type: 'f32', layout: gateUpInterleaved(shape) }) })).toThrow(
      'moe_stage1_mxfp4: tensor "w13_bias" is stored as gate_up_interleaved [3, 128], but this op reads row-major. ' +
        'Permute it to rowMajor([3, 128]), all gate rows before all up rows, however the weights are stored.',
    );
  });

  it('weight and scale in different families', () => {
    const [l2, l2Scale] = inFamily(good.w13, good.w13_scale, 'shuffled-separated');
    const [l3] = inFamily(good.w13, good.w13_scale, 'shuffled-guinterleave');
    expect(refuse({ w13: l3, w13_scale: l2Scale })).toThrow(
      'moe_stage1_mxfp4: tensor "w13_scale" is stored as shuffle_scale [384, 4], but its weight "w13" is stored as ' +
        'shuffle_weight(guinterleave,gate_up), which goes with shuffle_scale(guinterleave,gate_up) scales. Permute the scales to ' +
        'shuffleScaleGuinterleave([384, 4], { experts: 3, gateUp: true }), or store the weights as the scales are; weight and scale move together.',
    );
    expect(refuse({ w13: l2 })).toThrow(
      'moe_stage1_mxfp4: tensor "w13_scale" is stored as row-major [3, 128, 4], but its weight "w13" is stored as ' +
        'shuffle_weight(16,16), which goes with shuffle_scale scales. Permute the scales to shuffleScale([384, 4]), ' +
        'or store the weights as the scales are; weight and scale move together.',
    );
    expect(refuse({ w13_scale: l2Scale })).toThrow('Permute the scales to rowMajor([3, 128, 4]), or store');
  });

  it('rows that were never de-interleaved, by name', () => {
    const layout = shuffledCheckpoint([3, 128, hidden], { bits: 4, shuffle: 'separated' });
    expect(refuse({ w13: stored(good.w13, layout) })).toThrow(
      'moe_stage1_mxfp4: tensor "w13" is stored as gate_up_interleaved+shuffle_weight(16,16) [3, 128, 128], which is L4: ' +
        'de-interleave forgotten, shuffled for SEPARATED. This op reads row-major or gate_up_interleaved or shuffle_weight(16,16) or ' +
        'shuffle_weight(guinterleave,gate_up). Start again from the checkpoint: de-interleave once, then shuffle once, weight and scale alike.',
    );
    const other = stored(good.w13, shuffleWeight([3, 128, hidden], { bits: 4, tile: [32, 16] }));
    expect(refuse({ w13: other })).toThrow(
      'moe_stage1_mxfp4: tensor "w13" is stored as shuffle_weight(32,16) [3, 128, 128], but this op reads row-major or ' +
        'gate_up_interleaved or shuffle_weight(16,16) or shuffle_weight(guinterleave,gate_up). Permute it to rowMajor([3, 128, 128]), ' +
        'with all gate rows before all up rows; weight and scale move together.',
    );
  });
});
