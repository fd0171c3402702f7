import { describe, expect, it } from 'vitest';
import { QUANT_GROUPING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/quant-grouping.ts';
import { QUANTISERS } from '../../../src/diagnosis/hypotheses/quantised-call.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import { actualOf, detailsOf, expectAllFound, floatTensor, variantOf } from './quant-support.ts';

describe('mistakes with groups', () => {
  it.each(QUANTISERS)(
    'are named on %s',
    async (op) => {
      await expectAllFound(QUANT_GROUPING_HYPOTHESES, op, [], op === 'per_tensor_quant' ? ONE_SCALE : {});
    },
    60_000,
  );

  it('keeps the first or the last scale of smaller groups', () => {
    const call = wide([448, 896, 1344, 1792], 8);
    expect(scalesOf(call, 'quant-group-size', '8')).toEqual([1, 3]);
    expect(scalesOf(call, 'quant-group-size', '8, the last scale of each group kept')).toEqual([2, 4]);
    expect(scalesOf(call, 'quant-group-size', 'a row')).toEqual([4, 4]);
  });

  it('looks at half of each group', () => {
    const call = wide([448, 896, 1344, 1792], 8);
    expect(scalesOf(call, 'quant-amax-partial', 'the first half')).toEqual([1, 3]);
  });

  it('tries only sizes that a row has', () => {
    const call = probeCall({ op: 'per_1x128_quant', sizes: { rows: 1, columns: 128 } });
    expect(detailsOf(call, 'quant-group-size')).toEqual([
      '32',
      '32, the last scale of each group kept',
      '64',
      '64, the last scale of each group kept',
    ]);
  });
});

/** With a single scale, the largest positive element is the largest magnitude of some part. */
const ONE_SCALE = { 'quant-amax-signed: ': ['quant-amax-partial'] };

/** One row of runs of `run` equal elements, in groups of two runs. */
function wide(magnitudes: readonly number[], run: number): KernelCall {
  const values = magnitudes.flatMap((value) => new Array<number>(run).fill(value));
  return {
    op: 'per_1x128_quant',
    params: { group: 2 * run },
    operands: { x: floatTensor('x', [1, values.length], values) },
  };
}

function scalesOf(call: KernelCall, id: string, detail: string): number[] {
  return [...asF32(actualOf(call, variantOf(call, id, detail))['scale'] as never)];
}
