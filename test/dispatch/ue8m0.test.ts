import { describe, expect, it } from 'vitest';
import { decide } from '../../src/dispatch/rule.ts';
import { GEMM_BACKENDS, gemmBackend } from '../../src/dispatch/rules/gemm-backend.ts';
import { deepgemmLinear, type RequantFacts, trtllmLinear, ue8m0Requant } from '../../src/dispatch/rules/ue8m0.ts';

const B200: RequantFacts = {
  jitDeepgemm: true,
  deepgemmUe8m0: true,
  arch: 'sm100',
  block: '128x128',
  outType: 'bf16',
  n: 4096,
  k: 7168,
};

describe('requantisation to UE8M0', () => {
  const choose = (version: keyof typeof ue8m0Requant.versions, some: Partial<RequantFacts>): string =>
    decide(ue8m0Requant, version, { ...B200, ...some }).choice;

  it('needs all five conditions since PR 22300, the first three before', () => {
    const values: readonly (readonly [Partial<RequantFacts>, boolean])[] = [
      [{}, true],
      [{ jitDeepgemm: false }, false],
      [{ deepgemmUe8m0: false }, false],
      [{ block: undefined }, false],
    ];
    for (const [facts, expected] of values) {
      for (const version of ['before-22300', 'pr-22300', 'current'] as const) {
        expect(choose(version, facts)).toBe(expected ? 'requantise' : 'keep');
      }
    }
    for (const facts of [{ outType: 'f16' }, { n: 4096 + 32 }, { k: 7168 + 64 }] as const) {
      expect(choose('before-22300', facts)).toBe('requantise');
      expect(choose('pr-22300', facts)).toBe('keep');
      expect(choose('current', facts)).toBe('keep');
    }
  });

  it('takes what is not said for fitting', () => {
    expect(choose('current', { outType: undefined, n: undefined, k: undefined })).toBe('requantise');
  });

  it('leaves SM120 out today', () => {
    expect(choose('pr-22300', { arch: 'sm120' })).toBe('requantise');
    expect(choose('current', { arch: 'sm120' })).toBe('keep');
  });
});

describe('fallbacks', () => {
  it('DeepGEMM takes whole tiles and bf16; packed scales are unpacked for Triton', () => {
    for (const n of [64, 96]) {
      for (const k of [128, 192]) {
        for (const outType of ['bf16', 'f16']) {
          for (const packedScale of [true, false]) {
            const fits = n % 64 === 0 && k % 128 === 0 && outType === 'bf16';
            const fallback = packedScale ? 'unpack-and-sglang-triton' : 'sglang-triton';
            for (const version of ['before-22300', 'pr-22300', 'current'] as const) {
              const { choice } = decide(deepgemmLinear, version, { n, k, outType, packedScale });
              expect([n, k, outType, packedScale, choice]).toEqual([
                n,
                k,
                outType,
                packedScale,
                fits ? 'deepgemm' : fallback,
              ]);
            }
          }
        }
      }
    }
  });

  it.each([
    ['before-22300', 128, 'bf16', true, 'sglang-triton'],
    ['before-22300', 256, 'bf16', false, 'flashinfer-trtllm'],
    ['pr-22300', 256, 'bf16', false, 'sglang-triton'],
    ['pr-22300', 256, 'bf16', true, 'flashinfer-trtllm'],
    ['pr-22300', 128, 'bf16', true, 'sglang-triton'],
    ['pr-22300', 256, 'f16', true, 'flashinfer-trtllm'],
    ['current', 256, 'f16', true, 'sglang-triton'],
    ['current', 256, 'bf16', false, 'flashinfer-trtllm'],
    ['current', 128, 'bf16', true, 'sglang-triton'],
  ] as const)('TRTLLM in %s with K %d, %s, UE8M0 %s: %s', (version, k, outType, formatUe8m0, expected) => {
    expect(decide(trtllmLinear, version, { k, outType, formatUe8m0 }).choice).toBe(expected);
  });
});

describe('the family of kernels', () => {
  const nothing = {
    requested: 'auto',
    jitDeepgemm: false,
    flashinferBlackwell: false,
    cutlassSm120: false,
    useAiter: false,
  } as const;

  it('goes by the order DeepGEMM, FlashInfer, CUTLASS, AITER, Triton', () => {
    const order = ['jitDeepgemm', 'flashinferBlackwell', 'cutlassSm120', 'useAiter'] as const;
    const names = ['deep_gemm', 'flashinfer_trtllm', 'cutlass', 'aiter'];
    for (const [at, first] of order.entries()) {
      const facts = { ...nothing, ...Object.fromEntries(order.slice(at).map((name) => [name, true])) };
      expect([first, decide(gemmBackend, 'current', facts).choice]).toEqual([first, names[at]]);
    }
    expect(decide(gemmBackend, 'current', nothing).choice).toBe('triton');
  });

  it.each(GEMM_BACKENDS)('%s can be asked for', (requested) => {
    expect(decide(gemmBackend, 'current', { ...nothing, jitDeepgemm: true, requested }).choice).toBe(requested);
  });
});
