import Table from 'cli-table3';
import type { Diagnosis, Explanation, NamedMistake } from '../diagnosis/diagnosis.ts';
import type { Evidence } from '../diagnosis/evidence.ts';
import type { DiagnosisReport } from '../diagnosis/report.ts';
import {
  aboutText,
  count,
  idsOf,
  isRight,
  lookCommand,
  originText,
  searchedText,
  shareOf,
  titleOf,
  titlesOf,
  verdictWords,
} from '../diagnosis/report-words.ts';
import { paint } from './colors.ts';
import { SPARSE } from './verify-table.ts';
import { wrapNamed, wrapText } from './wrap-text.ts';

type Color = ReturnType<typeof paint>;

/** Explanations in the table of evidence, and explanations that fit as well, at most. */
const MOST = 5;
/** Columns of the names at the left. */
const INDENT = 12;

/** A diagnosis for a person: the verdict, the cause and its remedy, the evidence, what was searched. At most 120 columns wide. */
export function renderDiagnosis(
  { subject, diagnosis, maps }: DiagnosisReport,
  stream: { readonly isTTY?: boolean },
): string {
  const color = paint(stream);
  const { explanations, symptoms, verdict, asGiven } = diagnosis;
  const [best] = explanations;
  const about = aboutText(diagnosis);
  const lines = [
    ...named('case', `${subject.case} of ${subject.file}, ${diagnosis.op}`),
    ...named('actual', subject.actual),
    ...named('expected', subject.expected),
    '',
    ...verdictLines(diagnosis, color),
    ...(about === '' ? [] : wrapText(about)),
  ];
  if (best !== undefined) {
    for (const mistake of best.mistakes) lines.push('', ...mistakeLines(mistake, color));
    lines.push(...sameLines(best));
  }
  if (asGiven.wrong > 0 || explanations.length > 0) lines.push('', ...evidenceLines(diagnosis, color));
  const seen = verdict === 'correct' ? [] : symptoms;
  const where = maps.flatMap(({ output, map }) => map.skew.map(({ text }) => `${output}: ${text}`));
  if (seen.length + where.length > 0) lines.push('');
  for (const text of seen) lines.push(...named('seen', text));
  for (const text of where) lines.push(...named('where', text));
  lines.push('', ...named('searched', `${searchedText(diagnosis)}; ${count(diagnosis.searched.ms)} ms`));
  if (!diagnosis.searched.complete && !isRight(diagnosis)) lines.push(...named('', 'Try more with --budget 60.'));
  return lines.join('\n');
}

function named(name: string, text: string): readonly string[] {
  return wrapNamed(name, text, INDENT);
}

/** Only the head is coloured, so that lines are broken by what is seen. */
function verdictLines(diagnosis: Diagnosis, color: Color): readonly string[] {
  const { head, sentence } = verdictWords(diagnosis);
  const [first = '', ...more] = wrapText(`${head}: ${sentence}`);
  const painted = first.startsWith(head) ? color(isRight(diagnosis) ? 'green' : 'red', head) : '';
  return [painted === '' ? first : `${painted}${first.slice(head.length)}`, ...more];
}

function mistakeLines(mistake: NamedMistake, color: Color): readonly string[] {
  const { id, family, symptom, remedy, hiddenBy } = mistake;
  const look = lookCommand(mistake);
  const [first = '', ...more] = named('remedy', remedy);
  return [
    ...named('cause', `${titleOf(mistake)} [${id}], ${family}`),
    color('bold', first),
    ...more.map((line) => color('bold', line)),
    ...named('origin', originText(mistake)),
    ...named('looks like', symptom),
    ...named('hidden by', hiddenBy),
    // Not broken: it is there to be copied.
    ...(look === undefined ? [] : [`${'look'.padEnd(INDENT)}${look}`]),
  ];
}

function sameLines({ sameAs, tellApart }: Explanation): readonly string[] {
  if (sameAs.length === 0) return [];
  const more = sameAs.length - MOST;
  return [
    '',
    ...sameAs.slice(0, MOST).flatMap((same) => named('fits too', `${titlesOf(same)} [${idsOf(same)}]`)),
    ...(more > 0 ? named('', `and ${more} more`) : []),
    ...(tellApart === '' ? [] : named('tell apart', tellApart)),
  ];
}

function evidenceLines({ asGiven, explanations }: Diagnosis, color: Color): readonly string[] {
  const table = new Table({
    head: ['evidence', 'match', 'wrong mended', 'right broken', 'to the bit'].map((text) => color('bold', text)),
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    chars: SPARSE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  table.push(evidenceRow('as given', asGiven));
  for (const { mistakes, evidence } of explanations.slice(0, MOST))
    table.push(evidenceRow(mistakes.map(({ id }) => id).join('\n+ '), evidence));
  const more = explanations.length - MOST;
  return [
    ...table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd()),
    ...(more > 0 ? [`and ${more} more that explain less`] : []),
  ];
}

function evidenceRow(name: string, { elements, matched, wrong, mended, broken, equal }: Evidence): string[] {
  return [
    name,
    shareOf(matched, elements),
    `${count(mended)} of ${count(wrong)}`,
    `${count(broken)} of ${count(elements - wrong)}`,
    shareOf(equal, elements),
  ];
}
