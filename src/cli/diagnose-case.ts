import { HYPOTHESES } from '../diagnosis/hypotheses/index.ts';
import { bindCase } from '../golden/bindings/index.ts';
import type { GoldenCase } from '../golden/case.ts';
import { CaseReader } from '../golden/case-reader.ts';
import type { GoldenCheck } from '../golden/check.ts';
import type { GoldenFile } from '../golden/run.ts';
import { InputError } from './inputs.ts';
import { listOfNames, nearestNames } from './nearest-names.ts';

/** A run of an op that a case describes. */
export interface ChosenCheck {
  readonly case: string;
  readonly check: GoldenCheck;
}

interface Choice {
  readonly case?: string;
  readonly op?: string;
}

/**
 * The one run of one op that a golden file, or one of its cases, is about.
 * @throws InputError where there are several and nothing says which, or none; GoldenCaseError for a case that cannot be used
 */
export async function chooseCheck(golden: GoldenFile, choice: Choice): Promise<ChosenCheck> {
  const cases = chooseCases(golden, choice.case);
  if (cases.length > 1 && choice.op === undefined)
    throw new InputError(
      `${golden.name} has ${cases.length} cases; name one with --case. It has ${listOfNames(namesOf(cases))}.`,
    );
  const found: ChosenCheck[] = [];
  const known = new Set<string>();
  for (const entry of cases) {
    const checks = await checksOf(golden, entry);
    for (const { op } of checks) known.add(op);
    const wanted = choice.op === undefined ? interesting(checks) : checks.filter(({ op }) => op === choice.op);
    // The right run of an incident comes before the run as it went wrong; both are the same call to their caller.
    const first = wanted.filter((check, at) => wanted.findIndex(({ op }) => op === check.op) === at);
    found.push(...first.map((check) => ({ case: entry.name, check })));
  }
  const [only, second] = found;
  if (only === undefined)
    throw new InputError(
      `${whereOf(golden, cases)} runs ${[...known].sort().join(', ')}, not ${choice.op}. Give one of these with --op.`,
    );
  if (second === undefined) return only;
  if (cases.length === 1)
    throw new InputError(
      `${whereOf(golden, cases)} runs ${found.length} ops; choose one with --op. They are ${found.map(({ check }) => check.op).join(', ')}.`,
    );
  throw new InputError(
    `${golden.name}: ${found.length} cases run ${choice.op}; name one with --case. They are ${listOfNames(found.map((entry) => entry.case))}.`,
  );
}

function chooseCases(golden: GoldenFile, name: string | undefined): readonly GoldenCase[] {
  const { cases, errors } = golden;
  const [fault] = name === undefined ? errors : errors.filter((error) => error.case === name || error.case === '');
  if (fault !== undefined && (cases.length === 0 || name !== undefined)) throw fault;
  if (name === undefined) return cases;
  const found = cases.filter((entry) => entry.name === name);
  if (found.length > 0) return found;
  const near = nearestNames(name, namesOf(cases));
  const hint = near.length === 0 || cases.length <= near.length ? '' : ` Did you mean ${near.join(' or ')}?`;
  throw new InputError(`${golden.name} has no case "${name}".${hint} It has ${listOfNames(namesOf(cases))}.`);
}

async function checksOf({ file }: GoldenFile, entry: GoldenCase): Promise<readonly GoldenCheck[]> {
  return file === undefined ? [] : bindCase(new CaseReader(file, entry));
}

/** Ops with mistakes of their own; a case also runs the shuffles that lead to them. */
function interesting(checks: readonly GoldenCheck[]): readonly GoldenCheck[] {
  const known = checks.filter(({ op }) => HYPOTHESES.some(({ ops }) => ops.includes(op)));
  const computing = known.filter(({ op }) => op !== 'permute');
  return computing.length > 0 ? computing : known.length > 0 ? known : checks;
}

function namesOf(cases: readonly GoldenCase[]): readonly string[] {
  return cases.map(({ name }) => name);
}

function whereOf({ name }: GoldenFile, cases: readonly GoldenCase[]): string {
  const [only] = cases;
  return cases.length === 1 && only !== undefined ? `case "${only.name}" of ${name}` : name;
}
