import type { Minimized } from '../minimize/minimize.ts';
import type { Simplified } from '../minimize/values.ts';
import { paint } from './colors.ts';
import type { ChosenKernel } from './minimize-kernel.ts';

/** A case that became small. */
export interface MinimizeReport {
  readonly file: string;
  readonly case: string;
  readonly op: string;
  readonly chosen: Pick<ChosenKernel, 'label' | 'verify' | 'incident'>;
  readonly result: Minimized;
  /** A sentence for each output that still fails. */
  readonly failing: readonly string[];
  /** What the small case is still explained by, where that was asked for. */
  readonly diagnosis: string | undefined;
  readonly written: string;
}

/** Runs of indices that a line names before it says how many there are. */
const MOST_RUNS = 6;

/** The report for people. */
export function renderMinimized(report: MinimizeReport, stream: { readonly isTTY?: boolean }): string {
  const style = paint(stream);
  const { result, chosen } = report;
  const lines = [
    style('bold', `${report.case} of ${report.file}`),
    `${report.op} fails with ${chosen.label}`,
    ...(report.diagnosis === undefined ? [] : [`diagnosis kept: ${report.diagnosis}`]),
    '',
    ...sizeLines(result),
    ...valueLines(result.simplified),
    ...report.failing.map((line) => `still wrong  ${line}`),
    '',
    `${countOf(result.runs, 'run')}, ${countOf(result.rejected, 'smaller call')} not taken, ${(result.ms / 1000).toFixed(1)} s` +
      (result.complete ? '' : style('yellow', '; the time was up before everything was tried (--budget)')),
    `written to ${report.written}`,
  ];
  if (chosen.verify !== undefined)
    lines.push(`run it with  preshuffle verify ${report.written} ${chosen.verify.join(' ')}`);
  return lines.join('\n');
}

function sizeLines({ before, after, kept }: Minimized): readonly string[] {
  const names = Object.keys(before);
  const width = Math.max(...names.map((name) => name.length));
  return names.map((name) => {
    const left = kept[name];
    const size = `${name.padEnd(width)}  ${String(before[name]).padStart(6)}`;
    return left === undefined ? size : `${size} -> ${String(after[name]).padEnd(6)}  ${runsOf(left)}`;
  });
}

/** `3, 128..255`. */
function runsOf(indices: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else runs.push([index, index]);
  }
  const shown = runs.slice(0, MOST_RUNS).map(([from, to]) => (from === to ? `${from}` : `${from}..${to}`));
  return `${shown.join(', ')}${runs.length > MOST_RUNS ? `, … ${runs.length - MOST_RUNS} more` : ''}`;
}

function valueLines(simplified: readonly Simplified[]): readonly string[] {
  if (simplified.length === 0) return [];
  const said = simplified.map(
    ({ operand, value, left }) => `${operand} ${value}${left === 0 ? '' : ` but for ${countOf(left, 'element')}`}`,
  );
  return [`values  ${said.join(', ')}`];
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** The report for programs. */
export function minimizeJson({ chosen, result, ...report }: MinimizeReport): object {
  const { before, after, kept, simplified, runs, rejected, ms, complete } = result;
  return {
    file: report.file,
    case: report.case,
    op: report.op,
    failsWith: chosen.label,
    incident: chosen.incident?.id ?? null,
    before,
    after,
    kept,
    simplified,
    failing: report.failing,
    diagnosis: report.diagnosis ?? null,
    runs,
    rejected,
    ms,
    complete,
    written: report.written,
    verify: chosen.verify ?? null,
  };
}
