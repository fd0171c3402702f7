import { describe, expect, it } from 'vitest';
import { LAYOUT_OP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/layout-ops.ts';
import { scaleTransposedView } from '../../../src/layout/activation-scale.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import { shuffleScale, shuffleScaleGuinterleave } from '../../../src/layout/scales.ts';
import { shuffleWeight, shuffleWeightGuinterleave } from '../../../src/layout/weights.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import { actualOf, detailsOf, expectAllFound, expectNamed, variantOf } from './quant-support.ts';

describe('mistakes with layouts', () => {
  it('are named on permute', async () => {
    await expectAllFound(LAYOUT_OP_HYPOTHESES, 'permute', ['permute-nibbles']);
  }, 60_000);

  it('names nibbles and the width of fp4', async () => {
    const call = permuting(shuffleWeight([32, 128], { bits: 4 }), 'e2m1');
    await expectNamed(call, 'permute-nibbles');
    for (const detail of detailsOf(call, 'permute-element-width'))
      await expectNamed(call, 'permute-element-width', detail);
  });

  it('names layouts of scales, with the experts of the target', async () => {
    const stacked = permuting(shuffleScaleGuinterleave([128, 16], { experts: 2, gateUp: true }), 'e8m0');
    const details = detailsOf(stacked, 'permute-other-layout');
    expect(details).toContain('shuffle_scale(guinterleave,gate_up)');
    expect(details).toContain('gate_up_interleaved+shuffle_scale(guinterleave,gate_up), 2 experts');
    await expectNamed(stacked, 'permute-other-layout', 'shuffle_scale(guinterleave,gate_up)');
    const padded = permuting(shuffleScale([100, 11]), 'e8m0');
    for (const detail of detailsOf(padded, 'permute-other-layout'))
      await expectNamed(padded, 'permute-other-layout', detail);
  });

  it('names gate and up interleaved or not', async () => {
    const call = permuting(shuffleWeightGuinterleave([2, 64, 64], { bits: 8, gateUp: true }), 'e4m3fn');
    await expectNamed(call, 'permute-other-layout', 'shuffle_weight(16,16)');
  });

  it('transposes once, twice, not at all, and back', () => {
    const call = permuting(scaleTransposedView([2, 3]), 'u8', Uint8Array.of(0, 1, 2, 3, 4, 5));
    const bytes = (id: string): number[] => [...(actualOf(call, variantOf(call, id))['y']?.bytes ?? [])];
    expect(bytes('permute-not-done')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(bytes('permute-twice')).toEqual([0, 4, 3, 2, 1, 5]);
    expect(bytes('permute-inverse')).toEqual([0, 2, 4, 1, 3, 5]);
  });

  it('does not tell the inverse from a second round where three rounds change nothing', async () => {
    await expectNamed(permuting(shuffleWeight([64, 64]), 'e4m3fn'), 'permute-inverse', '', ['permute-twice']);
  });
});

/** Row-major bytes that are a hash of their address, to be stored in a layout. */
function permuting(to: Layout, type: 'e2m1' | 'e4m3fn' | 'e8m0' | 'u8', given?: Uint8Array): KernelCall {
  const count = type === 'e2m1' ? to.size / 2 : to.size;
  const bytes = given ?? Uint8Array.from({ length: count }, (_, at) => (Math.imul(at + 1, 0x9e3779b1) >>> 24) % 120);
  return { op: 'permute', params: { to }, operands: { x: tensorFrom('x', type, to.shape, bytes) } };
}
