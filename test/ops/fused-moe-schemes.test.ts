import { describe, expect, it } from 'vitest';
import { decodeArray } from '../../src/formats/decode.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { MX_SCALE_MODES } from '../../src/formats/mx-scale.ts';
import { fusedMoeBoundGivenH, fusedMoeMxfp4 } from '../../src/ops/fused-moe-mxfp4.ts';
import { moeStage1Mxfp4 } from '../../src/ops/moe-stage1-mxfp4.ts';
import { moeStage2Mxfp4 } from '../../src/ops/moe-stage2-mxfp4.ts';
import { mxfp4Quant } from '../../src/ops/mxfp4-quant.ts';
import { mxfp8Quant } from '../../src/ops/mxfp8-quant.ts';
import type { ErrorBound } from '../../src/ops/op.ts';
import type { FusedMoeParams } from '../../src/ops/shared/fused-moe-plan.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asI32 } from '../../src/tensor/views.ts';
import { noise, outside, valuesOf } from './gemm-moe-support.ts';
import {
  bf16,
  blockDot,
  type Dot,
  FAMILIES,
  i32,
  inFamily,
  linear,
  type MoeOperands,
  moeProblem,
  mxfp4Values,
  shuffledDot,
} from './moe-support.ts';

const shape = { tokens: 5, experts: 4, topk: 2, hidden: 128, inter: 64 };
const { tokens, topk, hidden, inter } = shape;

const quantise = {
  a8w4: (x: Tensor, mode: FusedMoeParams['quantMode']) => mxfp8Quant.reference({ mode: mode ?? 'RoundUp' }, { x }),
  a4w4: (x: Tensor, mode: FusedMoeParams['quantMode']) => mxfp4Quant.reference({ mode: mode ?? 'RoundUp' }, { x }),
};

/** The same from the single ops. */
function inSteps(
  params: FusedMoeParams & { readonly scheme: 'a8w4' | 'a4w4' },
  operands: MoeOperands,
): [Tensor, Tensor] {
  const { scheme, quantMode } = params;
  const x = quantise[scheme](operands.x, quantMode);
  const { h } = moeStage1Mxfp4.reference(params, {
    x: x.y,
    x_scale: x.scale,
    w13: operands.w1,
    w13_scale: operands.w1_scale,
    w13_bias: operands.w1_bias,
    topk_ids: operands.topk_ids,
  });
  const second = quantise[scheme](h, quantMode);
  const { y } = moeStage2Mxfp4.reference(params, { ...operands, h: second.y, h_scale: second.scale });
  return [h, y];
}

describe('fused_moe_mxfp4 with quantised activations', () => {
  it.each(['a8w4', 'a4w4'] as const)('%s is its steps, for every mode', (scheme) => {
    const operands = moeProblem(shape, 1);
    for (const quantMode of MX_SCALE_MODES) {
      const params = { activation: 'swiglu', scheme, quantMode } as const;
      const { h, y } = fusedMoeMxfp4.reference(params, operands);
      const [wantH, wantY] = inSteps(params, operands);
      expect(h.bytes).toEqual(wantH.bytes);
      expect(y.bytes).toEqual(wantY.bytes);
    }
  });

  it.each(FAMILIES)('reads w1 as %s to the same bits', (family) => {
    const plain = moeProblem({ ...shape, tokens: 1 }, 2);
    const [w1, w1_scale] = inFamily(plain.w1, plain.w1_scale, family);
    const [w2, w2_scale] = inFamily(plain.w2, plain.w2_scale, family === 'separated' ? family : 'shuffled-separated');
    for (const scheme of ['a16w4', 'a8w4', 'a4w4'] as const) {
      const params = { activation: 'gelu', scheme } as const;
      const want = fusedMoeMxfp4.reference(params, plain);
      const have = fusedMoeMxfp4.reference(params, { ...plain, w1, w1_scale, w2, w2_scale });
      expect(have.h.bytes).toEqual(want.h.bytes);
      expect(have.y.bytes).toEqual(want.y.bytes);
    }
  });

  it('a block of zeros and routes that are dropped do no harm', () => {
    const operands = moeProblem(shape, 3);
    const ids = asI32(operands.topk_ids).map((id, route) => (route === 3 ? -1 : id));
    const x = Float32Array.from(valuesOf(operands.x), (value, i) => (i % hidden < 32 ? 0 : value));
    const problem = {
      ...operands,
      x: bf16('x', [tokens, hidden], x),
      topk_ids: i32('topk_ids', [tokens, topk], Array.from(ids)),
    };
    const { h, y } = fusedMoeMxfp4.reference({ activation: 'silu', scheme: 'a4w4' }, problem);
    expect(valuesOf(y).every(Number.isFinite)).toBe(true);
    expect(
      valuesOf(h)
        .subarray(3 * inter, 4 * inter)
        .every((value) => value === 0),
    ).toBe(true);
  });

  it('keeps NaN scales inside the tokens of their expert', () => {
    const operands = moeProblem({ ...shape, tokens: 2 }, 4);
    const w1_scale = { ...operands.w1_scale, bytes: operands.w1_scale.bytes.slice() };
    w1_scale.bytes[2 * 128 * 4] = 255; // expert 2: token 1 goes to experts 1 and 2, token 0 to 0 and 1
    for (const scheme of ['a16w4', 'a8w4', 'a4w4'] as const) {
      const params = { activation: 'swiglu', scheme } as const;
      const y = valuesOf(fusedMoeMxfp4.reference(params, { ...operands, w1_scale }).y);
      expect(y.subarray(0, hidden).some(Number.isNaN)).toBe(false);
      expect(y.subarray(hidden).every(Number.isNaN)).toBe(true);
      expect(outside(y, 'bf16', fusedMoeMxfp4.bound!(params, { ...operands, w1_scale }).y)).toBe(0);
    }
  });
});

