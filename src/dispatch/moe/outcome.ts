import type { W13LayoutId } from '../../layout/w13.ts';
import { type Decision, decide } from '../rule.ts';
import { moeBias } from '../rules/moe-bias.ts';
import { type Ck2StagesChoice, ck2StagesInstance, ckTileLaunch, swigluLimit } from '../rules/moe-kernel-limits.ts';
import type { Evidence } from './facts.ts';
import { type MoeCallFacts, type MoeKernels, resolveMoeKernels } from './resolve.ts';

/** A call of AITER's fused_moe, and what its weights really are. */
export interface MoeFacts extends MoeCallFacts {
  /** The order in which w13 is stored; its scales are taken to be stored as the kernel wants them for that. */
  readonly w13: W13LayoutId;
  /** The order in which the scales of w13 are stored, where it is not that of the weight. */
  readonly w13Scale?: W13LayoutId;
  /** How w2 and its scales are stored. Default: as the kernel reads them. */
  readonly w2?: 'shuffled' | 'plain';
  /** The order of the bias of w13. Default `separated`, which every kernel reads. */
  readonly biasRows?: 'separated' | 'interleaved';
  /** Default: none. */
  readonly swigluLimit?: number;
}

/** Right: the numbers of the reference. Silently wrong: it finishes, with other numbers. Error: an exception. */
export type MoeVerdict = 'right' | 'silently-wrong' | 'error';

export interface MoeOutcome {
  readonly verdict: MoeVerdict;
  /** What may happen instead, where the sources leave it open. */
  readonly orElse?: MoeVerdict;
  readonly reason: string;
  readonly evidence: Evidence;
  /** The order of w13 that stage 1 reads; undefined where no kernel runs. */
  readonly expects: MoeKernels['expects'];
  readonly expectsScale: MoeKernels['expectsScale'];
  readonly expectsW2: MoeKernels['expectsW2'];
  readonly kernel: MoeKernels['kernel'];
  readonly stage1: string;
  readonly stage2: string;
  readonly activationType: MoeKernels['activationType'];
  readonly fed: MoeKernels['fed'];
  readonly requant: MoeKernels['requant'];
  /** What the result does not say: an unused limit, a warning of AITER. */
  readonly warnings: readonly string[];
  readonly decisions: readonly Decision[];
}

/** One reason why a call does not come out right. */
interface Finding {
  readonly verdict: MoeVerdict;
  readonly orElse?: MoeVerdict;
  readonly reason: string;
  readonly evidence: Evidence;
}

/**
 * What happens when these weights meet the kernels that the dispatcher chooses for this call: right, silently wrong, or an error.
 * It follows from the rules: `moe.activation-type`, `moe.kernel` and the limits of each kernel.
 *
 * @throws FlydslNameError for a tuned name that begins like a FlyDSL kernel and is none
 * @example
 * ```ts
 * moeOutcome({ m: 64, gateMode: 'SEPARATED', activation: 'Swiglu', flags: { w13: true, w2: true }, bias: 'f32', w13: 'L3' });
 * // { verdict: 'silently-wrong', expects: 'L2', kernel: 'cktile-split-k-standard', … }
 * ```
 */
export function moeOutcome(facts: MoeFacts): MoeOutcome {
  const kernels = resolveMoeKernels(facts);
  const { kernel, activationType } = kernels;
  const { activation, weights = 'fp4x2' } = facts;
  const limit = decide(swigluLimit, 'current', { kernel, activation });
  const bias = decide(moeBias, 'current', {
    kernel,
    hasBias: facts.bias !== undefined,
    biasType: facts.bias,
    activation,
    weights,
  });
  const launch = isCkTile(kernel)
    ? decide(ckTileLaunch, 'current', {
        arch: facts.arch ?? 'gfx950',
        activationType: kernels.fed,
        weights,
        out: facts.dtype ?? 'bf16',
        splitK: kernel !== 'cktile-fused',
      })
    : undefined;
  const instance =
    kernel === 'ck2stages' ? decide(ck2StagesInstance, 'current', { activation, activationType, weights }) : undefined;
  const finding =
    kernelError(kernels, facts) ??
    launchFinding(launch) ??
    biasFinding(bias) ??
    instanceFinding(kernels, facts, instance) ??
    layoutFinding(kernels, facts);
  const { expects, expectsScale, expectsW2, stage1, stage2, fed, requant } = kernels;
  const checks = [launch, instance, bias, limit].filter((one) => one !== undefined);
  return {
    ...(finding ?? rightFinding(kernels, facts)),
    // Where no kernel runs there is nothing that it expects.
    expects: finding?.verdict === 'error' && finding.orElse === undefined ? undefined : expects,
    expectsScale,
    expectsW2,
    kernel,
    stage1,
    stage2,
    activationType,
    fed,
    requant,
    warnings: warningsOf(kernels, facts, limit),
    decisions: [...kernels.decisions, ...checks],
  };
}

function isCkTile(kernel: MoeKernels['kernel']): boolean {
  return kernel === 'cktile-fused' || kernel === 'cktile-split-k-standard' || kernel === 'cktile-split-k-auto';
}

