import { describe, expect, it } from 'vitest';
import { MOE_ENV_DEFAULTS, MOE_VARIABLES, moeSetting } from '../../../src/dispatch/moe/env.ts';
import { FlydslNameError, parseFlydslName, tunedKind } from '../../../src/dispatch/moe/flydsl-name.ts';
import {
  blockSizeM,
  ckTileBlockM,
  flydslHeuristic,
  kSplit,
  trimmedUpRows,
  tunedTokenKey,
  usedKSplit,
} from '../../../src/dispatch/moe/heuristics.ts';
import { GPT_OSS_TUNED, tunedRows } from '../../../src/dispatch/moe/tuned.ts';

const GPT_OSS = { topk: 4, experts: 128, inter: 3072, hidden: 3072, cu: 256 } as const;

describe('sizes of a launch', () => {
  it('looks tuned rows up under the next power of two', () => {
    const keys = [1, 2, 3, 64, 65, 255, 256, 257, 32767, 32768, 40000, 131071, 131072, 200000].map(tunedTokenKey);
    expect(keys).toEqual([1, 2, 4, 64, 128, 256, 256, 512, 32768, 32768, 32768, 32768, 131072, 131072]);
  });

  it('gives CK-Tile its block', () => {
    expect([1, 2047, 2048, 16383, 16384].map((tokens) => ckTileBlockM('bf16', tokens))).toEqual([16, 16, 32, 32, 64]);
    expect([1, 20000].map((tokens) => ckTileBlockM('fp8', tokens))).toEqual([32, 32]);
  });

  it('names FlyDSL kernels', () => {
    const at = (tokens: number): readonly unknown[] => {
      const { blockM, stage1, stage2 } = flydslHeuristic('fp4', tokens);
      return [blockM, stage1, stage2];
    };
    expect(at(1)).toEqual([
      32,
      'flydsl_moe1_afp4_wfp4_bf16_t32x128x256_w2',
      'flydsl_moe2_afp4_wfp4_bf16_t32x128x256_atomic_w2_bnt2',
    ]);
    expect(at(2048)[1]).toBe('flydsl_moe1_afp4_wfp4_bf16_t64x128x256_w3_bnt0');
    expect(at(4096)[1]).toBe('flydsl_moe1_afp4_wfp4_bf16_t128x128x256_w2_bnt0');
    expect(at(16384)[1]).toBe('flydsl_moe1_afp4_wfp4_bf16_t64x128x256_w4_bnt0');
    expect(flydslHeuristic('fp8', 300).stage1).toBe('flydsl_moe1_afp8_wfp4_bf16_t32x128x256_w2_gui');
    // Every name follows the grammar, and fp8 alone interleaves.
    for (const activations of ['fp4', 'fp8', 'bf16'] as const) {
      for (const tokens of [1, 2047, 2048, 4095, 4096, 16383, 16384, 100000]) {
        const { blockM, stage1, stage2 } = flydslHeuristic(activations, tokens);
        expect(parseFlydslName(stage1)).toMatchObject({
          stage: 1,
          activations,
          tile: { m: blockM, n: 128, k: 256 },
          reads: activations === 'fp8' ? 'interleave' : 'separated',
        });
        expect(parseFlydslName(stage2)).toMatchObject({ stage: 2, sum: 'atomic', reads: 'separated' });
      }
    }
  });

  it('chooses a block as get_block_size_M does, first best wins', () => {
    /** With the sum in the order of the source: everything times tiles, then // BM. */
    const direct = (tokens: number, inter: number, experts: number, topk: number, cu: number): number => {
      const scored = [32, 64, 128].map((bm) => {
        const tg = Math.floor((Math.ceil(inter / 128) * (tokens * topk + experts * bm - topk + bm - 1)) / bm);
        return [Math.ceil(tg / cu), cu - (tg % cu), bm] as const;
      });
      return [...scored].sort((a, b) => a[0] - b[0] || a[1] - b[1])[0]?.[2] ?? 0;
    };
    for (const tokens of [1, 5, 64, 256, 1000, 8192, 40000]) {
      for (const inter of [512, 768, 1536, 3072]) {
        for (const experts of [32, 128]) {
          const problem = { ...GPT_OSS, tokens, inter, experts };
          expect(blockSizeM(problem)).toBe(direct(tokens, inter, experts, 4, 256));
        }
      }
    }
    // 3284, 3190 and 3143 groups: 13 rounds each, with 44, 138 and 185 units idle in the last.
    expect(blockSizeM({ ...GPT_OSS, tokens: 64 })).toBe(32);
  });

  it('splits K only while the device is not full', () => {
    expect(kSplit({ ...GPT_OSS, tokens: 33 })).toBe(0);
    expect(kSplit({ ...GPT_OSS, tokens: 32 })).toBe(0);
    // 24 tiles for each of four routes: 96 of 256 units; three parts of 1024.
    expect(kSplit({ ...GPT_OSS, tokens: 1 })).toBe(3);
    // 4 tiles a route at eight ranks: 16 of 256; at most 16 parts, and 12 divides 3072 into pieces of 256.
    expect(kSplit({ ...GPT_OSS, tokens: 1, inter: 512 })).toBe(12);
    expect(kSplit({ ...GPT_OSS, tokens: 1, inter: 512, hidden: 2880 })).toBe(0);
  });

  it('prefers AITER_KSPLIT to the tuned row to the heuristic', () => {
    const problem = { ...GPT_OSS, tokens: 1 };
    expect(usedKSplit(problem, undefined, undefined)).toBe(3);
    expect(usedKSplit(problem, undefined, 4)).toBe(4);
    expect(usedKSplit(problem, 2, 4)).toBe(2);
    expect(usedKSplit(problem, -1, 4)).toBe(3);
    expect(usedKSplit(problem, 0, 4)).toBe(0);
    expect(() => usedKSplit(problem, -2, 4)).toThrow('planMoe: parameter "AITER_KSPLIT": is -2, expected -1 or more.');
  });

  it('counts the rows that CK-Tile may cut off', () => {
    expect([192, 96, 48, 152, 0].map(trimmedUpRows)).toEqual([192, 32, 0, 104, 0]);
  });
});

