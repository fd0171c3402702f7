import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/dispatch/rule.ts';
import {
  type ActivationTypeFacts,
  moeActivationType,
  moeRequant,
} from '../../../src/dispatch/rules/moe-activation-type.ts';
import { flydslPads, moeBias } from '../../../src/dispatch/rules/moe-bias.ts';
import { type GuItlvFacts, gateMode, guItlv } from '../../../src/dispatch/rules/moe-gate-mode.ts';
import { type MoeKernelFacts, moeKernel } from '../../../src/dispatch/rules/moe-kernel.ts';
import { ck2StagesInstance, ckTileLaunch, swigluLimit } from '../../../src/dispatch/rules/moe-kernel-limits.ts';
import { moeDeinterleave, moeFlag, moeShuffle } from '../../../src/dispatch/rules/moe-load.ts';
import { moeScaleRounding } from '../../../src/dispatch/rules/moe-scale-rounding.ts';

/** Every combination of the values given for each field. */
function* combinations<T extends object>(choices: { readonly [K in keyof T]: readonly T[K][] }): Generator<T> {
  const entries = Object.entries(choices) as [keyof T, readonly unknown[]][];
  const total = entries.reduce((product, [, values]) => product * values.length, 1);
  for (let index = 0; index < total; index += 1) {
    let rest = index;
    yield Object.fromEntries(
      entries.map(([name, values]) => {
        const value = values[rest % values.length];
        rest = Math.floor(rest / values.length);
        return [name, value];
      }),
    ) as T;
  }
}

const BOOL = [true, false] as const;

describe('moe.activation-type', () => {
  /** The source, branch by branch. */
  function fromSource(f: ActivationTypeFacts): string {
    if (f.arch === 'gfx1250') return f.forceA8w4 ? 'fp8' : 'fp4x2';
    if (f.weights === 'i4x2') return 'bf16';
    if (f.weights === 'fp8') return 'fp8';
    if (f.activation === 'Situv2') return f.situv2A8w4 ? 'fp8' : f.situv2A4w4 ? 'fp4x2' : 'bf16';
    if (f.activation === 'Swiglu' && f.gateMode === 'SEPARATED') return f.m < f.swigluBf16Bound ? 'bf16' : 'fp4x2';
    if (f.activation === 'Swiglu' || f.gateMode === 'INTERLEAVE') {
      return f.arch !== 'gfx950' || f.m < f.bf16Fp8Bound ? 'bf16' : 'fp8';
    }
    return 'fp4x2';
  }

  it('decides as the source does, for every combination of what it looks at', () => {
    let count = 0;
    const all = combinations<ActivationTypeFacts>({
      arch: ['gfx950', 'gfx942', 'gfx1250'],
      weights: ['fp4x2', 'u8', 'fp8', 'i4x2'],
      activation: ['Silu', 'Gelu', 'Swiglu', 'Situv2'],
      gateMode: ['SEPARATED', 'INTERLEAVE'],
      m: [1, 63, 64, 255, 256, 4096],
      swigluBf16Bound: [64, 256, 99999],
      bf16Fp8Bound: [0, 64, 256],
      situv2A8w4: BOOL,
      situv2A4w4: BOOL,
      forceA8w4: BOOL,
    });
    for (const facts of all) {
      expect(decide(moeActivationType, 'current', facts).choice, JSON.stringify(facts)).toBe(fromSource(facts));
      count += 1;
    }
    expect(count).toBe(3 * 4 * 4 * 2 * 6 * 3 * 3 * 8);
  });

  it('says which bound was met', () => {
    const decision = decide(moeActivationType, 'current', {
      arch: 'gfx950',
      weights: 'fp4x2',
      activation: 'Swiglu',
      gateMode: 'SEPARATED',
      m: 300,
      swigluBf16Bound: 256,
      bf16Fp8Bound: 256,
      situv2A8w4: false,
      situv2A4w4: false,
      forceA8w4: false,
    });
    expect(decision.choice).toBe('fp4x2');
    expect(decision.notFired.at(-1)?.failed).toBe('m is 300, not below swigluBf16Bound = 256');
  });

  it.each([
    ['bf16', 'Swiglu', 0, true, 'bf16'],
    ['bf16', 'Situv2', 0, false, 'bf16'],
    ['bf16', 'Silu', 0, true, 'fp4x2'],
    ['bf16', 'Silu', 2, true, 'bf16'],
    ['bf16', 'Silu', 2, false, 'fp4x2'],
    ['fp8', 'Swiglu', 0, true, 'fp8'],
    ['fp4x2', 'Swiglu', 0, true, 'fp4x2'],
    ['fp4x2', 'Silu', 2, true, 'bf16'],
  ] as const)(
    '%s of %s with K in %i parts, flagged %s, goes into stage 2 as %s',
    (activationType, activation, ksplit, flagged, choice) => {
      expect(decide(moeRequant, 'current', { activationType, activation, ksplit, flagged }).choice).toBe(choice);
    },
  );
});

