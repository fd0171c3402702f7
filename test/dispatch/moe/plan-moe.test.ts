import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../../src/dispatch/layout-ref.ts';
import type { MoePlan } from '../../../src/dispatch/moe/plan.ts';
import { MoeRefusedError, planMoe } from '../../../src/dispatch/moe/plan-moe.ts';
import { moeSituation, moeVerdicts } from '../../../src/dispatch/moe/situation.ts';
import type { MoeSpec } from '../../../src/dispatch/moe/spec.ts';
import { describeW13, describeW13Scale } from '../../../src/layout/w13.ts';
import { LayoutMismatchError } from '../../../src/tensor/errors.ts';

const B120 = { model: 'gpt-oss-120b', m: 64, arch: 'gfx950' } as const satisfies MoeSpec;

const kinds = (plan: MoePlan, when: 'load' | 'call'): readonly string[] =>
  plan.steps.filter((step) => step.when === when).map(({ kind }) => kind);

function bytes(plan: MoePlan, name: string): number | undefined {
  return plan.tensors[name]?.bytes;
}

describe('sizes', () => {
  it.each([
    [1, 2880, 3072, 192, 2880],
    [2, 1440, 1536, 96, 1440],
    [4, 720, 768, 48, 736],
    [8, 360, 512, 152, 384],
  ])('of GPT-OSS on %i ranks', (tp, inter, paddedInter, intermediatePad, count) => {
    for (const model of ['gpt-oss-20b', 'gpt-oss-120b']) {
      const { sizes } = planMoe({ ...B120, model, tp });
      expect(sizes).toEqual({
        tp,
        rank: 0,
        experts: model === 'gpt-oss-20b' ? 32 : 128,
        topk: 4,
        hidden: 2880,
        paddedHidden: 3072,
        hiddenPad: 192,
        inter,
        paddedInter,
        intermediatePad,
        channels: { start: 0, count },
      });
    }
  });

  it('give the last rank what is left', () => {
    expect(planMoe({ ...B120, tp: 8, rank: 7 }).sizes.channels).toEqual({ start: 2688, count: 192 });
    expect(planMoe({ ...B120, tp: 4, rank: 3 }).sizes.channels).toEqual({ start: 2208, count: 672 });
  });

  it('count the bytes of a layer', () => {
    const plan = planMoe(B120);
    expect(bytes(plan, 'w13')).toBe(128 * 5760 * 1440);
    expect(bytes(plan, 'w13_scale')).toBe(128 * 5760 * 90);
    expect(bytes(plan, 'w13_bias')).toBe(128 * 5760 * 2);
    expect(bytes(plan, 'w2')).toBe(128 * 2880 * 1440);
    expect(bytes(plan, 'w2_scale')).toBe(128 * 2880 * 90);
    expect(bytes(plan, 'w13_padded')).toBe(128 * 6144 * 1536);
    expect(bytes(plan, 'w13_shuffled')).toBe(128 * 6144 * 1536);
    expect(bytes(plan, 'w13_scale_shuffled')).toBe(128 * 6144 * 96);
    const pad = plan.steps.find(({ kind, when }) => kind === 'pad' && when === 'load');
    const [raw, padded] = [
      128 * (5760 * (1440 + 90 + 4) + 2880 * (1440 + 90 + 4)),
      128 * (6144 * (1536 + 96 + 4) + 3072 * (1536 + 96 + 4)),
    ];
    expect([pad?.bytesRead, pad?.bytesWritten]).toEqual([raw, padded]);
    expect(plan.cost.load.bytesRead).toBe(
      plan.steps.filter(({ when }) => when === 'load').reduce((sum, { bytesRead }) => sum + bytesRead, 0),
    );
  });

  it('count only experts that can get a token', () => {
    const read = (m: number): number | undefined =>
      planMoe({ ...B120, m }).steps.find(({ kind }) => kind === 'stage1')?.bytesRead;
    const weights = 6144 * 1536 + 6144 * 96;
    expect(read(1)).toBeGreaterThan(4 * weights);
    expect(read(1)).toBeLessThan(5 * weights);
    expect(read(64)).toBeGreaterThan(128 * weights);
  });
});

