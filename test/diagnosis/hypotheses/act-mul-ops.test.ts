import { describe, expect, it } from 'vitest';
import { ACT_MUL_OP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/act-mul-ops.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { detailsOf, expectAllFound, expectNamed, floatTensor, variantOf } from './quant-support.ts';

describe('mistakes in front of a group quantiser', () => {
  it.each(['act_mul_and_fp8_group_quant', 'fused_flatten_fp8_group_quant'] as const)(
    'are named on %s',
    async (op) => {
      await expectAllFound(ACT_MUL_OP_HYPOTHESES, op, []);
    },
    60_000,
  );

  it('reads other columns as gate and up', () => {
    const call: KernelCall = {
      op: 'act_mul_and_fp8_group_quant',
      params: {},
      operands: { x: floatTensor('x', [1, 6], [0, 1, 2, 10, 11, 12]) },
    };
    const columns = (id: string, detail = ''): number[] => [
      ...new Float32Array(variantOf(call, id, detail).make().operands['x']?.bytes.slice().buffer ?? new ArrayBuffer(0)),
    ];
    expect(columns('act-mul-gate-up-swapped')).toEqual([10, 11, 12, 0, 1, 2]);
    expect(columns('act-mul-interleaved', 'separated halves are read as turns')).toEqual([0, 2, 11, 1, 10, 12]);
    expect(columns('act-mul-without-up')).toEqual([0, 1, 2, 1, 1, 1]);
  });

  it('names each other activation', async () => {
    const call = probeCall({ op: 'act_mul_and_fp8_group_quant', sizes: { rows: 3, inter: 128 } });
    for (const detail of detailsOf(call, 'act-mul-other-activation'))
      await expectNamed(call, 'act-mul-other-activation', detail);
  });

  it('has one order for one head', () => {
    const call = probeCall({ op: 'fused_flatten_fp8_group_quant', sizes: { tokens: 2, heads: 1, head: 128 } });
    expect(detailsOf(call, 'flatten-order')).toEqual([]);
  });
});
