import { LayoutMismatchError } from '../tensor/errors.ts';
import { type BlockScaleKernel, SCALE_STATES, type ScaleState } from './kernels.ts';
import type { ResolvedLinear } from './linear-spec.ts';
import type { PlanBuilder } from './plan-builder.ts';
import { type Decision, decide } from './rule.ts';
import type { LinearFp8BlockChoice } from './rules/linear-fp8-block.ts';
import { givenScale, producedScale } from './rules/scale-contract.ts';
import { scaleHelper } from './scale-helpers.ts';
import {
  mendScale,
  preferredScaleState,
  readScaleAsIs,
  type ScaleStep,
  scaleStateLayout,
  scaleStep,
} from './scale-state.ts';
import { requireHipVersion } from './versions.ts';

/** How the activation scale gets from its producer to the kernel. */
export interface ScalePath {
  /** State in which the producer leaves it. */
  readonly produced: ScaleState;
  readonly step: ScaleStep;
  readonly why: string;
  readonly decisions: readonly Decision[];
}

/**
 * Chooses producer state and conversion by the mode of the spec.
 * @throws LayoutMismatchError where the mode would give the kernel a scale that it misreads; the message has the mending step
 */
export function scalePath(linear: ResolvedLinear, choice: LinearFp8BlockChoice, kernel: BlockScaleKernel): ScalePath {
  switch (linear.scaleConversion) {
    case 'upstream':
      return upstreamPath(linear, choice, kernel);
    case 'none': {
      const produced = linear.scale ?? (linear.producer === 'given' ? 'RM' : preferredScaleState(kernel));
      requireRight(linear, kernel, produced, 'it is handed over as it is');
      return { produced, step: scaleStep(produced, produced), why: 'handed over as it is', decisions: [] };
    }
    case 'mend': {
      const produced = linear.scale ?? (linear.producer === 'given' ? 'RM' : preferredScaleState(kernel));
      const step = mendScale(kernel, produced, linear.m, linear.groups);
      return { produced, step, why: `${kernel.title} misreads ${produced}; ${step.code}`, decisions: [] };
    }
  }
}

function upstreamPath(linear: ResolvedLinear, choice: LinearFp8BlockChoice, kernel: BlockScaleKernel): ScalePath {
  const { m, groups } = linear;
  const version = requireHipVersion(linear.rules);
  const facts = { kernel: choice, gfx95: linear.arch.gfx95, rocm: linear.rocm };
  const production = decide(producedScale, version, {
    kernel: choice,
    producer: linear.producer === 'linear' ? 'linear' : 'fused',
    m,
  });
  const produced = linear.scale ?? production.choice;
  const decisions: Decision[] = linear.scale === undefined ? [production] : [];
  if (linear.producer === 'linear' && readScaleAsIs(kernel, produced, m, groups) === 'right') {
    return { produced, step: scaleStep(produced, produced), why: 'written as the kernel reads it', decisions };
  }
  const treatment = decide(givenScale, version, facts);
  decisions.push(treatment);
  const helper = scaleHelper(treatment.choice);
  // With one row or one group every helper gives the same bytes.
  if (m === 1 || groups === 1) {
    return {
      produced,
      step: scaleStep(produced, produced),
      why: 'one row or one group: every order is the same',
      decisions,
    };
  }
  const after = helper.result[produced];
  const origin = treatment.because[0]?.origin ?? '';
  if (after === 'scrambled' || after === 'throws') {
    throw mismatch(
      linear,
      kernel,
      produced,
      `${origin} applies ${helper.code}, which ${after === 'throws' ? 'throws' : 'scrambles it'}`,
    );
  }
  requireRight(linear, kernel, after, `${origin} leaves it ${after === produced ? 'as it is' : after}`);
  const conversion = after === produced ? 'none' : helper.copies.includes(produced) ? 'copy' : 'relabel';
  return { produced, step: { from: produced, to: after, conversion, code: helper.code }, why: helper.code, decisions };
}

function requireRight(linear: ResolvedLinear, kernel: BlockScaleKernel, state: ScaleState, what: string): void {
  if (readScaleAsIs(kernel, state, linear.m, linear.groups) === 'right') return;
  throw mismatch(linear, kernel, state, what);
}

function mismatch(
  linear: ResolvedLinear,
  kernel: BlockScaleKernel,
  state: ScaleState,
  what: string,
): LayoutMismatchError {
  const { m, groups } = linear;
  const produced = linear.scale ?? state;
  const accepted = SCALE_STATES.filter((one) => readScaleAsIs(kernel, one, m, groups) === 'right');
  const step = mendScale(kernel, produced, m, groups);
  const cost = step.conversion === 'relabel' ? 'no byte moves' : `${m * groups * 4} bytes are copied`;
  const remedy =
    step.conversion === 'none'
      ? 'Hand it over as it is.'
      : `Convert it with ${step.code} (${step.from} to ${step.to}, ${cost}).`;
  const consequence =
    readScaleAsIs(kernel, state, m, groups) === 'throws'
      ? 'The kernel refuses it.'
      : 'The kernel would read the scales of other rows and groups, without an error.';
  const reads = accepted.map((one) => scaleStateLayout(one, [m, groups]).id);
  return new LayoutMismatchError(
    `plan of ${linear.layer} (${kernel.id})`,
    'x_scale',
    scaleStateLayout(produced, [m, groups]),
    reads,
    remedy,
    `and the kernel reads ${reads.join(' or ')}; ${what}. ${consequence}`,
  );
}

/** Appends the conversion to a plan and returns the name of the scale that the kernel gets. */
export function addScaleConversion(
  builder: PlanBuilder,
  scale: string,
  linear: ResolvedLinear,
  path: ScalePath,
): string {
  const { step } = path;
  if (step.conversion === 'none') return scale;
  const layout = scaleStateLayout(step.to, [linear.m, linear.groups]);
  const name = `${scale}_${step.to.toLowerCase()}`;
  const text = { when: 'call', reason: `${step.from} to ${step.to}`, upstream: step.code } as const;
  if (step.conversion === 'relabel') builder.relabel(scale, name, layout, text);
  else builder.op('permute', { to: layout }, { x: scale }, { y: name }, { ...text, kind: 'convert-scale' });
  return name;
}
