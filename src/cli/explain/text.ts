import Table from 'cli-table3';
import type { Decision } from '../../dispatch/rule.ts';
import { paint } from '../colors.ts';

/** Bytes with a unit, three digits. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${units[unit]}`;
}

/** Spaces between columns and no lines: a table must survive being pasted. */
export function plainTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  aligns: readonly ('left' | 'right')[],
): string {
  const color = paint(process.stdout);
  const table = new Table({
    head: head.map((text) => color('bold', text)),
    colAligns: [...aligns],
    chars: Object.fromEntries(BORDERS.map((name) => [name, ''])),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const BORDERS = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
  'middle',
] as const;

/** A decision with its reasons; `verbose` adds the rules before it that did not fire. */
export function renderDecision({ decision, version, choice, because, notFired }: Decision, verbose: boolean): string {
  const color = paint(process.stdout);
  const lines = [`${decision} -> ${color('bold', choice === '' ? '""' : choice)}  (${version})`];
  for (const { reason, origin, conditions } of because) {
    lines.push(`  because  ${reason}`);
    if (conditions.length > 0) lines.push(`  given    ${conditions.join('; ')}`);
    lines.push(`  source   ${origin}`);
  }
  for (const { rule, choice: other, failed } of verbose ? notFired : []) {
    lines.push(color('dim', `  not ${rule} (${other === '' ? '""' : other}): ${failed}`));
  }
  return lines.join('\n');
}