describe('steps', () => {
  it('go from the checkpoint to what the kernel reads, and through a call', () => {
    const plan = planMoe(B120);
    expect(kinds(plan, 'load')).toEqual([
      'cast',
      'pad',
      'de-interleave',
      'shuffle-weight',
      'flatten',
      'shuffle-scale',
      'shuffle-weight',
      'flatten',
      'shuffle-scale',
    ]);
    expect(kinds(plan, 'call')).toEqual(['pad', 'sort', 'stage1', 'stage2', 'slice']);
    expect(plan).toMatchObject({
      kernel: 'cktile-fused',
      scheme: 'a16w4',
      blockM: 16,
      gateMode: 'INTERLEAVE',
      result: 'y',
    });
    const deinterleave = plan.steps.find(({ kind }) => kind === 'de-interleave');
    // Weight, scale and bias in one step.
    expect(Object.keys(deinterleave?.outputs ?? {})).toEqual(['w13', 'w13_scale', 'w13_bias']);
  });

  it('quantise for a8w4 and a4w4', () => {
    const a8w4 = planMoe({ ...B120, m: 1024, tp: 4 });
    expect(kinds(a8w4, 'call')).toEqual(['pad', 'sort', 'quantise', 'stage1', 'requantise', 'stage2', 'slice']);
    expect(a8w4).toMatchObject({ scheme: 'a8w4', kernel: 'cktile-fused', blockM: 32 });
    expect(a8w4.tensors['x_q']?.type).toBe('e4m3fn');
    const a4w4 = planMoe({ ...B120, m: 1024, rules: 'pr-26884' });
    expect(a4w4).toMatchObject({ scheme: 'a4w4', kernel: 'flydsl-tuned', gateMode: 'SEPARATED' });
    expect(a4w4.tensors['x_q']?.type).toBe('e2m1');
    // Scales lie where sorted rows are read: padded to 256 rows and 8 columns.
    const rows = 1024 * 4 + 128 * a4w4.blockM - 4;
    expect(bytes(a4w4, 'x_scale')).toBe(Math.ceil(rows / 256) * 256 * 96);
    // A tuned kernel whose name ends in _fp8 quantises its own result.
    const fused = planMoe({ ...B120, m: 1024 });
    expect(fused.kernel).toBe('flydsl-tuned');
    expect(kinds(fused, 'call')).toEqual(['pad', 'sort', 'quantise', 'stage1', 'stage2', 'slice']);
  });

  it('leave out what a model does not need', () => {
    const plan = planMoe({ model: 'deepseek-style', tp: 8, m: 64, arch: 'gfx950', gateMode: 'SEPARATED' });
    expect(plan.kernel).toBe('flydsl');
    expect(kinds(plan, 'load')).toEqual([
      'shuffle-weight',
      'flatten',
      'shuffle-scale',
      'shuffle-weight',
      'flatten',
      'shuffle-scale',
    ]);
    expect(kinds(plan, 'call')).toEqual(['sort', 'quantise', 'stage1', 'requantise', 'stage2']);
    expect(plan.operands.load).toEqual(['w13', 'w13_scale', 'w2', 'w2_scale']);
  });

  it('leave the weight alone and shuffle its scales for CK without the flag', () => {
    const plan = planMoe({ model: 'deepseek-style', m: 64, arch: 'gfx950', gateMode: 'SEPARATED', isShuffled: false });
    expect(plan).toMatchObject({ kernel: 'ck2stages', outcome: { expects: 'L1', expectsW2: 'plain' } });
    expect(kinds(plan, 'load')).toEqual(['flatten', 'shuffle-scale', 'flatten', 'shuffle-scale']);
    // The op that runs it here wants both unshuffled.
    expect(plan.run.inputs).toMatchObject({ w1: 'w13', w1_scale: 'w13_scale', w2: 'w2', w2_scale: 'w2_scale' });
  });

  it('bring every tensor into the state that the verdict is about', () => {
    for (const tp of [1, 2, 4, 8]) {
      for (const gateMode of ['SEPARATED', 'INTERLEAVE'] as const) {
        for (const m of [1, 300]) {
          const plan = planMoe({ ...B120, m, tp, gateMode });
          const ref = (name: string) => {
            const found = plan.tensors[name];
            if (found === undefined) throw new Error(name);
            return layoutOf(found.layout);
          };
          const expected = gateMode === 'SEPARATED' ? 'L2' : 'L3';
          expect(plan.outcome).toMatchObject({ verdict: 'right', expects: expected });
          expect(describeW13(ref('w13_shuffled'))).toBe(expected);
          expect(describeW13Scale(ref('w13_scale_shuffled'), 128)).toBe(expected);
          expect(describeW13(ref('w13'))).toBe('L0');
          expect(describeW13(ref('w13_separated'))).toBe('L1');
        }
      }
    }
  });

  it('are JSON', () => {
    const plan = planMoe({ ...B120, tp: 8, m: 1024 });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it('tell the kernel its pads in its own terms', () => {
    const params = (spec: Partial<MoeSpec>) =>
      planMoe({ ...B120, ...spec }).steps.find(({ kind }) => kind === 'stage1')?.params;
    expect(params({})).toMatchObject({ n_pad_zeros: 384, k_pad_zeros: 128 });
    expect(params({ tp: 8 })).toMatchObject({ n_pad_zeros: 256, k_pad_zeros: 128 });
    // Since PR 3401, with a bias.
    expect(params({ m: 1024 })).toMatchObject({ hidden_pad: 0, intermediate_pad: 0 });
    expect(params({ m: 1024, aiter: 'pr-3123', rules: 'pr-26884' })).toMatchObject({
      hidden_pad: 192,
      intermediate_pad: 192,
    });
  });
});

describe('what upstream does', () => {
  it('is refused before PR 26884, at every size', () => {
    for (const m of [1, 64, 255, 256, 4096]) {
      for (const tp of [1, 2, 4, 8]) {
        const spec = { ...B120, m, tp, rules: 'before-26884', weights: 'upstream' } as const;
        expect(() => planMoe(spec), `m ${m} tp ${tp}`).toThrow(LayoutMismatchError);
      }
    }
  });

  it('is refused with the flag and with the layout mended alone', () => {
    const before = { ...B120, rules: 'before-26884', aiter: 'current' } as const;
    // Flag only: both ranges read L3 as L2.
    for (const m of [64, 1024])
      expect(() => planMoe({ ...before, m, weights: 'L3' })).toThrow('which is L3, and the kernel reads L2');
    // Layout only: large batches come out right, because a tuned FlyDSL kernel does not ask for the flag.
    expect(() => planMoe({ ...before, m: 64, weights: 'L2', isShuffled: false })).toThrow(MoeRefusedError);
    expect(planMoe({ ...before, m: 1024, weights: 'L2', isShuffled: false }).outcome.verdict).toBe('right');
  });

  it('is right since, with separated weights at first and side by side later', () => {
    for (const m of [1, 64, 255, 256, 4096]) {
      for (const tp of [1, 2, 4, 8]) {
        const expects = (rules: string) => planMoe({ ...B120, m, tp, rules, weights: 'upstream' }).outcome.expects;
        expect([expects('pr-26884'), expects('pr-27201'), expects('current')]).toEqual(['L2', 'L3', 'L3']);
        expect(planMoe({ ...B120, m, tp, rules: 'atom', weights: 'upstream' }).outcome.expects).toBe('L2');
        const on = { ...B120, m, tp, rules: 'atom', weights: 'upstream', env: { atomGuItlv: true } } as const;
        expect(planMoe(on).outcome.expects).toBe('L3');
      }
    }
  });

  it('warns of a kernel that was wrong on right weights', () => {
    const warned = (tp: number, rules: string) =>
      planMoe({ ...B120, tp, rules, weights: 'upstream' }).warnings.some((text) => text.includes('SGLang PR 27201'));
    expect([1, 2, 4, 8].map((tp) => warned(tp, 'pr-26884'))).toEqual([false, true, true, true]);
    expect([1, 2, 4, 8].map((tp) => warned(tp, 'pr-27201'))).toEqual([false, false, false, false]);
  });

  it('breaks when shuffle and gate_mode part', () => {
    // A model that is not GPT-OSS: the loader is hard-wired, the runner follows the variable.
    const other = { ...B120, gptOss: false, rules: 'pr-26884', weights: 'upstream' } as const;
    expect(() => planMoe(other)).toThrow('which is L2, and the kernel reads L3');
    // The variable flipped after loading.
    expect(() => planMoe({ ...B120, weights: 'L3', gateMode: 'SEPARATED' })).toThrow(LayoutMismatchError);
  });

  it('names all sizes at which the same weights go wrong', () => {
    const half = planMoe({ ...B120, m: 1024, gateMode: 'SEPARATED', weights: 'L2', isShuffled: false });
    expect(half.ranges).toEqual([
      { from: 1, to: 128, kernel: 'asm-2-stage', expects: undefined, verdict: 'error' },
      { from: 129, to: 255, kernel: 'cktile-split-k-auto', expects: undefined, verdict: 'error' },
      { from: 256, to: undefined, kernel: 'flydsl-tuned', expects: 'L2', verdict: 'right' },
    ]);
    expect(half.warnings).toContain(
      'the same weights do not come out right at every size: m = 1 … 128: asm-2-stage, error; m = 129 … 255: cktile-split-k-auto, error',
    );
  });
});

describe('every order of w13', () => {
  const rows = (spec: MoeSpec) =>
    Object.fromEntries(
      moeVerdicts(moeSituation(spec)).rows.map(({ w13, outcomes }) => [w13, outcomes.map(({ verdict }) => verdict)]),
    );
  const wrong = ['silently-wrong', 'silently-wrong'];

  it('has its verdict', () => {
    expect(rows(B120)).toEqual({
      L0: wrong,
      L1: wrong,
      L2: wrong,
      L3: ['right', 'right'],
      L4: wrong,
      L5: wrong,
      L6: wrong,
    });
    expect(rows({ ...B120, rules: 'pr-26884' })).toMatchObject({ L2: ['right', 'right'], L3: wrong });
  });

  it('is planned or refused accordingly', () => {
    for (const gateMode of ['SEPARATED', 'INTERLEAVE'] as const) {
      for (const m of [64, 1024]) {
        for (const weights of ['L0', 'L1', 'L2', 'L3', 'L4', 'L5', 'L6'] as const) {
          const spec = { ...B120, m, gateMode, weights, isShuffled: true } as const;
          const right = weights === (gateMode === 'SEPARATED' ? 'L2' : 'L3');
          if (right) expect(kinds(planMoe(spec), 'load')).toEqual([]);
          else expect(() => planMoe(spec)).toThrow(LayoutMismatchError);
        }
      }
    }
  });

  it.each([
    [
      'L0',
      'De-interleave weight, scale and bias, then shuffle_weight(w13, (16, 16)) and shuffle_scale(w13_scale), and set is_shuffled on both weights.',
    ],
    ['L1', 'The rows are in order: shuffle_weight(w13, (16, 16))'],
    ['L3', 'Or choose what reads L3: gate_mode INTERLEAVE'],
    ['L4', 'The de-interleave was forgotten. Load the checkpoint again'],
    ['L5', 'The de-interleave was forgotten. Load the checkpoint again'],
    ['L6', 'The rows were de-interleaved twice. Load the checkpoint again, de-interleave once, then'],
  ] as const)('%s comes with the mending step', (weights, remedy) => {
    expect(() => planMoe({ ...B120, gateMode: 'SEPARATED', weights, isShuffled: true })).toThrow(remedy);
  });
});

describe('refusals', () => {
  it.each<[Partial<MoeSpec>, string]>([
    [
      { model: 'gpt-oss-7b' },
      'parameter "model": is "gpt-oss-7b", expected one of gpt-oss-20b, gpt-oss-120b, deepseek-style.',
    ],
    [{ tp: 3 }, 'parameter "tp": is 3, expected one of 1, 2, 4, 8.'],
    [{ tp: 16 }, 'parameter "tp": is 16, expected one of 1, 2, 4, 8.'],
    [{ tp: 2, rank: 2 }, 'parameter "rank": is 2, expected 0..1 (tp = 2).'],
    [{ m: 0 }, 'parameter "m": is 0, expected a positive integer.'],
    [{ arch: 'gfx942' }, 'parameter "arch": is gfx942, but the rules for MXFP4 experts are those of gfx950.'],
    [{ arch: 'mi355x' }, 'parameter "arch": is "mi355x", expected one of gfx942'],
    [
      { rules: 'pr-1' },
      'parameter "rules": is "pr-1", expected one of before-26884, pr-26884, pr-27201, current, atom.',
    ],
    [{ aiter: 'v1' }, 'parameter "aiter": is "v1", expected one of before-3123'],
    [{ gateMode: 'MOCK' as 'SEPARATED' }, 'parameter "gateMode": is "MOCK", expected one of SEPARATED, INTERLEAVE.'],
    [
      { weights: 'L7' as 'L6' },
      'parameter "weights": is "L7", expected one of mend, upstream, L0, L1, L2, L3, L4, L5, L6.',
    ],
    [
      { activation: 'Relu' as 'Silu' },
      'parameter "activation": is "Relu", expected one of Silu, Gelu, Swiglu, Situv2.',
    ],
    [{ hidden: 2888 }, 'parameter "hidden": is 2888, expected a multiple of 32: 32 elements share a scale.'],
    [{ topk: 200 }, 'parameter "topk": is 200, but there are 128 experts.'],
    [{ swigluLimit: -1 }, 'parameter "swigluLimit": is -1, expected a number that is not negative.'],
    [{ env: { useAiter: false } }, 'parameter "useAiter": is false, but these are the rules of AITER.'],
    [{ tuned: { stage1: 'flydsl_moe1_x', stage2: '' } }, '"flydsl_moe1_x" is no FlyDSL MoE kernel'],
  ])('%j', (more, message) => {
    expect(() => planMoe({ ...B120, ...more })).toThrow(message);
  });

  it('names the size that is missing', () => {
    expect(() => planMoe({ m: 1, arch: 'gfx950', experts: 8, topk: 2, hidden: 256 })).toThrow(
      'parameter "inter": is missing: name a model, or give experts, topk, hidden and inter.',
    );
  });

  it('says what mends a call that upstream refuses', () => {
    expect(() => planMoe({ ...B120, activation: 'Situv2' })).toThrow(
      'NotImplementedError: unquantised Situv2 needs FlyDSL, shuffled weights, no bias and no expert mask. Shuffle both weights',
    );
    expect(() => planMoe({ ...B120, activation: 'Situv2', bias: false })).toThrow(
      'is Situv2, which no op here computes',
    );
    const deepseek = { model: 'deepseek-style', m: 64, arch: 'gfx950' } as const;
    expect(() => planMoe(deepseek)).toThrow('Set AITER_BF16_FP8_MOE_BOUND=0');
    expect(planMoe({ ...deepseek, env: { bf16Fp8Bound: 0 } })).toMatchObject({ kernel: 'flydsl', scheme: 'a8w4' });
    expect(() =>
      planMoe({ ...B120, weights: 'L2', gateMode: 'SEPARATED', isShuffled: false, env: { bypassTune: true } }),
    ).toThrow(
      'is_shuffled did not arrive: set it on w13 and w2 after the last .data =, .view() or copy. Then cktile-split-k-standard runs, which reads L2.',
    );
  });
});
