import { describe, expect, it } from 'vitest';
import { NORM_OP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/norm-ops.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { floatValues } from '../../../src/ops/shared/rows.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import { actualOf, detailsOf, expectAllFound, expectNamed, floatTensor, variantOf } from './quant-support.ts';

/** eps shows in small rows only; a last bit of res_out counts as a rounding. */
const HIDDEN = ['norm-eps', 'norm-residual-rounding'];

describe('mistakes with norms', () => {
  it.each(['add_rmsnorm_quant', 'fused_rms_fp8_group_quant'] as const)(
    'are named on %s',
    async (op) => {
      await expectAllFound(NORM_OP_HYPOTHESES, op, HIDDEN);
    },
    60_000,
  );

  it('divides by the padded length', () => {
    const norm = normOf(rows([3, 4, 0]), 'norm-divisor', '4 instead of 3');
    // The mean square is 25 / 4 instead of 25 / 3.
    for (const [at, value] of [1.2, 1.6, 0].entries()) expect(norm[at]).toBeCloseTo(value, 6);
    const sum = normOf(rows([3, 4, 0]), 'norm-divisor', 'not divided at all');
    for (const [at, value] of [0.6, 0.8, 0].entries()) expect(sum[at]).toBeCloseTo(value, 6);
  });

  it('subtracts the mean', () => {
    expect(normOf(rows([5, 3]), 'norm-subtracts-mean')).toEqual([1, -1]);
  });

  it('leaves the residual out of what is normalised', async () => {
    const { operands, ...call } = rows([3, 3]);
    const given = { ...call, operands: { ...operands, r: floatTensor('r', [1, 2], [1, -3]) } };
    expect(normOf(given, 'norm-residual-after', 'x alone is normalised')).toEqual([1, 1]);
    expect(normOf(given, 'norm-residual-after', 'it is added after the norm')).toEqual([2, -2]);
    expect(normOf(given, 'norm-residual-dropped')).toEqual([1, 1]);
    const right = actualOf(given, variantOf(given, 'norm-residual-after', 'x alone is normalised'));
    expect([...asF32(right['res_out'] as never)]).toEqual([4, 0]);
  });

  it('names a residual that is cut off as a rounding', async () => {
    const call = probeCall({ op: 'add_rmsnorm_quant', sizes: { rows: 6, columns: 256 }, data: 'random' });
    expect((await expectNamed(call, 'norm-residual-rounding')).verdict).toBe('rounding');
  });

  it('names another eps on small rows', async () => {
    const call = probeCall({
      op: 'fused_rms_fp8_group_quant',
      sizes: { rows: 4, columns: 256 },
      residual: false,
      type: 'f32',
      data: 'random',
    });
    const x = call.operands['x'] as KernelCall['operands'][string];
    const small = asF32(x).map((value) => value / 1000);
    const given = { ...call, operands: { ...call.operands, x: floatTensor('x', x.layout.shape, [...small]) } };
    await expectNamed(given, 'norm-eps', '0.00001');
  });

  it('has no residual to be wrong about where there is none', () => {
    const call = rows([1, 2]);
    for (const id of ['norm-residual-dropped', 'norm-residual-after', 'norm-residual-out'])
      expect(detailsOf(call, id)).toEqual([]);
    expect(detailsOf(call, 'norm-rounded-between')).toEqual([]);
  });
});

/** One row in float32, weights 1, no eps. */
function rows(x: readonly number[]): KernelCall {
  return {
    op: 'fused_rms_fp8_group_quant',
    params: { eps: 0 },
    operands: {
      x: floatTensor('x', [1, x.length], x),
      w: floatTensor(
        'w',
        [x.length],
        x.map(() => 1),
      ),
    },
  };
}

function normOf(call: KernelCall, id: string, detail = ''): number[] {
  return [...floatValues(actualOf(call, variantOf(call, id, detail))['norm'] as never)];
}
