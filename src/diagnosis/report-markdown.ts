import type { Explanation, NamedMistake } from './diagnosis.ts';
import type { DiagnosisReport } from './report.ts';
import {
  aboutText,
  count,
  idsOf,
  lookCommand,
  originText,
  searchedText,
  shareOf,
  titleOf,
  titlesOf,
  verdictWords,
} from './report-words.ts';

/** Explanations in the table. */
const MOST = 5;

/** A report for a comment in a pull request. */
export function renderDiagnosisMarkdown({ subject, diagnosis, maps }: DiagnosisReport): string {
  const { op, asGiven, explanations, symptoms } = diagnosis;
  const [best] = explanations;
  const { head, sentence } = verdictWords(diagnosis);
  const about = aboutText(diagnosis);
  const parts = [
    `**${head}**: ${cell(sentence)}`,
    `${code(op)}, case ${code(subject.case)} of ${code(subject.file)}; actual ${code(subject.actual)}, expected ${code(subject.expected)}`,
    ...(about === '' ? [] : [about]),
    ...(best?.mistakes.map(mistakeList) ?? []),
    ...(best === undefined || best.sameAs.length === 0 ? [] : [sameList(best)]),
    ...(asGiven.wrong === 0 && explanations.length === 0 ? [] : [evidenceTable(diagnosis)]),
    ...(symptoms.length === 0 ? [] : [symptoms.map((text) => `- ${cell(text)}`).join('\n')]),
    ...maps.flatMap(({ output, map }) => map.skew.map(({ text }) => `- ${code(output)}: ${cell(text)}`)),
    `<sub>Looked at ${cell(searchedText(diagnosis))}.</sub>`,
  ];
  return `${parts.join('\n\n')}\n`;
}

function mistakeList(mistake: NamedMistake): string {
  const { id, family, symptom, remedy, hiddenBy } = mistake;
  const look = lookCommand(mistake);
  return [
    `- **Cause**: ${cell(titleOf(mistake))} (${code(id)}, ${family})`,
    `- **Remedy**: ${cell(remedy)}`,
    `- **Origin**: ${cell(originText(mistake))}`,
    `- **Looks like**: ${cell(symptom)}`,
    `- **Hidden by**: ${cell(hiddenBy)}`,
    ...(look === undefined ? [] : [`- **Picture**: ${code(look)}`]),
  ].join('\n');
}

function sameList({ sameAs, tellApart }: Explanation): string {
  return [
    'Fits as well:',
    '',
    ...sameAs.map((same) => `- ${cell(titlesOf(same))} (${code(idsOf(same))})`),
    ...(tellApart === '' ? [] : ['', `To tell them apart: ${cell(tellApart)}`]),
  ].join('\n');
}

function evidenceTable({ asGiven, explanations }: DiagnosisReport['diagnosis']): string {
  const row = (name: string, { elements, matched, equal, wrong, mended, broken }: Explanation['evidence']): string =>
    `| ${name} | ${shareOf(matched, elements)} | ${count(mended)} of ${count(wrong)} | ${count(broken)} | ${shareOf(equal, elements)} |`;
  return [
    '| output if | match | wrong mended | right broken | to the bit |',
    '|---|--:|--:|--:|--:|',
    row('as given', asGiven),
    ...explanations.slice(0, MOST).map(({ mistakes, evidence }) => row(code(idsOf(mistakes)), evidence)),
  ].join('\n');
}

/** Text in a line or a table cell: bars and angle brackets would be markup. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
}

/** Text as code, whatever backticks it has. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest === 0 ? '' : ' ';
  return `${fence}${pad}${text.replaceAll('|', '\\|').replaceAll('\n', ' ')}${pad}${fence}`;
}
