import { PreshuffleError } from '../errors.ts';
import { type Condition, describeCondition, evaluate } from './condition.ts';

/** One row of a decision table. The first rule of a table whose conditions all hold decides. */
export interface Rule<F extends object, C extends string> {
  readonly id: string;
  /** All must hold, tested in this order; none: the rule always fires. */
  readonly when: readonly Condition<F>[];
  readonly choice: C;
  /** Why the source decides so, or what goes wrong otherwise. */
  readonly reason: string;
  /** Project and function or pull request. */
  readonly origin: string;
}

/** Facts by name, for code that handles all tables alike. */
export type AnyFacts = Readonly<Record<string, string | number | boolean | undefined>>;

export type AnyRule = Rule<AnyFacts, string>;

/** A question, and for each named version of the software the ordered rules that answer it. */
export interface DecisionTable<F extends object, C extends string, V extends string = string> {
  /** e.g. `linear.fp8-block`. */
  readonly id: string;
  readonly question: string;
  readonly versions: Readonly<Record<V, readonly Rule<F, C>[]>>;
  /** What each choice means. */
  readonly choices: Readonly<Record<C, string>>;
  /** Things a reader must know that no rule says. */
  readonly notes?: readonly string[];
}

/** Why a rule fired. */
export interface Because {
  readonly rule: string;
  readonly reason: string;
  readonly origin: string;
  /** Its conditions with the values that met them. */
  readonly conditions: readonly string[];
}

/** A rule that came before the one that fired. */
export interface NotFired {
  readonly rule: string;
  readonly choice: string;
  /** The first condition that did not hold, with what was given. */
  readonly failed: string;
}

export interface Decision<C extends string = string> {
  readonly decision: string;
  readonly version: string;
  readonly choice: C;
  readonly because: readonly Because[];
  readonly notFired: readonly NotFired[];
}

/** A decision table was asked for a version it does not have, or answers nothing. */
export class DecisionError extends PreshuffleError {
  readonly decision: string;

  constructor(decision: string, message: string) {
    super('decision', `${decision}: ${message}`);
    this.decision = decision;
  }
}

/**
 * Answers the question of a table for these facts.
 * @throws DecisionError for an unknown version, or when no rule fires; MissingFactError when a fact that decides is missing
 */
export function decide<F extends object, C extends string, V extends string>(
  table: DecisionTable<F, C, V>,
  version: V,
  facts: F,
): Decision<C> {
  const rules = table.versions[version];
  if (rules === undefined) {
    throw new DecisionError(
      table.id,
      `there are no rules for version "${version}". Known: ${Object.keys(table.versions).join(', ')}.`,
    );
  }
  const notFired: NotFired[] = [];
  for (const rule of rules) {
    const held: string[] = [];
    let failed: string | undefined;
    for (const condition of rule.when) {
      const { holds, text } = evaluate(condition, facts);
      if (holds) held.push(text);
      else failed = text;
      // Later conditions may ask for facts that only make sense when this one holds.
      if (!holds) break;
    }
    if (failed !== undefined) {
      notFired.push({ rule: rule.id, choice: rule.choice, failed });
      continue;
    }
    const { id, reason, origin } = rule;
    const because = [{ rule: id, reason, origin, conditions: held }];
    return { decision: table.id, version, choice: rule.choice, because, notFired };
  }
  const tried = notFired.map(({ rule, failed }) => `${rule} (${failed})`).join(', ');
  throw new DecisionError(table.id, `no rule fires for these facts. Tried: ${tried}.`);
}

/** `when` of a rule as a sentence, for documents. */
export function describeRule<F extends object, C extends string>(rule: Rule<F, C>): string {
  return rule.when.length === 0
    ? 'otherwise'
    : rule.when.map((condition) => describeCondition(condition)).join(', and ');
}