function kernelError({ kernel, stage1 }: MoeKernels, { bias, expertMask }: MoeFacts): Finding | undefined {
  if (kernel === 'not-implemented') {
    return error('NotImplementedError: unquantised Situv2 needs FlyDSL, shuffled weights, no bias and no expert mask');
  }
  // Every path checks the type before it looks for a kernel.
  if (bias === 'bf16') return error('TypeError "MoE bias must be fp32"');
  if (kernel === 'asm-2-stage') {
    return error(`the name "${stage1}" is looked up among the assembly kernels and is none of them`, 'derived');
  }
  if (kernel === 'mxmoe' && expertMask === true) return error('NotImplementedError: mxmoe takes no expert mask');
  if (kernel === 'grouped-gfx1250' || kernel === 'asm-1-stage' || kernel === 'opus' || kernel === 'flydsl-a16wi4') {
    return { verdict: 'error', reason: `what ${kernel} reads is not known here; nothing is claimed`, evidence: 'open' };
  }
  return undefined;
}

function launchFinding(launch: Decision | undefined): Finding | undefined {
  if (launch === undefined || launch.choice === 'launches') return undefined;
  const reason = launch.because[0]?.reason ?? '';
  return launch.choice === 'refused'
    ? error(`RuntimeError from CK-Tile: ${reason}`)
    : wrong(`CK-Tile launches nothing and raises nothing: ${reason}; the output stays as it was`);
}

function biasFinding(bias: Decision): Finding | undefined {
  const reason = bias.because[0]?.reason ?? '';
  if (bias.choice === 'value-error') {
    return error(`ValueError "CK-Tile interleaved split-k bias is not supported": ${reason}`);
  }
  return bias.choice === 'ignored' ? wrong(`the biases are not added: ${reason}`) : undefined;
}

function instanceFinding(
  { expects }: MoeKernels,
  { w13 }: MoeFacts,
  instance: Decision<Ck2StagesChoice> | undefined,
): Finding | undefined {
  const reason = instance?.because[0]?.reason ?? '';
  switch (instance?.choice) {
    case 'missing':
      return error(`CK has no such module: ${reason}`, 'derived');
    case 'builds-or-fails':
      return w13 === expects
        ? error(`CK cannot build the module: ${reason}`, 'issue')
        : {
            ...wrong(`CK cannot build the module, or reads ${expects} where ${w13} is stored: ${reason}`),
            orElse: 'error',
            evidence: 'issue',
          };
    case 'open':
      return { ...wrong(reason), orElse: 'error', evidence: 'open' };
    default:
      return undefined;
  }
}

function layoutFinding(kernels: MoeKernels, facts: MoeFacts): Finding | undefined {
  const { expects, expectsScale, expectsW2, kernel } = kernels;
  const { w13, w13Scale, w2 = expectsW2, bias, biasRows = 'separated' } = facts;
  const evidence = evidenceOf(kernels, facts);
  if (w13 !== expects) return wrong(`${kernel} reads w13 as ${expects}, and it is stored as ${w13}`, evidence);
  if (w13Scale !== undefined && w13Scale !== expectsScale) {
    return wrong(`${kernel} reads the scales of w13 as ${expectsScale}, and they are stored as ${w13Scale}`, evidence);
  }
  if (w2 !== expectsW2) return wrong(`${kernel} reads w2 ${expectsW2}, and it is stored ${w2}`, evidence);
  if (bias !== undefined && biasRows === 'interleaved') {
    return wrong('the bias of w13 has rows g0, u0, g1, u1, …, and kernels read all gate rows first', evidence);
  }
  return undefined;
}

function rightFinding(kernels: MoeKernels, facts: MoeFacts): Finding {
  return {
    verdict: 'right',
    reason: `${kernels.kernel} reads w13 as ${kernels.expects}, and that is how it is stored`,
    evidence: evidenceOf(kernels, facts),
  };
}

/** CK-Tile's "auto" for Silu follows from the conditions only, and what came before PR 3123 from an issue. */
function evidenceOf({ kernel }: MoeKernels, { aiter, activation, gateMode }: MoeFacts): Evidence {
  if (aiter === 'before-3123') return 'issue';
  return kernel === 'cktile-split-k-auto' && activation !== 'Swiglu' && gateMode === 'SEPARATED' ? 'derived' : 'source';
}

function warningsOf(kernels: MoeKernels, facts: MoeFacts, limit: Decision): readonly string[] {
  const warnings: string[] = [];
  const { swigluLimit: given, flags, gateMode } = facts;
  // 0 means none to AITER.
  if (given !== undefined && given !== 0) {
    if (limit.choice === 'ignored') warnings.push(`swiglu_limit ${given} is not applied: ${limit.because[0]?.reason}`);
    if (limit.choice === 'fixed-7' && given !== 7)
      warnings.push(`swiglu_limit ${given} is not applied: ${kernels.kernel} clamps at 7`);
    if (limit.choice === 'open') warnings.push(`whether ${kernels.kernel} applies swiglu_limit ${given} was not read`);
  }
  if (kernels.kernel === 'flydsl-tuned' && !flags.w13 && !flags.w2) {
    warnings.push('AITER warns "tuned config found ... is_shuffled=False" and runs the kernel all the same');
  }
  const wanted = gateMode === 'INTERLEAVE' ? 'interleave' : 'separated';
  if (kernels.flydsl !== undefined && kernels.flydsl.reads !== wanted) {
    warnings.push(`gate_mode is ${gateMode}, but ${kernels.flydsl.name} reads ${kernels.expects}: the name decides`);
  }
  return warnings;
}

function error(reason: string, evidence: Evidence = 'source'): Finding {
  return { verdict: 'error', reason, evidence };
}

function wrong(reason: string, evidence: Evidence = 'source'): Finding {
  return { verdict: 'silently-wrong', reason, evidence };
}
