import { describe, expect, it } from 'vitest';
import {
  catalog,
  checkShape,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightNK,
} from '../../src/layout/catalog.ts';

function reason(id: string, shape: readonly number[], params = {}): string {
  const entry = catalog.find((candidate) => candidate.id === id);
  const verdict = entry === undefined ? undefined : checkShape(entry, shape, params);
  return verdict?.ok === false ? verdict.reason : 'accepted';
}

describe('shapes that the source rejects', () => {
  it.each([
    [
      'shuffle_weight(16,16)',
      [17, 64],
      {},
      'shuffle_weight(16,16) does not accept shape [17, 64]: n = 17 is not a multiple of 16 (17 % 16 == 1).',
    ],
    [
      'shuffle_weight(16,16)',
      [16, 48],
      {},
      'shuffle_weight(16,16) does not accept shape [16, 48]: k = 48 is not a multiple of 32 (48 % 32 == 16).',
    ],
    [
      'shuffle_weight(16,16)',
      [16, 96],
      { bits: 4 },
      'shuffle_weight(16,16) does not accept shape [16, 96]: k = 96 is not a multiple of 64 (96 % 64 == 32).',
    ],
    [
      'shuffle_weight(32,16)',
      [48, 64],
      {},
      'shuffle_weight(32,16) does not accept shape [48, 64]: n = 48 is not a multiple of 32 (48 % 32 == 16).',
    ],
    [
      'shuffle_weight(16,16)',
      [64],
      {},
      'shuffle_weight(16,16) does not accept shape [64]: it has 1 dimensions, expected at least 2.',
    ],
    [
      'shuffle_weight(guinterleave,gate_up)',
      [64, 64],
      {},
      'shuffle_weight(guinterleave,gate_up) does not accept shape [64, 64]: it has 2 dimensions, expected 3 (experts, rows, columns).',
    ],
    [
      'shuffle_weight(guinterleave,gate_up)',
      [1, 48, 64],
      {},
      'shuffle_weight(guinterleave,gate_up) does not accept shape [1, 48, 64]: n = 48 is not a multiple of 32 (48 % 32 == 16).',
    ],
    [
      'shuffle_weight(guinterleave)',
      [1, 48, 96],
      {},
      'shuffle_weight(guinterleave) does not accept shape [1, 48, 96]: k = 96 is not a multiple of 64 (96 % 64 == 32).',
    ],
    [
      'gate_up_interleaved',
      [2, 7, 4],
      {},
      'gate_up_interleaved does not accept shape [2, 7, 4]: 7 rows cannot hold gate and up rows in pairs; the number must be even.',
    ],
    [
      'shuffle_scale(guinterleave,gate_up)',
      [48, 8],
      {},
      'shuffle_scale(guinterleave,gate_up) does not accept shape [48, 8]: m = 48 is not a multiple of 32 (48 % 32 == 16).',
    ],
    [
      'shuffle_scale_n32k4',
      [64, 6],
      {},
      'shuffle_scale_n32k4 does not accept shape [64, 6]: g = 6 is not a multiple of 4 (6 % 4 == 2).',
    ],
    [
      'shuffle_weight_NK',
      [16, 48],
      {},
      'shuffle_weight_NK does not accept shape [16, 48]: k = 48 is not a multiple of 32 (48 % 32 == 16).',
    ],
  ])('%s of %j', (id, shape, params, message) => expect(reason(id, shape, params)).toBe(message));

  it('asks for the experts', () =>
    expect(() => shuffleScaleGuinterleave([64, 8], { experts: 0, gateUp: true })).toThrow(
      'shuffle_scale(guinterleave): parameter "experts": is 0, expected the number of experts; the source requires experts_cnt here.',
    ));
  it('names widths that are not shuffled', () =>
    expect(() => shuffleWeight([16, 64], { bits: 32 })).toThrow(
      'shuffle_weight: parameter "bits": is 32, expected 4 (fp4), 8 or 16; the source shuffles no other element width.',
    ));
  it.each([
    [-1, {}, 'shuffle_weight: parameter "padKTo": is -1, expected 0 (no padding) or a positive integer.'],
    [
      64,
      { int4: true },
      'shuffle_weight: parameter "padKTo": is given for int4, which the source does not pad; pad K first.',
    ],
    [
      48,
      {},
      'shuffle_weight(16,16) does not accept shape [16, 40]: k = 40 does not fit digits of 32 elements, padded to a multiple of 48.',
    ],
  ])('refuses to pad K to %d %j', (padKTo, options, message) =>
    expect(() => shuffleWeight([16, 40], { ...options, padKTo })).toThrow(message),
  );
  it('names instructions that 64 lanes do not fill', () =>
    expect(() => shuffleWeightNK([48, 64], { instN: 48, instK: 32 })).toThrow(
      'shuffle_weight_NK: parameter "inst": is [48, 32]',
    ));
});

describe('shapes that the source accepts and a kernel misreads', () => {
  const warnings = (id: string, shape: readonly number[], params = {}) => {
    const entry = catalog.find((candidate) => candidate.id === id);
    const verdict = entry === undefined ? undefined : checkShape(entry, shape, params);
    return verdict?.ok === true ? verdict.warnings : undefined;
  };
  it('rows of 32 but not 64 bytes', () => {
    const [warning] = warnings('shuffle_weight(16,16)', [32, 96]) ?? [];
    expect(warning?.code).toBe('ck-k64');
    expect(warning?.message).toBe(
      "rows of 96 bytes are no multiple of 64: shuffle_weight accepts them, but CK's preshuffled kernels step 2048 bytes from one 16-row block " +
        'to the next where 1536 are stored. Every row from 16 on is misread, and the last ones from beyond the end. Pad K to 128 bytes before shuffling.',
    );
    expect(warnings('shuffle_weight(16,16)', [32, 128])).toEqual([]);
    expect(warnings('shuffle_weight(16,16)', [32, 64], { bits: 4 })?.[0]?.code).toBe('ck-k64');
    expect(warnings('shuffle_weight(16,16)', [32, 32], { bits: 16 })).toEqual([]);
  });
  it('experts that begin inside a group of 32 scale rows', () => {
    expect(warnings('shuffle_scale', [96, 8], { experts: 2 })?.map(({ code }) => code)).toEqual(['rows-per-expert-32']);
    expect(warnings('shuffle_scale', [64, 8], { experts: 2 })?.map(({ code }) => code)).toEqual(['gate-rows-32']);
    expect(warnings('shuffle_scale', [128, 8], { experts: 2 })).toEqual([]);
  });
  it('an up half that begins inside a group, even of a single expert', () => {
    expect(warnings('shuffle_scale', [96, 8], { experts: 1 })?.map(({ code }) => code)).toEqual(['gate-rows-32']);
    expect(warnings('shuffle_scale', [96, 8])).toEqual([]);
    expect(warnings('shuffle_scale', [95, 8], { experts: 1 })).toEqual([]);
  });
});
