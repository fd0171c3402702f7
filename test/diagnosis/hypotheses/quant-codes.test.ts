import { describe, expect, it } from 'vitest';
import { QUANT_CODE_HYPOTHESES } from '../../../src/diagnosis/hypotheses/quant-codes.ts';
import { QUANTISERS } from '../../../src/diagnosis/hypotheses/quantised-call.ts';
import { roundedCode } from '../../../src/diagnosis/hypotheses/rounding.ts';
import { encode } from '../../../src/formats/encode.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { actualOf, callsOf, detailsOf, expectAllFound, floatTensor, variantOf } from './quant-support.ts';

describe('mistakes with codes', () => {
  it.each(QUANTISERS)(
    'are named on %s',
    async (op) => {
      await expectAllFound(QUANT_CODE_HYPOTHESES, op, HIDDEN[op] ?? [], {});
    },
    60_000,
  );

  it('swaps nibbles', () => {
    const call: KernelCall = {
      op: 'mxfp4_quant',
      params: {},
      operands: { x: floatTensor('x', [1, 32], [6, 1, ...new Array<number>(30).fill(0)]) },
    };
    const { y } = actualOf(call, variantOf(call, 'quant-codes-nibbles'));
    expect(y?.bytes[0]).toBe(0x72);
  });

  it('writes int8 codes', () => {
    const call: KernelCall = {
      op: 'per_token_quant',
      params: {},
      operands: { x: floatTensor('x', [1, 4], [127, -127, 2.5, -1.5]) },
    };
    const { y } = actualOf(call, variantOf(call, 'quant-codes-int8'));
    expect([...(y?.bytes ?? [])]).toEqual([127, 129, 2, 254]);
  });

  it('knows no other fp8 device for DeepGEMM, and none where scales are the only difference', () => {
    const clamped = ['codes only', 'codes only, clamped'];
    expect(detailsOf(callsOf('deepgemm_per_token_cast')[0] as KernelCall, 'quant-other-fp8')).toEqual(clamped);
    expect(detailsOf(callsOf('mxfp8_quant')[0] as KernelCall, 'quant-other-fp8')).toEqual(clamped);
  });
});

describe('roundedCode', () => {
  it('cuts off toward zero', () => {
    expect(roundedCode('e4m3fn', 1.99, 'truncated')).toBe(encode('e4m3fn', 1.875));
    expect(roundedCode('e4m3fn', -1.99, 'truncated')).toBe(encode('e4m3fn', -1.875));
    expect(roundedCode('e4m3fn', 1000, 'truncated')).toBe(0x7e);
    expect(roundedCode('e4m3fnuz', -1e-9, 'truncated')).toBe(0);
    expect(roundedCode('e4m3fn', -1e-9, 'truncated')).toBe(0x80);
    expect(roundedCode('e2m1', 5.9, 'truncated')).toBe(6);
  });

  it('sends ties away from zero, or toward it', () => {
    expect(roundedCode('e2m1', 2.5, 'ties away from zero')).toBe(5);
    expect(roundedCode('e2m1', -2.5, 'ties away from zero')).toBe(13);
    expect(roundedCode('e2m1', 0.75, 'ties toward zero')).toBe(1);
    expect(roundedCode('e2m1', 1.75, 'ties toward zero')).toBe(3);
    expect(roundedCode('e2m1', 1.7, 'ties toward zero')).toBe(3);
  });

  it('leaves NaN and overflow as the format has them', () => {
    expect(roundedCode('e4m3fn', Number.NaN, 'truncated')).toBe(encode('e4m3fn', Number.NaN));
    expect(roundedCode('e4m3fn', 1000, 'ties toward zero')).toBe(0x7f);
  });
});

/** A float scale leaves hardly any tie. */
const HIDDEN: Readonly<Record<string, readonly string[]>> = {};
