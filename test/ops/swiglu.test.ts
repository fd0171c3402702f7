import { describe, expect, it } from 'vitest';
import { type SwigluParams, swiglu } from '../../src/ops/swiglu.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { goldenCases, noise, outside, valuesOf } from './gemm-moe-support.ts';

const operandsOf = (glu: readonly number[], linear: readonly number[]) => ({
  glu: tensorFrom('glu', 'f32', [glu.length], Float32Array.from(glu)),
  linear: tensorFrom('linear', 'f32', [linear.length], Float32Array.from(linear)),
});

const run = (glu: readonly number[], linear: readonly number[], params: SwigluParams = {}): number[] =>
  Array.from(asF32(swiglu.reference(params, operandsOf(glu, linear)).y));

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('swiglu', () => {
  it.each(goldenCases('moe.safetensors', 'swiglu'))('agrees with $name', (golden) => {
    const { alpha, limit } = golden.meta as { alpha: number; limit: number };
    const operands = { glu: golden.read('glu', 'f32'), linear: golden.read('linear', 'f32') };
    const bound = swiglu.bound?.({ alpha, limit }, operands).y;
    expect(outside(valuesOf(golden.read('y', 'f32')), 'f32', bound)).toBe(0);
    expect(outside(valuesOf(swiglu.reference({ alpha, limit }, operands).y), 'f32', bound)).toBe(0);
    // Forgetting the +1, or alpha, is far outside.
    expect(outside(valuesOf(swiglu.reference({ alpha: 1, limit }, operands).y), 'f32', bound)).toBeGreaterThan(4000);
  });

  it('adds one to the linear half', () => {
    expect(run([2], [0])[0]).toBe(Math.fround(2 * sigmoid(1.702 * 2)));
    expect(run([2], [-1])[0]).toBe(0);
  });

  it('clamps the gate from above only, and the linear half on both sides', () => {
    const at = (gate: number, up: number): number => Math.fround(gate * sigmoid(1.702 * gate) * (up + 1));
    expect(run([100, -9, 1, 1], [0, 0, 100, -100])).toEqual([at(7, 0), at(-9, 0), at(1, 7), at(1, -7)]);
    expect(run([100], [9], { limit: 0 })).toEqual([at(7, 7)]);
    expect(run([100], [100], { limit: 1, alpha: 1 })).toEqual([Math.fround(2 * sigmoid(1))]);
  });

  it('keeps NaN and reaches -0 far below zero', () => {
    expect(run([Number.NaN, 1, -1e30], [1, Number.NaN, 0])).toEqual([Number.NaN, Number.NaN, -0]);
  });

  it('admits a float32 evaluation', () => {
    const f = Math.fround;
    const next = noise(3);
    const uniform = (): number => f((next() / 2 ** 32 - 0.5) * 40);
    const glu = Array.from({ length: 2000 }, uniform);
    const linear = Array.from({ length: 2000 }, uniform);
    const float32 = Float32Array.from(glu, (gate, i) => {
      const g = Math.min(gate, 7);
      const u = Math.max(-7, Math.min(linear[i]!, 7));
      const s = f(1 / f(1 + f(Math.exp(f(-f(f(1.702) * g))))));
      return f(f(g * s) * f(u + 1));
    });
    const bound = swiglu.bound?.({}, operandsOf(glu, linear)).y;
    expect(outside(float32, 'f32', bound)).toBe(0);
    expect(
      outside(
        float32.map((value) => value * (1 + 2 ** -13)),
        'f32',
        bound,
      ),
    ).toBeGreaterThan(1000);
  });

  it.each([
    [{ alpha: Number.NaN }, 'parameter "alpha": is NaN, expected a finite number.'],
    [{ limit: -7 }, 'parameter "limit": is -7, expected a number that is not negative.'],
  ])('refuses %j', (params, message) => {
    expect(() => run([1], [1], params)).toThrow(`swiglu: ${message}`);
  });

  it('refuses halves of different shapes', () => {
    expect(() => run([1, 2], [1])).toThrow('swiglu: operand "linear": has shape [1], expected [2] (the shape of glu).');
  });
});
