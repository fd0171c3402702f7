import type { LinearSpec } from '../../dispatch/linear-spec.ts';
import type { Plan } from '../../dispatch/plan.ts';
import { paint } from '../colors.ts';
import type { Planned } from './planned.ts';
import { formatBytes } from './text.ts';

/** One line of a comparison. */
interface Change {
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

export interface PlanComparison {
  readonly layer: string;
  readonly n: number;
  readonly k: number;
  readonly m: number;
  readonly before: string;
  readonly after: string;
  readonly changes: readonly Change[];
}

/** What is different between the plans of one layer under two states of the source. */
export function comparePlans(before: Planned, after: Planned): PlanComparison {
  const { layer = 'linear', n, k, m } = before.spec;
  const [old, now] = [facts(before), facts(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  const changes = names
    .map((what) => ({ what, before: old.get(what) ?? '-', after: now.get(what) ?? '-' }))
    .filter((change) => change.before !== change.after);
  return { layer, n, k, m, before: before.spec.rules ?? 'current', after: after.spec.rules ?? 'current', changes };
}

function facts(planned: Planned): ReadonlyMap<string, string> {
  if ('refused' in planned) return new Map([['plan', `refused: ${planned.refused.message}`]]);
  const { plan } = planned;
  const entries: [string, string][] = [
    ['plan', 'built'],
    ['kernel', plan.kernel],
    ...plan.decisions.map(({ decision, choice, because }): [string, string] => [
      decision,
      `${choice === '' ? '""' : choice} (${because[0]?.rule})`,
    ]),
    ['load', steps(plan, 'load')],
    ['call', steps(plan, 'call')],
    ['scale copies', String(plan.cost.call.scaleCopies)],
    ['bytes a call', formatBytes(plan.cost.call.bytesRead + plan.cost.call.bytesWritten)],
  ];
  return new Map(entries);
}

function steps(plan: Plan<LinearSpec>, when: 'load' | 'call'): string {
  const own = plan.steps.filter((step) => step.when === when);
  return own.length === 0 ? 'nothing' : own.map((step) => step.op ?? step.kind).join(', ');
}

export function renderComparison({ layer, n, k, m, before, after, changes }: PlanComparison): string {
  const color = paint(process.stdout);
  const head = `${color('bold', layer)}  (n, k) = (${n}, ${k}), m = ${m}  ${before} -> ${after}`;
  if (changes.length === 0) return `${head}\n  no difference`;
  const lines = changes.map(
    (change) => `  ${change.what}\n    ${before}: ${change.before}\n    ${after}: ${change.after}`,
  );
  return [head, ...lines].join('\n');
}
