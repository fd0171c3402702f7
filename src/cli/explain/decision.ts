import { type AnyDecisionTable, DECISIONS } from '../../dispatch/decisions.ts';
import { decide, describeRule } from '../../dispatch/rule.ts';
import { EXIT } from '../exit-codes.ts';
import { InputError } from '../inputs.ts';
import { plainTable, renderDecision } from './text.ts';

export interface DecisionOptions {
  readonly rules?: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

/** `preshuffle explain decision`: lists tables, prints the rules of one, or evaluates it. Returns the exit code. */
export function explainDecision(name: string | undefined, options: DecisionOptions): number {
  if (name === undefined) {
    print(options.json === true ? JSON.stringify(DECISIONS) : list());
    return EXIT.ok;
  }
  const table = DECISIONS.find(({ id }) => id === name);
  if (table === undefined) {
    throw new InputError(`there is no decision "${name}". Known: ${DECISIONS.map(({ id }) => id).join(', ')}.`);
  }
  const version = options.rules ?? Object.keys(table.versions).at(-1) ?? '';
  if (options.set === undefined) {
    print(options.json === true ? JSON.stringify(table) : rules(table, options.rules));
    return EXIT.ok;
  }
  const decision = decide(table, version, Object.fromEntries(options.set.map(fact)));
  print(options.json === true ? JSON.stringify(decision) : renderDecision(decision, true));
  return EXIT.ok;
}

function list(): string {
  return plainTable(
    ['decision', 'question', 'versions'],
    DECISIONS.map(({ id, question, versions }) => [id, question, Object.keys(versions).join(', ')]),
    ['left', 'left', 'left'],
  );
}

function rules(table: AnyDecisionTable, only: string | undefined): string {
  const versions = Object.entries(table.versions).filter(([version]) => only === undefined || version === only);
  if (versions.length === 0) {
    throw new InputError(`${table.id} has no version "${only}". Known: ${Object.keys(table.versions).join(', ')}.`);
  }
  const parts = versions.map(([version, list]) =>
    [
      `${version}: the first rule whose conditions hold decides`,
      plainTable(
        ['rule', 'when', 'choice', 'source'],
        list.map((rule) => [rule.id, describeRule(rule), rule.choice === '' ? '""' : rule.choice, rule.origin]),
        ['left', 'left', 'left', 'left'],
      ),
    ].join('\n'),
  );
  return [table.question, ...parts, ...(table.notes ?? []).map((note) => `note: ${note}`)].join('\n\n');
}

/** `rocm=7.2` stays text, for versions are compared number by number; `m=64` is a number, `gfx95=true` a flag. */
function fact(text: string): readonly [string, string | number | boolean] {
  const at = text.indexOf('=');
  if (at < 1) throw new InputError(`--set ${text}: expected name=value.`);
  const [name, value] = [text.slice(0, at), text.slice(at + 1)];
  if (value === 'true' || value === 'false') return [name, value === 'true'];
  return [name, /^\d+$/.test(value) && name !== 'rocm' ? Number(value) : value];
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
