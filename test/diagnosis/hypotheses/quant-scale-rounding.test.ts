import { describe, expect, it } from 'vitest';
import { QUANT_SCALE_ROUNDING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/quant-scale-rounding.ts';
import { QUANTISERS } from '../../../src/diagnosis/hypotheses/quantised-call.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import {
  actualOf,
  callsOf,
  detailsOf,
  expectAllFound,
  expectNamed,
  floatTensor,
  outputsOf,
  variantOf,
} from './quant-support.ts';

describe('mistakes with how a scale is made', () => {
  it.each(QUANTISERS)(
    'are named on %s',
    async (op) => {
      await expectAllFound(QUANT_SCALE_ROUNDING_HYPOTHESES, op, HIDDEN, {});
    },
    60_000,
  );

  it('rounds the stored scale and leaves the codes', () => {
    const call: KernelCall = {
      op: 'per_1x128_quant',
      params: { group: 2 },
      operands: { x: floatTensor('x', [1, 4], [448 * 1.5, 1, 448 * 3, -7]) },
    };
    const up = actualOf(call, variantOf(call, 'quant-scale-rounded-alone', 'up'));
    expect([...asF32(up['scale'] as never)]).toEqual([2, 4]);
    expect(up['y']?.bytes).toEqual(outputsOf(call)['y']?.bytes);
    const both = actualOf(call, variantOf(call, 'quant-scale-rounded-unasked', 'up'));
    expect([...asF32(both['scale'] as never)]).toEqual([2, 4]);
    // 672 / 2 = 336 is halfway between 320 and 352, whose code is even.
    expect(both['y']?.bytes[0]).toBe(0x7a);
  });

  it('names what becomes of a group of zeros', async () => {
    for (const op of [
      'per_1x128_quant',
      'mxfp4_quant',
      'deepgemm_per_token_cast',
      'deepgemm_per_token_cast_packed',
    ] as const) {
      const call = withZeroRows(callsOf(op)[1] as KernelCall);
      const details = detailsOf(call, 'quant-zero-group');
      expect(details.length).toBeGreaterThan(0);
      await expectNamed(call, 'quant-zero-group', details[0] as string);
    }
  });

  it('names the arithmetic of another implementation by its zero groups', async () => {
    const call = withZeroRows(callsOf('per_token_quant')[1] as KernelCall);
    await expectNamed(call, 'quant-other-arithmetic', 'hip');
  });

  it('has nothing to say about groups of zeros where there are none', () => {
    expect(detailsOf(callsOf('per_1x128_quant')[1] as KernelCall, 'quant-zero-group')).toEqual([]);
  });
});

/** These need zeros or NaNs in the input. */
const HIDDEN: readonly string[] = ['quant-zero-group', 'quant-other-arithmetic'];

function withZeroRows(call: KernelCall): KernelCall {
  const x = call.operands['x'];
  if (x === undefined) throw new Error('no x');
  const width = x.bytes.length / (x.layout.shape[0] ?? 1);
  return { ...call, operands: { ...call.operands, x: { ...x, bytes: x.bytes.slice().fill(0, width, 3 * width) } } };
}
