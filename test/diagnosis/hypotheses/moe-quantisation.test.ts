import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { MOE_ACTIVATION_SCALE_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-activation-scale.ts';
import { MOE_QUANTISATION_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-quantisation.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { hypothesis } from './gemm-support.ts';
import { itFindsIn, moeCalls } from './routing-support.ts';

describe('mistakes with how x and h are quantised', () => {
  itFindsIn(
    MOE_QUANTISATION_HYPOTHESES.filter(({ id }) => id !== 'moe-quant-mode'),
    (op) => moeCalls(op, { params: { activation: 'swiglu', scheme: 'a16w4' } }),
  );
});

describe('another rounding of scales', () => {
  itFindsIn(
    MOE_QUANTISATION_HYPOTHESES.filter(({ id }) => id === 'moe-quant-mode'),
    (op) => moeCalls(op, { params: { activation: 'swiglu', scheme: 'a8w4' } }),
  );
});

describe('mistakes with the scales of activations', () => {
  itFindsIn(MOE_ACTIVATION_SCALE_HYPOTHESES, (op) => {
    const params = op === 'moe_stage1_mxfp4' ? { activation: 'swiglu' } : {};
    const [, ragged] = moeCalls(op, { params: { ...params, scheme: 'a8w4' } });
    const [small] = moeCalls(op, { params: { ...params, scheme: 'a4w4' } });
    return [small, ragged] as readonly KernelCall[];
  });
});

describe('what becomes of scales of activations', () => {
  const [call] = moeCalls('moe_stage1_mxfp4', { params: { activation: 'swiglu', scheme: 'a8w4' } }) as [KernelCall];
  const right = (call.operands['x_scale'] as Tensor).bytes;
  const bytesUnder = (id: string, detail: string): readonly number[] => {
    const way = candidatesOf(hypothesis(id), call).find(({ mistakes }) => mistakes[0]?.detail === detail);
    return [...((way as NonNullable<typeof way>).call.operands['x_scale'] as Tensor).bytes];
  };

  it('moves them', () => {
    const on = bytesUnder('moe-activation-scale-shifted', 'one block on');
    expect(on).toEqual([...right.subarray(1), right[0]]);
    const first = bytesUnder('moe-activation-scale-shifted', 'the first row for all');
    expect(first.slice(0, 6)).toEqual([right[0], right[1], right[0], right[1], right[0], right[1]]);
  });

  it('transposes them', () => {
    // 18 tokens with two blocks each: element [0, 1] is at 1, and column by column that is [1, 0].
    expect(bytesUnder('moe-activation-scale-layout', 'column by column, read row by row')[1]).toBe(right[2]);
    expect(bytesUnder('moe-activation-scale-layout', 'row by row, read column by column')[2]).toBe(right[1]);
  });
});

describe('quantisation hypotheses that do not apply', () => {
  it('round no scales of bf16 activations', () => {
    const [fused] = moeCalls('fused_moe_mxfp4') as [KernelCall];
    expect(hypothesis('moe-quant-mode').variants(fused)).toEqual([]);
    const [stage] = moeCalls('moe_stage2_mxfp4') as [KernelCall];
    expect(MOE_ACTIVATION_SCALE_HYPOTHESES.flatMap(({ variants }) => variants(stage))).toEqual([]);
  });
});
