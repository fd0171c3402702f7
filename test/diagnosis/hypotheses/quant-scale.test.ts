import { describe, expect, it } from 'vitest';
import { QUANT_SCALE_HYPOTHESES } from '../../../src/diagnosis/hypotheses/quant-scale.ts';
import { QUANTISERS } from '../../../src/diagnosis/hypotheses/quantised-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import {
  actualOf,
  detailsOf,
  expectAllFound,
  expectNamed,
  floatTensor,
  outputsOf,
  variantOf,
} from './quant-support.ts';

describe('mistakes with stored scales', () => {
  it.each([...QUANTISERS, 'requant_weight_ue8m0'] as const)(
    'are named on %s',
    async (op) => {
      await expectAllFound(QUANT_SCALE_HYPOTHESES, op, []);
    },
    60_000,
  );

  it('stores one over the scale', () => {
    const call = {
      op: 'per_1x128_quant' as const,
      params: { group: 2 },
      operands: { x: floatTensor('x', [1, 4], [448, 1, 896, -7]) },
    };
    expect([...asF32(outputsOf(call)['scale'] as never)]).toEqual([1, 2]);
    const { scale, y } = actualOf(call, variantOf(call, 'quant-scale-reciprocal'));
    expect([...asF32(scale as never)]).toEqual([1, 0.5]);
    expect(y?.bytes).toEqual(outputsOf(call)['y']?.bytes);
  });

  it('transposes twice: a b c d e f of [2, 3] becomes a e d c b f', () => {
    const call = {
      op: 'per_1x128_quant' as const,
      params: { group: 1, scaleStore: 'transposed-view' },
      operands: {
        x: floatTensor(
          'x',
          [2, 3],
          [1, 2, 3, 4, 5, 6].map((value) => 448 * value),
        ),
      },
    };
    expect([...asF32(outputsOf(call)['scale'] as never)]).toEqual([1, 4, 2, 5, 3, 6]);
    const { scale } = actualOf(call, variantOf(call, 'quant-scale-transposed-twice'));
    // [[a, d, b], [e, c, f]] stored column by column.
    expect([...asF32(scale as never)]).toEqual([1, 5, 4, 3, 2, 6]);
  });

  it('tells columns that are not padded from padded ones', async () => {
    const call = probeCall({
      op: 'per_1x128_quant',
      sizes: { rows: 6, columns: 384 },
      params: { scaleStore: 'tma-aligned' },
    });
    await expectNamed(call, 'quant-scale-order', 'column by column');
    await expectNamed(call, 'quant-scale-order', 'row by row');
  });

  it('has no other order where there is one row, one group or one scale', () => {
    const one = probeCall({ op: 'per_1x128_quant', sizes: { rows: 1, columns: 384 } });
    expect(detailsOf(one, 'quant-scale-order')).toEqual([]);
    const narrow = probeCall({ op: 'per_1x128_quant', sizes: { rows: 4, columns: 128 } });
    expect(detailsOf(narrow, 'quant-scale-order')).toEqual([]);
    const plain = probeCall({ op: 'per_1x128_quant', sizes: { rows: 4, columns: 384 } });
    expect(detailsOf(plain, 'quant-scale-transposed-twice')).toEqual([]);
  });
});
