import { describe, expect, it } from 'vitest';
import { fusedRmsFp8GroupQuant } from '../../src/ops/fused-rms-fp8-group-quant.ts';
import { floatValues } from '../../src/ops/shared/rows.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { outside, valuesOf } from './gemm-moe-support.ts';
import { random, serialGroupQuant } from './norm-support.ts';
import { errorOf, floats } from './quant-support.ts';

describe('fused_rms_fp8_group_quant: second input', () => {
  const x = floats('x', 'bf16', [2, 3, 8], random(48, 31));
  const w = floats('w', 'bf16', [8], random(8, 32));
  const x2 = floats('x2', 'f16', [2, 3, 5], random(30, 33));
  const w2 = floats('w2', 'f32', [5], random(5, 34));

  it('is normalised with its own weight and eps, in its own type, and changes nothing else', () => {
    const params = { group: 4, eps: 1e-3, eps2: 0.5 };
    const alone = fusedRmsFp8GroupQuant.reference(params, { x, w });
    const both = fusedRmsFp8GroupQuant.reference(params, { x, w, x2, w2 });
    expect(Object.keys(alone)).toEqual(['y', 'scale', 'norm', 'res_out']);
    expect(Object.keys(both)).toEqual(['y', 'scale', 'norm', 'res_out', 'y2']);
    for (const name of ['y', 'scale', 'norm', 'res_out'] as const) expect(both[name]).toEqual(alone[name]);
    const y2 = both.y2 as Tensor;
    expect([y2.type, y2.layout.shape]).toEqual(['f16', [2, 3, 5]]);
    const values = floatValues(x2);
    const wanted = Array.from(values, (value, i) => {
      const row = values.subarray(i - (i % 5), i - (i % 5) + 5);
      const mean = row.reduce((sum, each) => sum + each * each, 0) / 5;
      return (value / Math.sqrt(mean + 0.5)) * (floatValues(w2)[i % 5] as number);
    });
    Array.from(valuesOf(y2)).forEach((value, i) => {
      expect(Math.abs(value - (wanted[i] as number))).toBeLessThanOrEqual(
        2 ** -11 * Math.abs(wanted[i] as number) + 2 ** -24,
      );
    });
    const same = fusedRmsFp8GroupQuant.reference({ group: 4, eps: 0.5 }, { x, w, x2, w2 });
    expect(same.y2?.bytes).toEqual(y2.bytes);
  });

  it('takes no residual', () => {
    const r = floats('r', 'bf16', [2, 3, 8], random(48, 35));
    const plain = fusedRmsFp8GroupQuant.reference({ group: 4 }, { x, w, x2, w2 });
    expect(fusedRmsFp8GroupQuant.reference({ group: 4 }, { x, w, r, x2, w2 }).y2?.bytes).toEqual(plain.y2?.bytes);
  });

  it('has a bound that admits float32 in the worst order, and not another weight', () => {
    const rows = floats('x2', 'bf16', [3, 1000], random(3000, 36, 12));
    const weight = floats('w2', 'bf16', [1000], random(1000, 37));
    const operands = { x: floats('x', 'bf16', [3, 8], random(24, 38)), w, x2: rows, w2: weight };
    const bound = fusedRmsFp8GroupQuant.bound?.({ eps: 1e-5 }, operands)?.y2;
    for (const slack of [-1.9, 0, 1.9]) {
      const { norm } = serialGroupQuant(floatValues(rows), floatValues(weight), 1e-5, 1000, slack);
      const bf16 = floatValues(floats('y2', 'bf16', [3, 1000], norm));
      expect(outside(bf16, 'bf16', bound)).toBe(0);
    }
    const { y2 } = fusedRmsFp8GroupQuant.reference({ eps: 1e-5 }, operands);
    expect(outside(valuesOf(y2 as Tensor), 'bf16', bound)).toBe(0);
    const shifted = valuesOf(y2 as Tensor).map((value) => value * (1 + 2 ** -6));
    expect(outside(shifted, 'bf16', bound)).toBe(3000);
    expect(fusedRmsFp8GroupQuant.bound?.({}, { x, w })?.y2).toBeUndefined();
  });

  it('says what is wrong', () => {
    const plan = (params: object, operands: object): string =>
      errorOf(() => fusedRmsFp8GroupQuant.plan(params, operands as never));
    const why = 'the second input is normalised with a weight of its own. Pass both, or neither.';
    expect(plan({}, { x, w, x2 })).toBe(`fused_rms_fp8_group_quant: operand "w2": missing, but "x2" is given: ${why}`);
    expect(plan({}, { x, w, w2 })).toBe(`fused_rms_fp8_group_quant: operand "x2": missing, but "w2" is given: ${why}`);
    expect(plan({}, { x, w, w2, x2: floats('x2', 'f16', [6, 5], random(30, 33)) })).toBe(
      'fused_rms_fp8_group_quant: operand "x2": has shape [6, 5], expected [2, 3, *] (as many rows as x, of any length).',
    );
    expect(plan({}, { x, w, x2, w2: w })).toBe(
      'fused_rms_fp8_group_quant: operand "w": has shape [8], expected [5] (one weight for each column of x2).',
    );
    expect(plan({ eps2: -1 }, { x, w, x2, w2 })).toBe(
      'fused_rms_fp8_group_quant: parameter "eps2": is -1, expected a finite number that is not negative.',
    );
  });
});
