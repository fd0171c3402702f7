import { type Candidate, candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { wholeWindow } from '../../../src/diagnosis/crop.ts';
import { type DiagnoseOptions, diagnose } from '../../../src/diagnosis/diagnose.ts';
import type { Diagnosis } from '../../../src/diagnosis/diagnosis.ts';
import { agreement, observe } from '../../../src/diagnosis/evidence.ts';
import { HYPOTHESES } from '../../../src/diagnosis/hypotheses/index.ts';
import type { Hypothesis } from '../../../src/diagnosis/hypothesis.ts';
import { predict } from '../../../src/diagnosis/predict.ts';
import { PreshuffleError } from '../../../src/errors.ts';
import type { KernelCall, NamedTensors } from '../../../src/ops/kernel-call.ts';
import { definitionOf, type OpName } from '../../../src/ops/registry.ts';

/** A call with a mistake planted in it, and what a kernel with that mistake returns. */
export interface Planted {
  readonly call: KernelCall;
  readonly candidate: Candidate;
  readonly right: NamedTensors;
  readonly actual: NamedTensors;
}

export function hypothesesOf(op: OpName): readonly Hypothesis[] {
  return HYPOTHESES.filter(({ ops }) => ops.includes(op));
}

export function rightOutputs({ op, params, operands }: KernelCall): NamedTensors {
  return definitionOf(op).reference(params, operands);
}

/**
 * One variant of a hypothesis planted in a call; the seed says which.
 * @returns undefined where it does not apply, or changes no output by more than an honest kernel may
 */
export function plant(
  call: KernelCall,
  right: NamedTensors,
  hypothesis: Hypothesis,
  seed: number,
): Planted | undefined {
  const candidates = candidatesOf(hypothesis, call);
  for (let turn = 0; turn < candidates.length; turn += 1) {
    const candidate = candidates[(seed + turn) % candidates.length] as Candidate;
    const actual = outputsOf(candidate, right);
    if (actual !== undefined && isVisible(call, right, actual)) return { call, candidate, right, actual };
  }
  return undefined;
}

function outputsOf({ call }: Candidate, right: NamedTensors): NamedTensors | undefined {
  try {
    return predict(call, wholeWindow(right));
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}

/** Whether the mistake shows: a wrong element, or results of 16 bits of which many differ in the last one. */
function isVisible(call: KernelCall, right: NamedTensors, actual: NamedTensors): boolean {
  const got = observe(actual, Object.keys(right));
  const marks = agreement(call, observe(right), got);
  if (marks.includes(0)) return !got.values.every(Number.isNaN);
  const narrow = got.parts.filter(({ tensor }) => tensor.type === 'bf16' || tensor.type === 'f16');
  const equal = narrow.reduce(
    (sum, { start, end }) => sum + marks.subarray(start, end).filter((mark) => mark === 2).length,
    0,
  );
  return equal < 0.9 * narrow.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** What became of a planted mistake. */
export type Outcome =
  /** Named first, and alone. */
  | 'first'
  /** Named first together with others that predict the same to the bit; the diagnosis says so. */
  | 'tied'
  /** Named, but after another one. */
  | 'later'
  /** Another one was named. */
  | 'confused'
  /** Nothing was named. */
  | 'missed';

export interface Result {
  readonly op: OpName;
  readonly planted: string;
  readonly outcome: Outcome;
  /** Ids of what was named first, joined by `+`; `-` for nothing. */
  readonly named: string;
  readonly diagnosis: Diagnosis;
}

export async function diagnosePlanted(
  { call, candidate, actual }: Planted,
  options?: DiagnoseOptions,
): Promise<Result> {
  const diagnosis = await diagnose({ ...call, actual }, options);
  const planted = candidate.mistakes.map(({ hypothesis }) => hypothesis.id).join('+');
  const ids = (mistakes: readonly { readonly id: string }[]): string => mistakes.map(({ id }) => id).join('+');
  const [best, ...others] = diagnosis.explanations;
  const named = best === undefined ? '-' : ids(best.mistakes);
  return { op: call.op, planted, outcome: outcome(), named, diagnosis };

  function outcome(): Outcome {
    if (best === undefined) return 'missed';
    const tied = best.sameAs.map(ids);
    if (named === planted) return tied.length === 0 ? 'first' : 'tied';
    if (tied.includes(planted)) return 'tied';
    return others.some((other) => [ids(other.mistakes), ...other.sameAs.map(ids)].includes(planted))
      ? 'later'
      : 'confused';
  }
}