const swiglu = (gate: number, up: number): number => {
  const g = Math.min(gate, 7);
  return (g / (1 + Math.exp(-1.702 * g))) * (Math.max(-7, Math.min(7, up)) + 1);
};

/** a4w4 in float32, added up in the order of `dot`. */
function singleA4w4(operands: MoeOperands, dot: Dot): Float32Array {
  const read = (x: Tensor): Float64Array => {
    const { y, scale } = mxfp4Quant.reference({}, { x });
    return mxfp4Values(y, scale);
  };
  const [w1, w2] = [mxfp4Values(operands.w1, operands.w1_scale), mxfp4Values(operands.w2, operands.w2_scale)];
  const ids = asI32(operands.topk_ids);
  const weights = asF32(operands.topk_weights);
  const x = read(operands.x);
  const y = new Float32Array((ids.length / topk) * hidden);
  ids.forEach((expert, route) => {
    const token = Math.floor(route / topk);
    const row = x.subarray(token * hidden, (token + 1) * hidden);
    const z = linear(row, w1, asF32(operands.w1_bias), expert, 2 * inter, dot).map(Math.fround);
    const h = Float32Array.from({ length: inter }, (_, i) => swiglu(z[i]!, z[inter + i]!));
    const values = decodeArray('bf16', encodeArray('bf16', h));
    const down = linear(read(bf16('h', [1, inter], values)), w2, asF32(operands.w2_bias), expert, hidden, dot);
    for (const [n, value] of down.entries())
      y[token * hidden + n]! += Math.fround(weights[route]! * Math.fround(value));
  });
  return valuesOf(bf16('y', [y.length], y));
}

