import { describe, expect, it } from 'vitest';
import { decide } from '../../src/dispatch/rule.ts';
import { type LinearFp8BlockFacts, linearFp8Block } from '../../src/dispatch/rules/linear-fp8-block.ts';
import { type WeightPreprocessFacts, weightPreprocess } from '../../src/dispatch/rules/weight-preprocess.ts';
import { CK_MAX_SAFE_M, TRITON_TUNED_GFX950 } from '../../src/dispatch/tables.ts';
import type { HipVersion } from '../../src/dispatch/versions.ts';

const VERSIONS = Object.keys(linearFp8Block.versions) as HipVersion[];

const MI355: LinearFp8BlockFacts = {
  useAiter: true,
  arch: 'gfx950',
  gfx95: true,
  rocm: '7.2',
  n: 2624,
  k: 6144,
  m: 64,
  forceCk: false,
  bpreshuffleGfx942: false,
};
const MI300 = { ...MI355, arch: 'gfx942', gfx95: false };

const choose = (version: HipVersion, facts: Partial<LinearFp8BlockFacts>): string =>
  decide(linearFp8Block, version, { ...MI355, ...facts }).choice;

/** The source, written as the code is: branch by branch. */
function fromSource(version: HipVersion, f: LinearFp8BlockFacts): string {
  if (!f.useAiter) return 'sglang-triton';
  if (version === 'dec-2025') return 'aiter-ck';
  const [major = 0, minor = 0] = f.rocm.split('.').map(Number);
  const rocm72 = major > 7 || (major === 7 && minor >= 2);
  const table = !f.forceCk && PAIRS.some(([n, k]) => n === f.n && k === f.k);
  if (version === 'pr-23319') return f.gfx95 ? (table ? 'aiter-triton' : 'aiter-bpreshuffle') : 'aiter-triton';
  const bpre = f.gfx95 && rocm72;
  if (bpre) return table ? 'aiter-triton' : 'aiter-bpreshuffle';
  if (version === 'pr-23671' || version === 'pr-27289') return 'aiter-triton';
  if (version === 'current' && f.arch === 'gfx1250') return 'sglang-triton';
  if (f.gfx95) {
    const safe = SAFE.find(([n, k]) => n === f.n && k === f.k)?.[2];
    return table || (safe !== undefined && f.m > safe) ? 'aiter-triton' : 'aiter-ck';
  }
  if (version === 'current' && f.arch === 'gfx942' && f.bpreshuffleGfx942) return 'aiter-bpreshuffle';
  return 'aiter-triton';
}

const PAIRS = [
  [1024, 8192],
  [16384, 1536],
  [2112, 7168],
  [3072, 1536],
  [32768, 8192],
  [4096, 7168],
  [4608, 7168],
  [512, 7168],
  [7168, 2048],
  [7168, 2304],
  [7168, 16384],
  [7168, 256],
  [8192, 1024],
  [8192, 32768],
] as const;

const SAFE = [
  [2560, 4096, 2048],
  [4096, 1024, 4096],
  [4096, 2048, 2048],
  [4608, 4096, 512],
] as const;

it('has the fourteen shapes and the four limits', () => {
  expect(TRITON_TUNED_GFX950.entries.map(({ n, k }) => [n, k])).toEqual(PAIRS);
  expect(CK_MAX_SAFE_M.entries.map(({ n, k, value }) => [n, k, value])).toEqual(SAFE);
});

describe.each(VERSIONS)('%s', (version) => {
  it('decides as the source does, for every combination of what it looks at', () => {
    const shapes = [...PAIRS, ...SAFE, [2624, 6144], [7168, 1024]].map(([n, k]) => ({
      n: n as number,
      k: k as number,
    }));
    let count = 0;
    for (const { n, k } of shapes) {
      for (const arch of ['gfx950', 'gfx942', 'gfx1250', 'gfx1201']) {
        for (const rocm of ['6.4', '7.0', '7.0.2', '7.2', '7.10', '8']) {
          for (const m of [1, 512, 513, 2048, 2049, 4096, 4097]) {
            for (const bits of [0, 1, 2, 3, 4, 5, 6, 7]) {
              const facts: LinearFp8BlockFacts = {
                useAiter: (bits & 1) === 0,
                forceCk: (bits & 2) !== 0,
                bpreshuffleGfx942: (bits & 4) !== 0,
                arch,
                gfx95: arch === 'gfx950',
                rocm,
                n,
                k,
                m,
              };
              expect([facts, decide(linearFp8Block, version, facts).choice]).toEqual([
                facts,
                fromSource(version, facts),
              ]);
              count += 1;
            }
          }
        }
      }
    }
    expect(count).toBe(shapes.length * 4 * 6 * 7 * 8);
  });
});

