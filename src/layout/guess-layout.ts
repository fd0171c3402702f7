import { elementBits } from '../formats/element-type.ts';
import { catalog } from './catalog-entries.ts';
import { w13CatalogEntries } from './catalog-w13.ts';
import { type GuessCandidate, type GuessRole, guessCandidates, type RejectedCandidate } from './guess-candidates.ts';
import { FEATURES, FeatureReader } from './guess-features.ts';
import { type Batches, meanInErrors, type Prediction, predict } from './guess-regression.ts';
import { randomFrom, Sample } from './guess-sample.ts';
import { type LayoutTraces, layoutTraces } from './guess-traces.ts';
import type { GuessInput, GuessResult, LayoutGuess } from './guess-types.ts';
import { evidenceOf, summaryOf, tellApart } from './guess-words.ts';

/*
 * Which layout are these bytes in? In the right order a row's elements resemble their row, and a column's their column: channels
 * differ in magnitude. In a wrong order rows and columns mix, and the differences wash out. So every layout that fits is asked to
 * predict how large held-out elements are from the rows and columns it sees, and the one that predicts best is the best guess. All
 * predict the same stored elements, which makes their errors comparable one by one: what one layout has before another is a
 * difference of pairs with a standard error, and a lead within the noise is no answer.
 */

const SAMPLES = 16_384;
const FOUND = 5;
const LEANING = 4;
/** Differences of squared errors have heavier tails than the normal distribution; measured on random data. */
const HEAVY = 1.6;
/** What a trace adds to a lead, in standard errors: by itself it makes a guess. */
const TRACE_LEAD = 6;
/** Probability that is left to orders which come from mistakes, where nothing else decides. */
const ORDINARY = 0.9;
/** Smallest tail that is no accident, in elements. */
const TAIL = 64;

/**
 * Guesses the layout of a tensor. Pure and repeatable; the cost depends on the samples, hardly on the tensor.
 * @throws ParameterError for a format without a layout
 */
