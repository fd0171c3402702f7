import type { KernelCall } from '../ops/kernel-call.ts';
import { COLUMN_BLOCK, cropsColumns, cropsRows, onlyRows, wholeWindow, withoutIdleExperts } from './crop.ts';
import type { Diagnosis } from './diagnosis.ts';
import { agreement, observe } from './evidence.ts';
import type { Hypothesis } from './hypothesis.ts';
import type { Observation } from './observation.ts';
import { type Sample, sampleOf, type Target } from './search.ts';
import { chooseWindow, type WindowLimits, wrongPlaces } from './window.ts';

/** Rows and columns in which mistakes are tried. */
export const FULL: WindowLimits = { rows: 8, columns: 512 };
/** A first look, which rules out most. Of a mixture of experts one token, whose experts have to be decoded for it. */
export const NARROW: WindowLimits = { rows: 3, columns: 256, tokens: 1 };
/** For pairs of mistakes, of which there are many. */
export const PAIR: WindowLimits = { rows: 1, columns: 128 };
/** Rows in which explanations that agree are looked at again. */
export const AGAIN: WindowLimits = { rows: 32, columns: 1024 };

/** Bytes of operands beyond which a mixture of experts is cut down before mistakes are tried. */
const LARGE = 2 ** 26;

/**
 * What has to be explained: the outputs, or, where they are just what the operands give, the outputs that were expected. Then the operands
 * themselves are mistaken, and the search asks which mistake turns them into what was expected.
 */
export function targetOf(
  observation: Observation,
  names: readonly string[],
): { readonly target: Target; readonly about: Diagnosis['about'] } {
  const { op, params, operands, actual, expected = {} } = observation;
  const given = { op, params, operands };
  const target = { call: given, outputs: actual, names };
  const known = names.filter((name) => expected[name] !== undefined);
  if (known.length === 0) return { target, about: 'kernel' };
  const sample = sampleOf(target, chooseWindow(wholeWindow(actual), limitsFor(target, FULL)));
  if (sample.marks.includes(0)) return { target, about: 'kernel' };
  const wanted = { call: target.call, outputs: expected, names: known };
  const asExpected = sampleOf(wanted, sample.window);
  return asExpected.marks.includes(0) ? { target: wanted, about: 'operands' } : { target, about: 'kernel' };
}

export function chooseSample(target: Target, limits: WindowLimits, { expected = {} }: Observation): Sample {
  const whole = wholeWindow(target.outputs);
  const fitting = limitsFor(target, limits);
  const broad = limitsFor(target, { rows: 4 * limits.rows, columns: 2 * limits.columns });
  const known = target.names.every((name) => expected[name] !== undefined) && target.outputs !== expected;
  if (known) {
    const actual = observe(target.outputs, target.names);
    const marks = agreement(target.call, observe(expected, target.names), actual);
    const { rows, blocks } = wrongPlaces(marks, actual);
    return sampleOf(target, chooseWindow(whole, fitting, rows, blocks));
  }
  // Without an expected output: a broad look first, to find rows that are wrong.
  const first = sampleOf(target, chooseWindow(whole, broad));
  if (first.window.rows.length === fitting.rows && first.window.columns.length === fitting.columns) return first;
  const { rows, blocks } = wrongPlaces(first.marks, first.actual);
  const { window } = first;
  const perRow: number[] = [];
  rows.forEach((count, at) => {
    perRow[window.rows[at] as number] = count;
  });
  const perBlock: number[] = [];
  const chosenBlocks = [...new Set(window.columns.map((column) => Math.floor(column / COLUMN_BLOCK)))];
  blocks.forEach((count, at) => {
    perBlock[chosenBlocks[at] as number] = count;
  });
  return sampleOf(target, chooseWindow(whole, fitting, perRow, perBlock));
}

/** Ops that are not cut down are computed whole. */
function limitsFor({ call }: Target, limits: WindowLimits): WindowLimits {
  const { rows, tokens = rows } = limits;
  const most = call.operands['topk_ids'] === undefined ? rows : tokens;
  return {
    rows: cropsRows(call.op) ? most : Number.POSITIVE_INFINITY,
    columns: cropsColumns(call.op) ? limits.columns : Number.POSITIVE_INFINITY,
  };
}

/**
 * The call that a mistake is tried on. Of a mixture of experts, those without tokens are left out, and of a large one all but those of the
 * tokens that are looked at, unless the mistake may mix experts or tokens.
 */
export function callsFor(call: KernelCall, { window }: Sample): (hypothesis: Hypothesis) => KernelCall {
  const bytes = Object.values(call.operands).reduce((sum, operand) => sum + operand.bytes.length, 0);
  const isLarge = bytes > LARGE;
  const busy = isLarge ? call : withoutIdleExperts(call);
  const local = isLarge ? onlyRows(call, window.rows) : busy;
  return ({ acrossExperts, family }) => {
    if (acrossExperts === true) return call;
    return family === 'routing' || family === 'output' ? busy : local;
  };
}
