import { describe, expect, it } from 'vitest';
import { FORMAT_OP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/format-ops.ts';
import { NORMALIZE_OP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/normalize-ops.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import { actualOf, detailsOf, expectAllFound, expectNamed, floatTensor, variantOf } from './quant-support.ts';

/** For these the inputs need NaN, numbers out of range, fp4 or 16-bit codes. */
const HIDDEN = [
  'encode-overflow',
  'encode-convention',
  'encode-negative-zero',
  'format-nibbles-swapped',
  'format-bytes-swapped',
  'decode-e8m0-bytes',
  'normalize-nan-kept',
];

describe('mistakes with number formats', () => {
  it.each(['encode', 'decode', 'normalize_e4m3fn_to_e4m3fnuz'] as const)(
    'are named on %s',
    async (op) => {
      await expectAllFound([...FORMAT_OP_HYPOTHESES, ...NORMALIZE_OP_HYPOTHESES], op, HIDDEN);
    },
    60_000,
  );

  it('names what becomes of numbers beyond the range', async () => {
    const x = floatTensor('x', [1, 4], [500, -1000, 1, 2]);
    await expectNamed({ op: 'encode', params: { format: 'e4m3fn' }, operands: { x } }, 'encode-overflow');
    await expectNamed(
      { op: 'encode', params: { format: 'e4m3fn', saturate: true }, operands: { x } },
      'encode-overflow',
    );
  });

  it('names the codes of NaN and of -0', async () => {
    const nan: KernelCall = {
      op: 'encode',
      params: { format: 'e2m1' },
      operands: { x: floatTensor('x', [1, 4], [Number.NaN, 1, 2, 3]) },
    };
    await expectNamed(nan, 'encode-convention', 'ocp');
    const zero: KernelCall = {
      op: 'encode',
      params: { format: 'e4m3fnuz' },
      operands: { x: floatTensor('x', [1, 4], [-1e-9, -0, 0, 1]) },
    };
    const { y } = actualOf(zero, variantOf(zero, 'encode-negative-zero'));
    expect([...(y?.bytes ?? [])]).toEqual([0x80, 0x80, 0, 0x40]);
    await expectNamed(zero, 'encode-negative-zero');
  });

  it('names exact ties', async () => {
    const ties: KernelCall = {
      op: 'encode',
      params: { format: 'e2m1' },
      operands: { x: floatTensor('x', [1, 8], [0.25, 0.75, -1.25, 1.75, 2.5, -3.5, 5, 1]) },
    };
    const lower = actualOf(ties, variantOf(ties, 'encode-rounding', 'ties toward zero'));
    // 0, 0.5, -1, 1.5, 2, -3, 4, 1, the first of a pair low.
    expect([...(lower['y']?.bytes ?? [])]).toEqual([0x10, 0x3a, 0xd4, 0x26]);
    await expectNamed(ties, 'encode-rounding', 'ties away from zero');
    await expectNamed(ties, 'encode-rounding', 'ties toward zero');
  });

  it.each(['e2m1', 'bf16', 'f16', 'e8m0'] as const)('are named on %s codes', async (format) => {
    for (const op of ['encode', 'decode'] as const) {
      const call = probeCall({ op, sizes: { rows: 6, columns: 64 }, params: { format }, data: 'random' });
      if (format === 'e2m1') await expectNamed(call, 'format-nibbles-swapped');
      if (format === 'bf16' || format === 'f16') await expectNamed(call, 'format-bytes-swapped');
      if (format === 'e8m0' && op === 'decode') await expectNamed(call, 'decode-e8m0-bytes', 'as integers');
    }
  });

  it('reads e8m0 bytes by shifting', () => {
    const call: KernelCall = {
      op: 'decode',
      params: {},
      operands: { x: tensorFrom('x', 'e8m0', [1, 3], Uint8Array.of(0, 127, 255)) },
    };
    const { y } = actualOf(call, variantOf(call, 'decode-e8m0-bytes', 'shifted'));
    expect([...asF32(y as never)]).toEqual([0, 1, Number.POSITIVE_INFINITY]);
  });

  it('normalises codes by value, or leaves -0', async () => {
    const call: KernelCall = {
      op: 'normalize_e4m3fn_to_e4m3fnuz',
      params: {},
      operands: {
        w: tensorFrom('w', 'e4m3fn', [1, 4], Uint8Array.of(0x38, 0x80, 0x7e, 0x7f)),
        scale: floatTensor('scale', [1], [1]),
      },
    };
    const codes = (id: string, detail = ''): number[] => [
      ...(actualOf(call, variantOf(call, id, detail))['y']?.bytes ?? []),
    ];
    expect(codes('normalize-negative-zero')).toEqual([0x38, 0x80, 0x7e, 0x7f]);
    expect(codes('normalize-recoded', 'clamped').slice(0, 3)).toEqual([0x40, 0, 0x7f]);
    expect(codes('normalize-nan-kept')).toEqual([0x38, 0, 0x7e, 0x80]);
    await expectNamed(call, 'normalize-nan-kept');
  });

  it('has no other format where none is as wide', () => {
    const call = probeCall({ op: 'encode', sizes: { rows: 2, columns: 32 }, params: { format: 'e2m1' } });
    expect(detailsOf(call, 'encode-other-format')).toEqual([]);
    expect(detailsOf(call, 'format-bytes-swapped')).toEqual([]);
  });
});
