import { describe, expect, it } from 'vitest';
import { decide } from '../../src/dispatch/rule.ts';
import { emptyBatch, normPath, quantFormatDetection } from '../../src/dispatch/rules/quant-format.ts';

describe('detection of the quant_format', () => {
  const glm47 = { useAiter: true, platform: 'hip', scheme: 'CompressedTensorsW8A8Fp8', strategy: 'channel' } as const;

  it('asks for per-token quantisation with AITER, HIP and one scale a channel', () => {
    expect(decide(quantFormatDetection, 'current', glm47).choice).toBe('fp8_per_token');
    expect(decide(quantFormatDetection, 'before-21403', glm47).choice).toBe('');
  });

  it.each([
    { useAiter: false },
    { platform: 'cuda' },
    { scheme: 'Fp8LinearMethod' },
    { strategy: 'tensor' },
    { strategy: 'block' },
  ] as const)('asks for nothing with %o', (some) => {
    expect(decide(quantFormatDetection, 'current', { ...glm47, ...some }).choice).toBe('');
  });
});

describe('what the norm runs', () => {
  const gfx95 = { gfx95Aiter: true, useAiter: true, needsUnquantised: false };
  const gfx942 = { gfx95Aiter: false, useAiter: true, needsUnquantised: false };
  const none = { gfx95Aiter: false, useAiter: false, needsUnquantised: false };

  it.each([
    ['', gfx95, 'rms-norm'],
    ['mxfp4', gfx95, 'fused-rms-mxfp4-quant'],
    ['quark_mxfp4', gfx95, 'fused-rms-mxfp4-quant'],
    ['mxfp4', gfx942, 'rms-norm'],
    ['fp8', gfx95, 'fused-rms-fp8-group-quant'],
    ['fp8', { ...gfx95, needsUnquantised: true }, 'fused-rms-fp8-group-quant-and-norm'],
    ['fp8', gfx942, 'rms-norm'],
    ['fp8_per_token', gfx95, 'fused-rms-fp8-per-token-quant'],
    ['fp8_per_token', gfx942, 'fused-rms-fp8-per-token-quant'],
    ['fp8_per_token', none, 'rms-norm'],
    ['fp8 ', gfx95, 'rms-norm'],
    ['int8', gfx95, 'rms-norm'],
  ] as const)('for "%s" with %o: %s', (quantFormat, machine, expected) => {
    expect(decide(normPath, 'current', { quantFormat, ...machine }).choice).toBe(expected);
  });

  it('took fp8_per_token for fp8 before PR 21403, which tested "contains"', () => {
    const facts = { quantFormat: 'fp8_per_token', ...gfx95 };
    expect(decide(normPath, 'before-21403', facts).choice).toBe('fused-rms-fp8-group-quant');
    expect(decide(normPath, 'before-21403', { ...facts, ...gfx942 }).choice).toBe('rms-norm');
  });
});

it('loses the pair of codes and scale in the early return of an empty batch', () => {
  expect(decide(emptyBatch, 'current', { rows: 1, pair: true }).choice).toBe('compute');
  expect(decide(emptyBatch, 'current', { rows: 0, pair: false }).choice).toBe('return-tensor');
  expect(decide(emptyBatch, 'current', { rows: 0, pair: true }).choice).toBe('return-pair-as-output');
});
