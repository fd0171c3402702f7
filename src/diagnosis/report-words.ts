import { sharePercent } from '../golden/compare-dumps-text.ts';
import type { Diagnosis, Explanation, NamedMistake } from './diagnosis.ts';
import type { Evidence } from './evidence.ts';

/** `4,096`. */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** `99.98 %`; never 100 where one is missing. */
export function shareOf(part: number, all: number): string {
  return sharePercent(all === 0 ? 1 : part / all);
}

/** The title with which way it was, where there are several: `rows are shifted (by 1)`. */
export function titleOf({ title, detail }: NamedMistake): string {
  return detail === '' ? title : `${title} (${detail})`;
}

/** Both titles of a pair. */
export function titlesOf(mistakes: readonly NamedMistake[]): string {
  return mistakes.map(titleOf).join(', and ');
}

/** `weight-tile-32`, or `weight-tile-32 + scale-dropped`. */
export function idsOf(mistakes: readonly NamedMistake[]): string {
  return mistakes.map(({ id }) => id).join(' + ');
}

/** `99.98 % of 4,096 elements match`. */
export function matchText({ matched, elements }: Evidence): string {
  return `${shareOf(matched, elements)} of ${count(elements)} elements match`;
}

/** Whether outputs are as they should be. */
export function isRight({ verdict }: Diagnosis): boolean {
  return verdict === 'correct' || verdict === 'rounding';
}

const HEADS: Readonly<Record<Diagnosis['verdict'], string>> = {
  correct: 'CORRECT',
  rounding: 'ROUNDING',
  explained: 'DIAGNOSIS',
  ambiguous: 'DIAGNOSIS',
  partly: 'PARTLY EXPLAINED',
  unexplained: 'NOT EXPLAINED',
};

/** A verdict in its two halves: `DIAGNOSIS (99.98 % of 4,096 elements match)`, and the sentence that follows the colon. */
export interface VerdictWords {
  readonly head: string;
  readonly sentence: string;
}

/** @param ids put the ids of the mistakes behind the first word, in square brackets */
export function verdictWords(diagnosis: Diagnosis, ids = false): VerdictWords {
  const [best] = diagnosis.explanations;
  const named = best === undefined || !ids ? '' : ` [${idsOf(best.mistakes)}]`;
  const head = `${HEADS[diagnosis.verdict]}${named} (${matchText(best?.evidence ?? diagnosis.asGiven)})`;
  return { head, sentence: sentenceOf(diagnosis, best) };
}

/** The verdict on one line. */
export function verdictLine(diagnosis: Diagnosis, ids = false): string {
  const { head, sentence } = verdictWords(diagnosis, ids);
  return `${head}: ${sentence}`;
}

function sentenceOf({ op, verdict, about, searched }: Diagnosis, best: Explanation | undefined): string {
  const title = best === undefined ? '' : titlesOf(best.mistakes);
  const others = best === undefined || best.sameAs.length === 0 ? '' : `; ${othersText(best.sameAs.length)}`;
  if (verdict === 'correct') return 'the output is what these operands give.';
  if (verdict === 'rounding')
    return `the output is right; it equals the reference to the last bit if ${title}${others}.`;
  if (best === undefined) {
    if (searched.hypotheses === 0) return `no mistakes with ${op} are known here.`;
    const fails = about === 'operands' ? 'leads from what was expected to these operands' : 'gives this output';
    return `no known mistake with ${op} ${fails}${searched.complete ? '' : ', as far as the budget went'}.`;
  }
  if (verdict === 'partly') {
    const { mended, wrong } = best.evidence;
    return `${shareOf(mended, wrong)} of what is wrong comes right if ${title}${others}; something else is wrong, too.`;
  }
  return about === 'operands'
    ? `these operands are what a mistake made of the right ones: ${title}${others}.`
    : `output equals the reference if ${title}${others}.`;
}

function othersText(others: number): string {
  return others === 1 ? 'another explanation fits as well' : `${others} other explanations fit as well`;
}

/** Words for `about: 'operands'`, which turns the question round; empty otherwise. */
export function aboutText({ about }: Diagnosis): string {
  return about === 'operands'
    ? 'The kernel computed what these operands say, and that is not what was expected: the mistake is in the operands, or in what was expected.'
    : '';
}

/** `8 rows x 512 columns, 12 mistakes in 34 ways, 20 pairs`. */
export function searchedText({ searched }: Diagnosis): string {
  const { rows, columns, hypotheses, variants, pairs, complete } = searched;
  const elements = `${count(rows)} x ${count(columns)} elements`;
  if (variants === 0) return elements;
  const tried = `${plural(hypotheses, 'mistake')} in ${plural(variants, 'way')}`;
  return `${elements}; ${tried}, ${plural(pairs, 'pair')}${complete ? '' : '; stopped at the budget'}`;
}

function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? '' : 's'}`;
}

/** The command that opens the page of the visualizer about a mistake; undefined where it has none. */
export function lookCommand({ permalink }: NamedMistake): string | undefined {
  return permalink === undefined ? undefined : `preshuffle visualize '${permalink}'`;
}

/** Where it happened; what follows from a source and was not reported says so. */
export function originText({ origin, evidence }: NamedMistake): string {
  return evidence === 'reported' || origin.startsWith('derived') ? origin : `derived: ${origin}`;
}
