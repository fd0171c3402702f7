import { PreshuffleError } from '../errors.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import { probeCall } from '../probe/probe-call.ts';
import type { TensorSpec } from '../tensor/tensor.ts';
import { type Candidate, combine, keepingUnchanged, type Mistake } from './candidate.ts';
import { cropsColumns, cropsRows } from './crop.ts';
import { agreement, type Observed, observe } from './evidence.ts';
import type { OutputWindow } from './hypothesis.ts';
import { predict } from './predict.ts';
import { type ProbeInput, probeCommand, probeInputs } from './probe-inputs.ts';
import { percent } from './symptoms/words.ts';
import { chooseWindow } from './window.ts';

/** Milliseconds after which no further input is tried. */
const BUDGET = 1500;
/** Rows and columns that predictions are compared in. */
const LIMITS = { rows: 6, columns: 256 };
/** Share of the elements that must differ by more than rounding, for a search to prefer one of two. */
const DIFFERENT = 0.02;

/**
 * Which input tells two candidates apart that predict the same on this call: inputs like it are made and both mistakes repeated on them,
 * until their outputs differ. In a sentence, with the command that writes the input.
 */
export function tellApart(call: KernelCall, a: Candidate, b: Candidate): string {
  const deadline = performance.now() + BUDGET;
  const tried: ProbeInput[] = [];
  let complete = true;
  for (const input of probeInputs(call)) {
    if (performance.now() > deadline) {
      complete = false;
      break;
    }
    const share = differenceOn(call, input, a, b);
    if (share === undefined) continue;
    if (share >= DIFFERENT) return found(input, share);
    tried.push(input);
  }
  if (tried.length === 0) return hiddenBy(a, b);
  const sizes = [...new Set(tried.map(({ options }) => sizesText(options.sizes)))];
  const list = `${sizes.slice(0, 4).join('; ')}${sizes.length > 4 ? `; and ${sizes.length - 4} more` : ''}`;
  return complete
    ? `No input of this op tells them apart that was tried (sizes ${list}): they are the same mistake for every such input.`
    : `No input tells them apart of those that there was time for (sizes ${list}). They look the same on: ${hiddenBy(a, b)}.`;
}

function found({ options, otherSizes }: ProbeInput, share: number): string {
  const data = `${options.data ?? 'address-coded'} operands`;
  const subject = otherSizes ? `${data} of other sizes` : `The same call with ${data}`;
  const verb = otherSizes ? 'tell' : 'tells';
  const sentence = `${subject} ${verb} them apart, in ${percent(share, 1)} of the elements that were compared: ${probeCommand(options)}`;
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function sizesText(sizes: Readonly<Record<string, number>> = {}): string {
  return Object.entries(sizes)
    .map(([name, size]) => `${name}=${size}`)
    .join(',');
}

function hiddenBy(a: Candidate, b: Candidate): string {
  return [...new Set([...a.mistakes, ...b.mistakes].map(({ hypothesis }) => hypothesis.hiddenBy))].join('; ');
}

/**
 * Share of the elements in which both predict different numbers.
 * @returns undefined where the op does not take the input, or one of them does not happen on it
 */
function differenceOn(call: KernelCall, { options }: ProbeInput, a: Candidate, b: Candidate): number | undefined {
  try {
    const other = probeCall(options);
    const [one, two] = [repeated(call, other, a), repeated(call, other, b)];
    if (one === undefined || two === undefined) return undefined;
    const window = windowOf(other);
    const [left, right]: readonly Observed[] = [one, two].map((candidate) => observe(predict(candidate.call, window)));
    if (left === undefined || right === undefined || left.values.length === 0) return undefined;
    const marks = agreement(other, left, right);
    return marks.reduce((count, mark) => count + (mark === 0 ? 1 : 0), 0) / marks.length;
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}

/** The same mistakes on another call. */
function repeated(call: KernelCall, other: KernelCall, { mistakes }: Candidate): Candidate | undefined {
  const each = mistakes.map((mistake) => repeatedOne(call, other, mistake));
  const [first, second] = each;
  if (each.some((own) => own === undefined) || first === undefined) return undefined;
  return second === undefined ? first : combine(first, second);
}

function repeatedOne(call: KernelCall, other: KernelCall, mistake: Mistake): Candidate | undefined {
  const { hypothesis, detail } = mistake;
  const ways = hypothesis.variants(other);
  // Details may name sizes: then it is the way at the same place.
  const place = hypothesis.variants(call).findIndex((way) => way.detail === detail);
  const way = ways.find((own) => own.detail === detail) ?? ways[place];
  if (way === undefined) return undefined;
  return { mistakes: [mistake], given: other, call: keepingUnchanged(other, way.make()) };
}

function windowOf({ op, params, operands }: KernelCall): OutputWindow {
  const specs: Readonly<Record<string, TensorSpec>> = definitionOf(op).plan(params, operands);
  const shape = Object.values(specs).at(-1)?.layout.shape ?? [];
  return chooseWindow(
    { rowCount: shape[0] ?? 1, columnCount: shape.at(-1) ?? 1 },
    {
      rows: cropsRows(op) ? LIMITS.rows : Number.POSITIVE_INFINITY,
      columns: cropsColumns(op) ? LIMITS.columns : Number.POSITIVE_INFINITY,
    },
  );
}
