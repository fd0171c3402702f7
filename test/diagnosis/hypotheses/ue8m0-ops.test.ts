import { describe, expect, it } from 'vitest';
import { REQUANT_OP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/requant-ops.ts';
import { UE8M0_OP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/ue8m0-ops.ts';
import { UE8M0_PACKING_HYPOTHESES } from '../../../src/diagnosis/hypotheses/ue8m0-packing.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import { actualOf, detailsOf, expectAllFound, expectNamed, floatTensor, variantOf } from './quant-support.ts';

const HYPOTHESES = [...UE8M0_OP_HYPOTHESES, ...UE8M0_PACKING_HYPOTHESES, ...REQUANT_OP_HYPOTHESES];

/** Zeros, infinities and several experts are not among the operands of these probes. */
const HIDDEN = ['ue8m0-not-kept-in-range', 'requant-first-expert'];

describe('mistakes with power-of-two scales', () => {
  it.each([
    'ceil_to_ue8m0',
    'mx_scale',
    'pack_ue8m0_mn_major',
    'pack_ue8m0_to_int',
    'unpack_ue8m0_scale',
    'deepgemm_per_token_cast_packed',
    'requant_weight_ue8m0',
  ] as const)(
    'are named on %s',
    async (op) => {
      await expectAllFound(HYPOTHESES, op, HIDDEN);
    },
    60_000,
  );

  it('rounds scales in other ways', async () => {
    // Its logarithm, rounded to float32, is 4.
    const above = 16 + 2 ** -19;
    const call: KernelCall = {
      op: 'ceil_to_ue8m0',
      params: {},
      operands: { x: floatTensor('x', [6], [1, 1.25, 1.75, above, 0, Number.POSITIVE_INFINITY]) },
    };
    const scales = (id: string, detail = ''): number[] => [
      ...asF32(actualOf(call, variantOf(call, id, detail))['y'] as never),
    ];
    expect(scales('ue8m0-rounding', 'down').slice(0, 4)).toEqual([1, 1, 1, 16]);
    expect(scales('ue8m0-rounding', 'to the nearest').slice(0, 4)).toEqual([1, 1, 2, 16]);
    expect(scales('ue8m0-rounding', 'up by log2 in float32').slice(0, 4)).toEqual([1, 2, 2, 16]);
    expect(scales('ue8m0-rounding', 'up, powers of two as well').slice(0, 4)).toEqual([2, 2, 2, 32]);
    expect(scales('ue8m0-not-kept-in-range').slice(4)).toEqual([0, Number.POSITIVE_INFINITY]);
    await expectNamed(call, 'ue8m0-not-kept-in-range');
  });

  it('packs the bytes 1 2 3 4 in other orders', () => {
    const exponents = [1, 2, 3, 4, 5];
    const call: KernelCall = {
      op: 'pack_ue8m0_to_int',
      params: {},
      operands: {
        x: floatTensor(
          'x',
          [1, 5],
          exponents.map((exponent) => 2 ** (exponent - 127)),
        ),
      },
    };
    const bytes = (id: string, detail = ''): number[] => [
      ...(actualOf(call, variantOf(call, id, detail))['y']?.bytes ?? []),
    ];
    expect(bytes('ue8m0-word-reversed')).toEqual([4, 3, 2, 1, 0, 0, 0, 5]);
    expect(bytes('ue8m0-words-strided')).toEqual([1, 3, 5, 0, 2, 4, 0, 0]);
    expect(bytes('ue8m0-missing-groups', '127, the exponent of 1')).toEqual([1, 2, 3, 4, 5, 127, 127, 127]);
  });

  it('needs several words, missing groups, shared rows', () => {
    const call = probeCall({ op: 'pack_ue8m0_mn_major', sizes: { rows: 5, groups: 4 } });
    for (const id of ['ue8m0-words-strided', 'ue8m0-missing-groups', 'ue8m0-rows-not-shared'])
      expect(detailsOf(call, id)).toEqual([]);
  });

  it('names the scales of the first expert', async () => {
    const [one, two] = [1, 2].map((seed) => probeCall({ op: 'requant_weight_ue8m0', sizes: { n: 16, k: 130 }, seed }));
    const stacked = (name: string, type: 'e4m3fn' | 'f32', shape: readonly number[]): KernelCall['operands'][string] =>
      tensorFrom(
        name,
        type,
        [2, ...shape],
        Uint8Array.of(...(one?.operands[name]?.bytes ?? []), ...(two?.operands[name]?.bytes ?? [])),
      );
    const call: KernelCall = {
      op: 'requant_weight_ue8m0',
      params: {},
      operands: { w: stacked('w', 'e4m3fn', [16, 130]), scale: stacked('scale', 'f32', [1, 2]) },
    };
    await expectNamed(call, 'requant-first-expert');
  });
});