export function guessLayout(input: GuessInput): GuessResult {
  const steps = guessLayoutSteps(input);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same in steps, for pages that must stay responsive: yields the share that is done, returns the result. */
export function* guessLayoutSteps(input: GuessInput): Generator<number, GuessResult, void> {
  const { bytes, type, shape, experts = 1, samples = SAMPLES, seed = 1 } = input;
  const role = input.role ?? (type === 'e8m0' || type === 'f32' ? 'scale' : 'weight');
  const params = { bits: elementBits(type), experts };
  const { fitting, rejected } = guessCandidates(input.candidates ?? catalog, role, bytes.length, shape, params);
  const first = new Sample(bytes, type, samples, seed);
  const readings: Reading[] = [];
  for (const candidate of fitting) {
    readings.push(readingOf(candidate, role, first));
    yield (0.5 * readings.length) / fitting.length;
  }
  let guesses = ranked(readings, role);
  const close = guesses.filter(({ behind }) => behind < FOUND + LEANING);
  if (close.length > 1 && leadOf(guesses) < FOUND && !first.isWhole) {
    // Undecided: those that are close are compared again, on more elements.
    const more = new Sample(bytes, type, samples * 4, seed + 1);
    const again: Reading[] = [];
    for (const { candidate } of close) {
      again.push(readingOf(candidate, role, more));
      yield 0.5 + (0.5 * again.length) / close.length;
    }
    guesses = [...ranked(again, role), ...guesses.filter((guess) => !close.includes(guess))];
  }
  return resultOf(guesses, rejected, input);
}

interface Reading {
  readonly candidate: GuessCandidate;
  readonly prediction: Prediction;
  readonly traces: LayoutTraces;
  /** Samples by row and by column, for standard errors. */
  readonly groupings: readonly Batches[];
}

const BATCHES = 32;

function readingOf(candidate: GuessCandidate, role: GuessRole, sample: Sample): Reading {
  const { matrix } = candidate;
  const { offsets, values, mean } = sample;
  const random = randomFrom(sample.seed ^ 0x5bd1e995);
  const width = FEATURES.length;
  const features = new Float64Array(offsets.length * width);
  const isPadding = new Uint8Array(offsets.length);
  const rows = new Uint8Array(offsets.length);
  const columns = new Uint8Array(offsets.length);
  const reader = new FeatureReader(sample.magnitude, matrix, mean, random);
  for (let at = 0; at < offsets.length; at += 1) {
    const index = matrix.indexAt(offsets[at] as number);
    if (index < 0) {
      isPadding[at] = 1;
      continue;
    }
    columns[at] = (index % matrix.columns) % BATCHES;
    rows[at] = Math.floor(index / matrix.columns) % BATCHES;
    reader.read(index, values[at] as number, features, at * width);
  }
  return {
    candidate,
    prediction: predict(values, features, width, isPadding),
    traces: layoutTraces(candidate, role, role === 'weight' ? sample.magnitude : sample.code, random),
    groupings: [
      { of: rows, count: Math.min(BATCHES, matrix.rows) },
      { of: columns, count: Math.min(BATCHES, matrix.columns) },
    ],
  };
}

/**
 * Best first: by what is predicted. Those that the noise hides are ordered by traces, and then as the catalog has them: orders that
 * come from mistakes last.
 */
function ranked(readings: readonly Reading[], role: GuessRole): readonly LayoutGuess[] {
  const leader = readings.toSorted((a, b) => b.prediction.score - a.prediction.score)[0];
  if (leader === undefined) return [];
  const tied = readings.filter((reading) => aheadOf(leader, reading) < LEANING);
  const best = tied.toSorted(
    (a, b) => traceLead(b, a) || Number(isMistake(a.candidate)) - Number(isMistake(b.candidate)),
  )[0] as Reading;
  const guesses = readings.map((reading): LayoutGuess => {
    const { candidate, traces, prediction, groupings } = reading;
    const shares = Object.fromEntries(FEATURES.map((name, at) => [name, prediction.shares[at] ?? 0]));
    const facts = {
      candidate,
      score: prediction.score,
      shares: shares as LayoutGuess['shares'],
      structure: meanInErrors(prediction.gains, groupings),
      traces,
    };
    const behind = reading === best ? 0 : Math.max(0, aheadOf(best, reading) + traceLead(best, reading));
    return { ids: candidate.ids, ...facts, behind, evidence: evidenceOf(role, facts) };
  });
  const top = guesses[readings.indexOf(best)] as LayoutGuess;
  const others = guesses.filter((guess) => guess !== top);
  return [top, ...others.toSorted((a, b) => a.behind - b.behind || b.score - a.score)];
}

/** How far `a` predicts better than `b`, in standard errors of the paired difference. */
function aheadOf(a: Reading, b: Reading): number {
  const difference = b.prediction.errors.map((error, at) => error - (a.prediction.errors[at] as number));
  return meanInErrors(difference, [...a.groupings, ...b.groupings]);
}

/** Positive where padding or copied rows speak for `a`, negative where they speak for `b`. */
function traceLead(a: Reading, b: Reading): number {
  const one = (x: LayoutTraces, y: LayoutTraces): number => {
    const tail = x.tail - y.tail >= TAIL && y.tail <= 0.75 * x.tail ? TRACE_LEAD : 0;
    const copies = x.duplicateRows >= 8 && y.duplicateRows <= x.duplicateRows / 2 ? TRACE_LEAD : 0;
    return tail + copies;
  };
  return one(a.traces, b.traces) - one(b.traces, a.traces);
}

function leadOf(guesses: readonly LayoutGuess[]): number {
  return guesses[1]?.behind ?? 0;
}

function resultOf(
  guesses: readonly LayoutGuess[],
  rejected: readonly RejectedCandidate[],
  input: GuessInput,
): GuessResult {
  const lead = leadOf(guesses);
  const [best, ...others] = guesses;
  const near = others.filter(({ behind }) => behind < LEANING);
  const verdict = verdictOf(best, others, near, lead);
  const wrong = others.reduce((sum, { behind }) => sum + upperTail(behind / HEAVY), 0);
  const certain = verdict === 'leaning' && near.length > 0 ? ORDINARY : 0.999;
  const usual = others.filter(({ candidate }) => !isMistake(candidate));
  const doubt = verdict === 'leaning' ? usual.reduce((sum, { behind }) => sum + upperTail(behind / HEAVY), 0) : wrong;
  const confidence = Math.min(certain, Math.max(1 / Math.max(1, guesses.length), 1 - doubt));
  const tied = guesses.length === 0 ? 0 : near.length + 1;
  const toTellApart = tied > 1 ? tellApart(guesses.slice(0, tied)) : undefined;
  return {
    verdict,
    confidence,
    summary: summaryOf(verdict, guesses, tied, input),
    guesses,
    rejected,
    tied,
    toTellApart,
  };
}

function verdictOf(
  best: LayoutGuess | undefined,
  others: readonly LayoutGuess[],
  near: readonly LayoutGuess[],
  lead: number,
): GuessResult['verdict'] {
  if (best === undefined) return 'cannot-tell';
  if (others.length === 0) return 'only-fit';
  const hasOrder = best.structure >= FOUND || best.traces.duplicateRows > 0 || best.traces.tail >= TAIL;
  if (!hasOrder) return 'cannot-tell';
  if (lead >= FOUND) return 'found';
  if (near.length === 0) return 'leaning';
  // What ties is an order that only mistakes lead to, and the best is none.
  return !isMistake(best.candidate) && near.every(({ candidate }) => isMistake(candidate)) ? 'leaning' : 'cannot-tell';
}

/** Orders of the catalog that no kernel reads. */
function isMistake({ entry }: GuessCandidate): boolean {
  return w13CatalogEntries.includes(entry);
}

/** Probability that a normal variable exceeds `z` standard deviations (Abramowitz and Stegun 26.2.17). */
function upperTail(z: number): number {
  if (z <= 0) return 0.5;
  const t = 1 / (1 + 0.2316419 * z);
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}