describe('tuned rows', () => {
  it('are 24 in the fp4 file', () => {
    const fp4 = GPT_OSS_TUNED.find(({ activations }) => activations === 'fp4');
    expect(fp4).toMatchObject({ hidden: 3072, inter: [3072, 1536, 512], experts: 128, topk: 4, tokens: [256, 32768] });
    expect(3 * (Math.log2(32768) - Math.log2(256) + 1)).toBe(24);
  });

  it.each([
    [{ tokens: 256 }, 'gptoss_fp4_tuned_fmoe.csv'],
    [{ tokens: 131072 }, 'gptoss_fp4_tuned_fmoe.csv'],
    [{ tokens: 64, activations: 'bf16' }, 'gptoss_a16w4_tuned_fmoe.csv'],
    // 129 tokens are looked up as 256, which that file does not have.
    [{ tokens: 129, activations: 'bf16' }, undefined],
    [{ tokens: 1024, activations: 'fp8' }, 'gptoss_fp8fp4_tuned_fmoe.csv'],
    // Four ranks, and the 20b model.
    [{ tokens: 1024, inter: 768 }, undefined],
    [{ tokens: 1024, experts: 32 }, undefined],
  ] as const)('are found for %j: %s', (more, file) => {
    expect(tunedRows({ activations: 'fp4', ...GPT_OSS, ...more })?.file).toBe(file);
  });
});