describe('the bound of fused_moe_mxfp4 a4w4', () => {
  it('holds for float32 in any order', () => {
    for (let seed = 10; seed < 14; seed += 1) {
      const operands = moeProblem(shape, seed);
      const { y } = fusedMoeMxfp4.bound!({ activation: 'swiglu', scheme: 'a4w4' }, operands);
      expect(outside(singleA4w4(operands, shuffledDot(noise(seed))), 'bf16', y)).toBe(0);
      expect(outside(singleA4w4(operands, blockDot), 'bf16', y)).toBe(0);
    }
  });

  it('is tight: results a few percent off lie outside', () => {
    const operands = moeProblem({ ...shape, tokens: 16 }, 20);
    const params = { activation: 'swiglu', scheme: 'a4w4' } as const;
    const { y } = fusedMoeMxfp4.bound!(params, operands);
    const ours = valuesOf(fusedMoeMxfp4.reference(params, operands).y);
    const off = ours.map((value) => value * 1.05);
    expect(outside(ours, 'bf16', y)).toBe(0);
    expect(outside(off, 'bf16', y)).toBeGreaterThan(0.8 * ours.length);
  });

  it('is tighter for an h that is known, and the same where h is our own', () => {
    const operands = moeProblem(shape, 21);
    const params = { activation: 'swiglu', scheme: 'a4w4' } as const;
    const { h, y } = fusedMoeMxfp4.reference(params, operands);
    const whole = fusedMoeMxfp4.bound!(params, operands).y!;
    const given = fusedMoeBoundGivenH(params, operands, h);
    expect(given.exact).toEqual(whole.exact);
    expect(outside(valuesOf(y), 'bf16', given)).toBe(0);
    for (const [i, error] of given.error.entries()) expect(error).toBeLessThanOrEqual(whole.error[i]!);
    const other = { ...h, bytes: h.bytes.map((byte, i) => (i % 2 === 1 ? byte ^ 128 : byte)) };
    expect(outside(valuesOf(y), 'bf16', fusedMoeBoundGivenH(params, operands, other))).toBeGreaterThan(500);
    expect(() => fusedMoeBoundGivenH(params, operands, y)).toThrow(
      'fused_moe_mxfp4: operand "y": has shape [5, 128], expected [5, 2, 64] (T, topk, I).',
    );
  });

  it('grows with the bf16 neighbours of h, unless h is known', () => {
    const operands = moeProblem({ ...shape, hidden: 1024 }, 22);
    const params = { activation: 'swiglu' } as const;
    const total = ({ error }: ErrorBound): number => error.reduce((sum, value) => sum + value, 0);
    const { h, y } = fusedMoeMxfp4.reference(params, operands);
    const given = fusedMoeBoundGivenH(params, operands, h);
    expect(outside(valuesOf(y), 'bf16', given)).toBe(0);
    expect(total(given)).toBeLessThan(0.1 * total(fusedMoeMxfp4.bound!(params, operands).y!));
  });

  /** One route of weight 1 whose h is given: w1 is 0, a gate of 128 makes silu the identity, the bias is the rest. */
  function withH(up: (i: number) => number, w2: number): MoeOperands {
    const base = moeProblem({ tokens: 1, experts: 1, topk: 1, hidden: 32, inter: 32 }, 1);
    return {
      ...base,
      w1: tensorFrom('w1', 'e2m1', [1, 64, 32], new Uint8Array(64 * 16)),
      w1_bias: tensorFrom(
        'w1_bias',
        'f32',
        [1, 64],
        Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 128 : up(i - 32))),
      ),
      w2: tensorFrom('w2', 'e2m1', [1, 32, 32], new Uint8Array(32 * 16).fill(w2)),
      w2_scale: tensorFrom('w2_scale', 'e8m0', [1, 32, 1], new Uint8Array(32).fill(127)),
      w2_bias: tensorFrom('w2_bias', 'f32', [1, 32], new Float32Array(32)),
      topk_weights: tensorFrom('topk_weights', 'f32', [1, 1], Float32Array.of(1)),
    };
  }

  it('covers the other scale of a block whose largest h may be rounded over a threshold, and not much more', () => {
    // h[0] = 192.5 is half-way between bf16 192 = 6 * 2^5 and 193, which needs the scale 2^6. h = 48 is 1.5 * 2^5; under 2^6 it is
    // 0.75, a tie that becomes 64. So y is 192 + 31 * 48, or 192 + 31 * 64.
    const operands = withH((i) => (i === 0 ? 1.5 + 2 ** -8 : 0.375), 0x22);
    const params = { activation: 'silu', scheme: 'a4w4' } as const;
    const { h, y } = fusedMoeMxfp4.bound!(params, operands);
    expect(h!.exact[0]).toBe(192.5);
    expect(y!.exact[0]).toBe(192 + 31 * 48);
    expect(y!.error[0]).toBeGreaterThanOrEqual(31 * 16);
    expect(y!.error[0]).toBeLessThan(31 * 16 + 0.2);
    // RoundDown has no threshold there.
    const down = fusedMoeMxfp4.bound!({ ...params, quantMode: 'RoundDown' }, operands).y!;
    expect(down.error[0]).toBeLessThan(0.2);
  });

  it('lets opposite weights cancel what a whole block moves', () => {
    // Weights 1 and -1 in turn: 15 pairs cancel, one 48 -> 64 is left over against the 192 that does not move.
    const operands = withH((i) => (i === 0 ? 1.5 + 2 ** -8 : 0.375), 0xa2);
    const { y } = fusedMoeMxfp4.bound!({ activation: 'silu', scheme: 'a4w4' }, operands);
    expect(y!.exact[0]).toBe(192 - 48);
    expect(y!.error[0]).toBeGreaterThanOrEqual(16);
    expect(y!.error[0]).toBeLessThan(16.2);
  });

  it('lets a single element be the neighbouring code', () => {
    // h = 40.25 lies between bf16 40.25 and itself: exact; 80.25 is half-way between 80 and 80.5, whose codes under 2^5 are 2 and 3.
    const operands = withH((i) => (i === 0 ? 1.5 : (80 + 2 ** -2) / 128), 0x22);
    const { h, y } = fusedMoeMxfp4.bound!({ activation: 'silu', scheme: 'a4w4' }, operands);
    expect(h!.exact[1]).toBe(80.25);
    expect(y!.exact[0]).toBe(192 + 31 * 64);
    expect(y!.error[0]).toBeGreaterThanOrEqual(31 * 32);
    expect(y!.error[0]).toBeLessThan(31 * 32 + 0.5);
  });

  it('is open where h may overflow in bf16', () => {
    const operands = withH((i) => (i === 0 ? 2 ** 120 * (2 - 2 ** -8) : 0.375), 0x22);
    for (const scheme of ['a16w4', 'a8w4', 'a4w4'] as const) {
      const { y } = fusedMoeMxfp4.bound!({ activation: 'silu', scheme }, operands);
      expect(y!.error.every((value) => value === Number.POSITIVE_INFINITY)).toBe(true);
    }
  });
});