describe('moe.kernel', () => {
  /** The source: the first branch that matches. */
  function fromSource(f: MoeKernelFacts): string {
    const p = f.dtype === 'bf16' || f.dtype === 'f16';
    const isSwiglu = f.activation === 'Swiglu';
    if (f.activation === 'Situv2' && f.activationType === 'bf16') {
      const ok = f.flydsl && ['gfx942', 'gfx950'].includes(f.arch) && !f.hasBias && !f.hasExpertMask;
      if (!ok || !(f.flagged && f.g1u1 && !f.doweightStage1)) return 'not-implemented';
    }
    // 0. opus rows without both flags are discarded.
    const name = f.tuned === 'opus' && !f.bothFlagged ? 'none' : f.tuned;
    if (name === 'mxmoe') return 'mxmoe';
    if (f.run1stage) return 'asm-1-stage';
    if (name === 'opus') return 'opus';
    if (name === 'flydsl' || f.tunedStage2Flydsl) return 'flydsl-tuned';
    if (f.gateMode !== 'SEPARATED' && p && isSwiglu && f.weights !== 'fp8') return 'cktile-fused';
    if (f.weights === 'i4x2') return 'flydsl-a16wi4';
    const type = f.activationType;
    const heuristic = f.flagged && f.g1u1 && !f.doweightStage1 && f.flydsl && ['fp4x2', 'fp8'].includes(f.weights);
    if (p && heuristic && f.activation === 'Situv2' && type === 'bf16') return 'flydsl';
    if (p && heuristic && type !== 'bf16' && (isSwiglu || f.activation === 'Situv2' || f.flydslForce)) return 'flydsl';
    if (p && f.weights === 'fp4x2' && f.flagged && !(isSwiglu && type === 'fp4x2')) {
      if (isSwiglu && type === 'bf16') return 'cktile-split-k-standard';
      if (f.ksplit > 1) return 'cktile-split-k-auto';
    }
    if (isSwiglu && f.weights === 'fp4x2' && p && name === 'none') return 'cktile-split-k-auto';
    if (name === 'ck2stages') return 'ck2stages';
    if (name === 'none' && ['fp4x2', 'fp8'].includes(f.weights)) return 'ck2stages';
    return 'asm-2-stage';
  }

  it('follows the order of the source, for every combination of what it looks at', () => {
    const all = combinations<MoeKernelFacts>({
      arch: ['gfx950'],
      dtype: ['bf16', 'f16'],
      activation: ['Silu', 'Swiglu', 'Situv2'],
      gateMode: ['SEPARATED', 'INTERLEAVE'],
      activationType: ['bf16', 'fp8', 'fp4x2'],
      weights: ['fp4x2', 'u8', 'fp8', 'i4x2'],
      flagged: BOOL,
      bothFlagged: BOOL,
      tuned: ['none', 'mxmoe', 'flydsl', 'opus', 'ck2stages', 'foreign'],
      tunedStage2Flydsl: BOOL,
      run1stage: [false],
      ksplit: [0, 2],
      g1u1: [true],
      doweightStage1: [false],
      flydsl: BOOL,
      flydslForce: BOOL,
      hasBias: BOOL,
      hasExpertMask: [false],
    });
    for (const facts of all) {
      const choice = decide(moeKernel, 'current', facts).choice;
      if (choice !== fromSource(facts)) expect(choice, JSON.stringify(facts)).toBe(fromSource(facts));
    }
  });

  const facts: MoeKernelFacts = {
    arch: 'gfx950',
    dtype: 'bf16',
    activation: 'Swiglu',
    gateMode: 'SEPARATED',
    activationType: 'bf16',
    weights: 'fp4x2',
    flagged: false,
    bothFlagged: false,
    tuned: 'none',
    tunedStage2Flydsl: false,
    run1stage: false,
    ksplit: 0,
    g1u1: true,
    doweightStage1: false,
    flydsl: true,
    flydslForce: true,
    hasBias: true,
    hasExpertMask: false,
  };

  it('sends the leftovers of Swiglu to CK before PR 3518, to CK-Tile since', () => {
    expect(decide(moeKernel, 'pr-3212', facts).choice).toBe('ck2stages');
    expect(decide(moeKernel, 'pr-3518', facts).choice).toBe('cktile-split-k-auto');
    expect(decide(moeKernel, 'before-3123', facts).choice).toBe('cktile-fused');
    // FlyDSL missing is the other way to get there.
    const noFlydsl = { ...facts, flagged: true, activationType: 'fp4x2', flydsl: false } as const;
    expect(decide(moeKernel, 'current', noFlydsl).choice).toBe('cktile-split-k-auto');
  });

  it('has an own kernel for INTERLEAVE on gfx1250', () => {
    expect(decide(moeKernel, 'current', { ...facts, arch: 'gfx1250', gateMode: 'INTERLEAVE' }).choice).toBe(
      'grouped-gfx1250',
    );
  });
});

