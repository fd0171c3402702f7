import type { MoePlan } from '../../dispatch/moe/plan.ts';
import { MoeRefusedError, planMoe } from '../../dispatch/moe/plan-moe.ts';
import { type MoeSituation, type MoeVerdicts, moeSituation, moeVerdicts } from '../../dispatch/moe/situation.ts';
import type { MoeSpec } from '../../dispatch/moe/spec.ts';
import type { PreshuffleError } from '../../errors.ts';
import { LayoutMismatchError } from '../../tensor/errors.ts';
import { EXIT } from '../exit-codes.ts';
import { InputError } from '../inputs.ts';
import { compareMoe, renderMoeComparison } from './moe-compare.ts';
import { type MoeOptions, moeSpecOf } from './moe-options.ts';
import { renderMoe } from './moe-text.ts';

/** What there is to say about one layer: how it comes to its kernels, the plan or why there is none, and every order of w13. */
export interface MoeAnswer {
  readonly spec: MoeSpec;
  readonly situation: MoeSituation;
  readonly plan: MoePlan | undefined;
  /** The source would misread the weights, raise an error or launch nothing. */
  readonly refused: PreshuffleError | undefined;
  readonly verdicts: MoeVerdicts;
}

/** `preshuffle explain moe`. Returns the exit code. */
export function explainMoe(options: MoeOptions): number {
  const spec = moeSpecOf(options);
  if (options.compare !== undefined) return compare(spec, options.compare, options.json === true);
  const answer = answerOf(spec);
  print(options.json === true ? JSON.stringify(jsonOf(answer)) : renderMoe(answer, options.verbose === true));
  return answer.refused === undefined ? EXIT.ok : EXIT.mismatch;
}

/** @throws ParameterError for a spec that makes no sense */
export function answerOf(spec: MoeSpec): MoeAnswer {
  const situation = moeSituation(spec);
  const verdicts = moeVerdicts(situation);
  try {
    return { spec, situation, plan: planMoe(spec), refused: undefined, verdicts };
  } catch (error) {
    if (!(error instanceof LayoutMismatchError) && !(error instanceof MoeRefusedError)) throw error;
    return { spec, situation, plan: undefined, refused: error, verdicts };
  }
}

function jsonOf({ spec, situation, plan, refused, verdicts }: MoeAnswer): object {
  if (plan !== undefined) return { plan, verdicts };
  const { decisions, ...outcome } = situation.outcome;
  const { code, message } = refused as PreshuffleError;
  return { spec, refused: { code, message }, outcome, decisions: situation.decisions, verdicts };
}

function compare(spec: MoeSpec, names: string, json: boolean): number {
  const [before, after, ...rest] = names.split(',').map((name) => name.trim());
  if (before === undefined || after === undefined || before === '' || after === '' || rest.length > 0) {
    throw new InputError(`--compare is "${names}", expected two states of the loader, such as pr-26884,pr-27201.`);
  }
  // What changed upstream shows only where nothing is mended.
  const asUpstream = { weights: 'upstream', ...spec } as const;
  const pair = [before, after].map((rules) => answerOf({ ...asUpstream, rules })) as [MoeAnswer, MoeAnswer];
  const comparison = compareMoe(...pair);
  print(json ? JSON.stringify(comparison) : renderMoeComparison(comparison));
  return pair.some(({ refused }) => refused !== undefined) ? EXIT.mismatch : EXIT.ok;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