describe('FlyDSL names', () => {
  it('say everything', () => {
    expect(
      parseFlydslName('flydsl_moe1_afp8_wfp4_bf16_t64x128x256_w3_kb2_bnt0_gui_xcd4_kw1_fp8_sbm32_persist'),
    ).toEqual({
      name: 'flydsl_moe1_afp8_wfp4_bf16_t64x128x256_w3_kb2_bnt0_gui_xcd4_kw1_fp8_sbm32_persist',
      stage: 1,
      activations: 'fp8',
      weights: 'fp4',
      out: 'bf16',
      tile: { m: 64, n: 128, k: 256 },
      reads: 'interleave',
      fusedQuant: 'fp8',
      sum: undefined,
      mockGateOnly: false,
      persistent: true,
      options: { w: 3, kb: 2, bnt: 0, xcd: 4, kw: 1, sbm: 32 },
    });
  });

  it('say the layout: _gui is L3, everything else L2, and stage 2 is always separated', () => {
    expect(parseFlydslName('flydsl_moe1_afp4_wfp4_bf16_t32x128x256_w2_fp4_xcd4')).toMatchObject({
      reads: 'separated',
      fusedQuant: 'fp4',
    });
    expect(parseFlydslName('flydsl_moe1_abf16_wint4_f16_t16x64x128_go_kb4')).toMatchObject({
      reads: 'separated',
      mockGateOnly: true,
    });
    expect(parseFlydslName('flydsl_moe2_afp8_wfp4_bf16_t32x128x256_reduce')).toMatchObject({
      reads: 'separated',
      sum: 'reduce',
    });
    expect(parseFlydslName('flydsl_moe1_afp4_wfp4_bf16_t*x*x256').tile).toEqual({ m: undefined, n: undefined, k: 256 });
  });

  it.each([
    ['flydsl_moe3_afp4_wfp4_bf16_t32x128x256', 'it does not follow the grammar'],
    ['flydsl_moe1_afp4_wfp4_bf16', 'it does not follow the grammar'],
    ['flydsl_moe1_afp4_wfp4_bf16_t32x128x256_turbo', 'the suffix "_turbo" is not known'],
    ['flydsl_moe1_afp4_wfp4_bf16_t32x128x256_w2_w3', 'the suffix "_w" comes twice'],
    ['flydsl_moe1_afp4_wfp4_bf16_t32x128x256_atomic', 'stage 1 adds nothing up'],
    ['flydsl_moe2_afp4_wfp4_bf16_t32x128x256_atomic_reduce', 'it has both "_atomic" and "_reduce"'],
    ['flydsl_moe1_afp4_wfp4_bf16_t32x128x256_go_gui', 'it has both "_go" and "_gui"'],
  ])('refuse %s', (name, problem) => {
    expect(() => parseFlydslName(name)).toThrow(FlydslNameError);
    expect(() => parseFlydslName(name)).toThrow(`"${name}" is no FlyDSL MoE kernel: ${problem}. Expected`);
  });

  it('are told apart from other kernels', () => {
    expect(
      [
        undefined,
        '',
        'flydsl_mxmoe_g1_a4w4_x',
        'flydsl_moe1_x',
        'opus_moe1_x',
        'moe_ck2stages_x',
        'swiglu_mxfp4_bf16_cktile',
      ].map(tunedKind),
    ).toEqual(['none', 'none', 'mxmoe', 'flydsl', 'opus', 'ck2stages', 'foreign']);
  });
});

describe('variables', () => {
  it('have the defaults of upstream', () => {
    const initial = Object.fromEntries(MOE_VARIABLES.map((variable) => [variable.name, variable.initial]));
    expect(initial).toMatchObject({
      SGLANG_USE_AITER: 'False',
      SGLANG_USE_AITER_MOE_GU_ITLV: 'True',
      ATOM_MOE_GU_ITLV: '0',
      GPTOSS_SWIGLU_MXFP4_BF16_BOUND: '256',
      AITER_BF16_FP8_MOE_BOUND: '256',
      AITER_FLYDSL_FORCE: '1',
      AITER_MOE_A8W4_BYPASS_QUANT: '0',
      AITER_MOE_SORT_BACKEND: 'auto',
    });
    expect(new Set(MOE_VARIABLES.map(({ name }) => name)).size).toBe(MOE_VARIABLES.length);
    expect(MOE_ENV_DEFAULTS).toMatchObject({
      swigluBf16Bound: 256,
      bf16Fp8Bound: 256,
      flydslForce: true,
      atomGuItlv: false,
    });
  });

  it('are set by name', () => {
    expect(moeSetting('GPTOSS_SWIGLU_MXFP4_BF16_BOUND', '99999')).toEqual({ swigluBf16Bound: 99999 });
    expect(moeSetting('bf16Fp8Bound', '0')).toEqual({ bf16Fp8Bound: 0 });
    expect(moeSetting('SGLANG_USE_AITER_MOE_GU_ITLV', 'False')).toEqual({ guItlv: false });
    expect(moeSetting('ATOM_MOE_GU_ITLV', '1')).toEqual({ atomGuItlv: true });
    expect(moeSetting('AITER_KSPLIT', '-1')).toEqual({ ksplit: -1 });
    expect(moeSetting('runner', 'triton')).toEqual({ runner: 'triton' });
  });

  it.each([
    ['AITER_USE_NT', '1', 'parameter "AITER_USE_NT": changes neither kernel nor layout'],
    ['speed', '1', 'parameter "speed": is not known, expected one of useAiter, guItlv'],
    ['cu', 'many', 'parameter "cu": is "many", expected an integer.'],
    ['flydslForce', 'maybe', 'parameter "flydslForce": is "maybe", expected true or false.'],
  ])('%s=%s is refused', (name, value, message) => {
    expect(() => moeSetting(name, value)).toThrow(message);
  });
});