describe('moe.gu-itlv and moe.gate-mode', () => {
  const gptOss: GuItlvFacts = {
    gptOss: true,
    platform: 'hip',
    useAiter: true,
    quant: 'mxfp4',
    runner: 'auto',
    guItlv: undefined,
  };

  it('is off for GPT-OSS between PR 26884 and PR 27201 only', () => {
    const on = (['before-26884', 'pr-26884', 'pr-27201', 'current'] as const).map(
      (version) => decide(guItlv, version, gptOss).choice,
    );
    expect(on).toEqual(['on', 'off', 'on', 'on']);
    for (const other of [
      { gptOss: false },
      { platform: 'cuda' },
      { useAiter: false },
      { quant: 'quark-w4a8' },
      { runner: 'triton' },
    ] as const) {
      expect(decide(guItlv, 'pr-26884', { ...gptOss, ...other }).choice).toBe('on');
    }
    for (const version of ['before-26884', 'pr-27201', 'current'] as const) {
      expect(decide(guItlv, version, { ...gptOss, guItlv: false }).choice).toBe('off');
      expect(decide(guItlv, version, { ...gptOss, guItlv: true }).choice).toBe('on');
    }
  });

  const facts = { guItlv: true, hasSwigluLimit: true, aiterGateMode: true };

  it('passes it with swiglu_limit at first, always now, and never before', () => {
    expect(decide(gateMode, 'before-26884', facts).choice).toBe('not-passed');
    expect(decide(gateMode, 'pr-26884', facts).choice).toBe('INTERLEAVE');
    expect(decide(gateMode, 'pr-26884', { ...facts, guItlv: false }).choice).toBe('SEPARATED');
    expect(decide(gateMode, 'pr-26884', { ...facts, hasSwigluLimit: false }).choice).toBe('not-passed');
    expect(decide(gateMode, 'current', { ...facts, hasSwigluLimit: false }).choice).toBe('INTERLEAVE');
    expect(decide(gateMode, 'current', { ...facts, aiterGateMode: false }).choice).toBe('not-passed');
    expect(decide(gateMode, 'atom', { ...facts, guItlv: false }).choice).toBe('SEPARATED');
    expect(decide(gateMode, 'atom', { ...facts, hasSwigluLimit: false }).choice).toBe('INTERLEAVE');
  });
});

describe('the loaders', () => {
  const shuffle = (
    version: Parameters<typeof decide<object, string, keyof typeof moeShuffle.versions>>[1],
    guItlvOn: boolean,
    quant: 'mxfp4' | 'quark-w4a8' = 'mxfp4',
  ) => decide(moeShuffle, version, { quant, guItlv: guItlvOn }).choice;

  it('shuffle GPT-OSS as each state does', () => {
    // Hard-wired, and the other way round.
    expect([shuffle('before-26884', true), shuffle('before-26884', false)]).toEqual(['interleave', 'interleave']);
    expect([shuffle('pr-26884', true), shuffle('pr-26884', false)]).toEqual(['separated', 'separated']);
    for (const version of ['pr-27201', 'current', 'atom'] as const) {
      expect([shuffle(version, true), shuffle(version, false)]).toEqual(['interleave', 'separated']);
    }
    // Quark honours the variable throughout.
    for (const version of ['before-26884', 'pr-26884', 'current'] as const) {
      expect([shuffle(version, true, 'quark-w4a8'), shuffle(version, false, 'quark-w4a8')]).toEqual([
        'interleave',
        'separated',
      ]);
    }
  });

  it('lose the flag before PR 26884 only', () => {
    const versions = ['before-26884', 'pr-26884', 'pr-27201', 'current', 'atom'] as const;
    expect(versions.map((version) => decide(moeFlag, version, { quant: 'mxfp4' }).choice)).toEqual([
      'lost',
      'kept',
      'kept',
      'kept',
      'kept',
    ]);
  });

  it('de-interleave interleaved checkpoints and no others', () => {
    for (const version of ['before-26884', 'current', 'atom'] as const) {
      expect(decide(moeDeinterleave, version, { checkpoint: 'interleaved' }).choice).toBe('de-interleave');
      expect(decide(moeDeinterleave, version, { checkpoint: 'separated' }).choice).toBe('leave');
    }
  });
});