describe('row by row', () => {
  it('members of the table go to Triton, everything else to the preshuffled kernel', () => {
    for (const [n, k] of PAIRS) expect(choose('current', { n, k })).toBe('aiter-triton');
    expect(choose('current', { n: 7168, k: 8192 })).toBe('aiter-bpreshuffle');
  });

  it('the force switch empties the table', () => {
    for (const [n, k] of PAIRS) expect(choose('current', { n, k, forceCk: true })).toBe('aiter-bpreshuffle');
  });

  it('PR 23319 takes the preshuffled kernel on ROCm 7.0, PR 23671 no longer', () => {
    expect(choose('pr-23319', { rocm: '7.0' })).toBe('aiter-bpreshuffle');
    expect(choose('pr-23671', { rocm: '7.0' })).toBe('aiter-triton');
    expect(choose('current', { rocm: '7.0' })).toBe('aiter-ck');
  });

  it.each(SAFE)('(%d, %d) leaves plain CK above M = %d before ROCm 7.2', (n, k, safe) => {
    expect(choose('current', { n, k, m: safe, rocm: '7.0' })).toBe('aiter-ck');
    expect(choose('current', { n, k, m: safe + 1, rocm: '7.0' })).toBe('aiter-triton');
    expect(choose('current', { n, k, m: safe + 1, rocm: '7.2' })).toBe('aiter-bpreshuffle');
  });

  it('says why, and which rules did not fire', () => {
    expect(
      decide(linearFp8Block, 'current', { ...MI355, n: 4608, k: 4096, m: 1024, rocm: '7.0' }),
    ).toMatchInlineSnapshot(`
      {
        "because": [
          {
            "conditions": [
              "gfx95 is true",
              "m is 1024, the table of safe M of the plain CK kernel gives (4608, 4096) a limit of 512",
            ],
            "origin": "SGLang PR 29918 _AITER_GFX95_CK_W8A8_MAX_SAFE_M",
            "reason": "with ROCm before 7.2 the plain CK kernel returns NaN for this shape above the limit",
            "rule": "ck-unsafe-m",
          },
        ],
        "choice": "aiter-triton",
        "decision": "linear.fp8-block",
        "notFired": [
          {
            "choice": "sglang-triton",
            "failed": "useAiter is true, not false",
            "rule": "aiter-off",
          },
          {
            "choice": "sglang-triton",
            "failed": "arch is gfx950, not gfx1250",
            "rule": "aiter-off-gfx1250",
          },
          {
            "choice": "aiter-triton",
            "failed": "rocm is 7.0, not at least 7.2",
            "rule": "tuned-for-triton",
          },
          {
            "choice": "aiter-bpreshuffle",
            "failed": "rocm is 7.0, not at least 7.2",
            "rule": "bpreshuffle",
          },
          {
            "choice": "aiter-triton",
            "failed": "(n, k) = (4608, 4096) is not in the table of shapes tuned for Triton on gfx950",
            "rule": "tuned-for-triton-before-7.2",
          },
        ],
        "version": "current",
      }
    `);
  });

  it('names the fact that is missing', () => {
    const { m: _m, ...rest } = { ...MI355, n: 4608, k: 4096, rocm: '7.0' };
    expect(() => decide(linearFp8Block, 'current', rest as LinearFp8BlockFacts)).toThrowErrorMatchingInlineSnapshot(
      `[MissingFactError: the rules need "m", which was not given. Say what it is.]`,
    );
  });

  it('names the versions there are', () => {
    expect(() => decide(linearFp8Block, 'v9' as HipVersion, MI355)).toThrowErrorMatchingInlineSnapshot(
      `[DecisionError: linear.fp8-block: there are no rules for version "v9". Known: dec-2025, pr-23319, pr-23671, pr-27289, v0.5.15, current.]`,
    );
  });
});

describe('weights at load', () => {
  const facts: WeightPreprocessFacts = { ...MI355, keepPlain: false };
  const load = (version: HipVersion, some: Partial<WeightPreprocessFacts>): string =>
    decide(weightPreprocess, version, { ...facts, ...some }).choice;

  it('are shuffled exactly where the call takes the preshuffled kernel, unless they must stay plain', () => {
    for (const version of VERSIONS) {
      for (const [n, k] of [...PAIRS, [2624, 6144] as const]) {
        for (const rocm of ['7.0', '7.2']) {
          for (const useAiter of [true, false]) {
            for (const forceCk of [true, false]) {
              const shared = { n, k, rocm, useAiter, forceCk };
              const shuffled = choose(version, shared) === 'aiter-bpreshuffle';
              expect([version, shared, load(version, shared)]).toEqual([
                version,
                shared,
                shuffled ? 'shuffle' : 'plain',
              ]);
            }
          }
        }
      }
    }
  });

  it('keep their layout where someone else reads them', () => {
    expect(load('current', { keepPlain: true })).toBe('plain');
    // As of PR 23319 there was no such switch.
    expect(load('pr-23319', { keepPlain: true })).toBe('shuffle');
  });

  it('become e4m3fnuz on gfx942', () => {
    for (const version of VERSIONS) expect(load(version, MI300)).toBe('normalize-fnuz');
    expect(load('current', { ...MI300, bpreshuffleGfx942: true })).toBe('normalize-fnuz-and-shuffle');
    expect(load('current', { ...MI300, bpreshuffleGfx942: true, keepPlain: true })).toBe('normalize-fnuz');
  });
});
