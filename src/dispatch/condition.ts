import { PreshuffleError } from '../errors.ts';
import { compareVersions } from './version-number.ts';

/** What is known when a decision is made. `undefined` means: not said. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

type Name<F> = keyof F & string;

/** Shapes (n, k) that a table of the source lists, with the value it gives them where it gives one. */
export interface ShapeTable {
  readonly id: string;
  readonly entries: readonly { readonly n: number; readonly k: number; readonly value?: number }[];
}

/** One test on the facts, as data: it can be printed, serialised and evaluated. */
export type Condition<F extends object> =
  | { readonly fact: Name<F>; readonly is: string | number | boolean }
  | { readonly fact: Name<F>; readonly known: boolean }
  | { readonly fact: Name<F>; readonly oneOf: readonly (string | number)[] }
  | { readonly fact: Name<F>; readonly contains: string }
  | { readonly fact: Name<F>; readonly atLeast: number }
  | { readonly fact: Name<F>; readonly below: number }
  | { readonly fact: Name<F>; readonly belowFact: Name<F> }
  | { readonly fact: Name<F>; readonly multipleOf: number }
  | { readonly fact: Name<F>; readonly versionAtLeast: string }
  | { readonly shapeIn: ShapeTable }
  | { readonly fact: Name<F>; readonly aboveLimitOf: ShapeTable }
  | { readonly not: Condition<F> }
  | { readonly any: readonly Condition<F>[] };

/** A condition after it met the facts. */
export interface Verdict {
  readonly holds: boolean;
  /** What was tested and what was given, e.g. `rocm is 7.0, not at least 7.2`. */
  readonly text: string;
}

/** A rule asks for a fact that was not given. */
export class MissingFactError extends PreshuffleError {
  readonly fact: string;

  constructor(fact: string) {
    super('missing-fact', `the rules need "${fact}", which was not given. Say what it is.`);
    this.fact = fact;
  }
}

/** @throws MissingFactError when a fact that decides was not given */
export function evaluate<F extends object>(condition: Condition<F>, facts: F): Verdict {
  if ('not' in condition) {
    const inner = evaluate(condition.not, facts);
    return { holds: !inner.holds, text: inner.text };
  }
  if ('any' in condition) {
    const inner = condition.any.map((one) => evaluate(one, facts));
    const decisive = inner.find(({ holds }) => holds);
    return decisive ?? { holds: false, text: inner.map(({ text }) => text).join('; ') };
  }
  const values = facts as Facts;
  if ('shapeIn' in condition) {
    const { n, k } = { n: numberOf(values, 'n'), k: numberOf(values, 'k') };
    const holds = condition.shapeIn.entries.some((entry) => entry.n === n && entry.k === k);
    return { holds, text: `(n, k) = (${n}, ${k}) is ${holds ? '' : 'not '}in the ${condition.shapeIn.id}` };
  }
  const { fact } = condition;
  const value = values[fact];
  if ('known' in condition) {
    const holds = (value !== undefined) === condition.known;
    return { holds, text: value === undefined ? `${fact} is not given` : `${fact} is ${show(value)}` };
  }
  if (value === undefined) throw new MissingFactError(fact);
  if ('is' in condition) return verdict(value === condition.is, fact, value, show(condition.is));
  if ('oneOf' in condition) {
    const holds = condition.oneOf.some((one) => one === value);
    return verdict(holds, fact, value, `one of ${condition.oneOf.join(', ')}`);
  }
  if ('contains' in condition) {
    const holds = typeof value === 'string' && value.includes(condition.contains);
    return { holds, text: `${fact} ${show(value)} ${holds ? 'contains' : 'does not contain'} "${condition.contains}"` };
  }
  if ('versionAtLeast' in condition) {
    if (typeof value !== 'string') throw new MissingFactError(fact);
    return verdict(
      compareVersions(value, condition.versionAtLeast) >= 0,
      fact,
      value,
      `at least ${condition.versionAtLeast}`,
    );
  }
  const given = numberOf(values, fact);
  if ('atLeast' in condition) return verdict(given >= condition.atLeast, fact, given, `at least ${condition.atLeast}`);
  if ('below' in condition) return verdict(given < condition.below, fact, given, `below ${condition.below}`);
  if ('belowFact' in condition) {
    const limit = numberOf(values, condition.belowFact);
    return verdict(given < limit, fact, given, `below ${condition.belowFact} = ${limit}`);
  }
  if ('multipleOf' in condition) {
    return verdict(given % condition.multipleOf === 0, fact, given, `a multiple of ${condition.multipleOf}`);
  }
  const { n, k } = { n: numberOf(values, 'n'), k: numberOf(values, 'k') };
  const { id, entries } = condition.aboveLimitOf;
  const limit = entries.find((entry) => entry.n === n && entry.k === k)?.value;
  if (limit === undefined) return { holds: false, text: `(n, k) = (${n}, ${k}) is not in the ${id}` };
  return { holds: given > limit, text: `${fact} is ${given}, the ${id} gives (${n}, ${k}) a limit of ${limit}` };
}

/** The condition without facts, for documents: `rocm at least 7.2`. */
export function describeCondition<F extends object>(condition: Condition<F>): string {
  if ('not' in condition) return `not (${describeCondition(condition.not)})`;
  if ('any' in condition) return condition.any.map((one) => describeCondition(one)).join(' or ');
  if ('shapeIn' in condition) return `(n, k) in the ${condition.shapeIn.id}`;
  const { fact } = condition;
  if ('known' in condition) return `${fact} ${condition.known ? 'given' : 'not given'}`;
  if ('is' in condition)
    return typeof condition.is === 'boolean'
      ? `${condition.is ? '' : 'not '}${fact}`
      : `${fact} = ${show(condition.is)}`;
  if ('oneOf' in condition) return `${fact} one of ${condition.oneOf.join(', ')}`;
  if ('contains' in condition) return `${fact} contains "${condition.contains}"`;
  if ('versionAtLeast' in condition) return `${fact} at least ${condition.versionAtLeast}`;
  if ('atLeast' in condition) return `${fact} at least ${condition.atLeast}`;
  if ('below' in condition) return `${fact} below ${condition.below}`;
  if ('belowFact' in condition) return `${fact} below ${condition.belowFact}`;
  if ('multipleOf' in condition) return `${fact} a multiple of ${condition.multipleOf}`;
  return `${fact} above the limit of (n, k) in the ${condition.aboveLimitOf.id}`;
}

function verdict(holds: boolean, fact: string, value: Facts[string], wanted: string): Verdict {
  const given = `${fact} is ${show(value)}`;
  if (holds) return { holds, text: wanted === show(value) ? given : `${given}, ${wanted}` };
  return { holds, text: `${given}, not ${wanted}` };
}

function show(value: Facts[string]): string {
  if (value === undefined) return 'not given';
  return value === '' ? '""' : String(value);
}

function numberOf(facts: Facts, fact: string): number {
  const value = facts[fact];
  if (typeof value !== 'number') throw new MissingFactError(fact);
  return value;
}