describe('limits of the kernels', () => {
  it.each([
    [{ activationType: 'fp4x2' }, 'refused'],
    [{ out: 'f16' }, 'nothing-launched'],
    [{ activationType: 'fp8', weights: 'u8' }, 'nothing-launched'],
    [{ activationType: 'fp8', splitK: true }, 'refused'],
    [{ activationType: 'fp8', arch: 'gfx942' }, 'refused'],
    [{ activationType: 'fp8' }, 'launches'],
    [{ weights: 'u8' }, 'launches'],
    [{ splitK: true }, 'launches'],
  ] as const)('CK-Tile with %j: %s', (facts, choice) => {
    const base = { arch: 'gfx950', activationType: 'bf16', weights: 'fp4x2', out: 'bf16', splitK: false } as const;
    expect(decide(ckTileLaunch, 'current', { ...base, ...facts }).choice).toBe(choice);
  });

  it.each([
    ['Swiglu', 'fp4x2', 'builds-or-fails'],
    ['Silu', 'fp8', 'missing'],
    ['Silu', 'bf16', 'open'],
    ['Silu', 'fp4x2', 'exists'],
    ['Gelu', 'fp4x2', 'exists'],
  ] as const)('CK for %s with %s activations: %s', (activation, activationType, choice) => {
    expect(decide(ck2StagesInstance, 'current', { activation, activationType, weights: 'fp4x2' }).choice).toBe(choice);
  });

  it.each([
    ['flydsl', 'Swiglu', 'applied'],
    ['flydsl-tuned', 'Silu', 'applied'],
    ['cktile-fused', 'Swiglu', 'fixed-7'],
    ['cktile-split-k-standard', 'Swiglu', 'fixed-7'],
    ['cktile-split-k-auto', 'Silu', 'ignored'],
    ['ck2stages', 'Silu', 'open'],
  ] as const)('swiglu_limit in %s for %s: %s', (kernel, activation, choice) => {
    expect(decide(swigluLimit, 'current', { kernel, activation }).choice).toBe(choice);
  });

  it.each([
    [{ hasBias: false, biasType: undefined }, 'none'],
    [{ biasType: 'bf16' }, 'type-error'],
    [{}, 'applied'],
    [{ kernel: 'cktile-split-k-standard' }, 'applied'],
    [{ kernel: 'cktile-split-k-auto' }, 'value-error'],
    [{ kernel: 'cktile-split-k-auto', activation: 'Silu' }, 'ignored'],
    [{ kernel: 'flydsl' }, 'applied'],
    [{ kernel: 'flydsl', weights: 'fp8' }, 'ignored'],
    [{ kernel: 'ck2stages' }, 'open'],
  ] as const)('biases with %j: %s', (facts, choice) => {
    const base = {
      kernel: 'cktile-fused',
      hasBias: true,
      biasType: 'f32',
      activation: 'Swiglu',
      weights: 'fp4x2',
    } as const;
    expect(decide(moeBias, 'current', { ...base, ...facts }).choice).toBe(choice);
  });

  it('hides the pads from FlyDSL since PR 3401 when there is a bias', () => {
    expect(decide(flydslPads, 'pr-3123', { hasBias: true }).choice).toBe('exact');
    expect(decide(flydslPads, 'pr-3401', { hasBias: true }).choice).toBe('zero');
    expect(decide(flydslPads, 'current', { hasBias: false }).choice).toBe('exact');
  });

  it.each([
    ['hip', 'fp4', 'pr-3401', 'Legacy'],
    ['hip', 'fp4', 'pr-3212', 'RoundUp'],
    ['hip', 'fp8', 'current', 'RoundUp'],
    ['torch-fp4', 'fp4', 'current', 'Even'],
    ['triton-fp4', 'fp4', 'current', 'Even'],
    ['triton-fp8', 'fp8', 'current', 'half-up'],
    ['flydsl-epilogue', 'fp4', 'current', 'Legacy'],
    ['flydsl-epilogue', 'fp8', 'current', 'half-up'],
    ['flydsl-silu', 'fp4', 'current', 'RoundUp'],
    ['mxmoe', 'fp4', 'current', 'RoundUp'],
  ] as const)('scales written by %s for %s at %s: %s', (path, format, version, choice) => {
    expect(decide(moeScaleRounding, version, { path, format }).choice).toBe(choice);
  });
});
