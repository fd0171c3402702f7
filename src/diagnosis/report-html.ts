import { escapeMarkup } from '../golden/escape.ts';
import { renderHeatMaps } from '../golden/report-heat-map.ts';
import { htmlPage } from '../golden/report-html.ts';
import type { Explanation, NamedMistake } from './diagnosis.ts';
import type { Evidence } from './evidence.ts';
import type { DiagnosisReport } from './report.ts';
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
  verdictLine,
} from './report-words.ts';

/** Explanations that are drawn. */
const MOST = 8;

const STYLE = `
td.bar,th.bar{width:12rem}svg.bar{display:block;width:100%;height:.8rem;background:#8882}
.matched{fill:var(--good)}.mended{fill:#1565c0}.broken{fill:var(--bad)}th{white-space:nowrap}`;

/** One page without any outside reference and without a script: opens from a file, can be attached to a ticket. */
export function renderDiagnosisHtml({ subject, diagnosis, maps }: DiagnosisReport): string {
  const { op, asGiven, explanations, symptoms } = diagnosis;
  const [best] = explanations;
  const about = aboutText(diagnosis);
  const facts: Facts = [
    ['op', op],
    ['case', `${subject.case} of ${subject.file}`],
    ['actual', subject.actual],
    ['expected', subject.expected],
    ['looked at', searchedText(diagnosis)],
  ];
  const drawn = [
    bars('as given', asGiven),
    ...explanations.slice(0, MOST).map(({ mistakes, evidence }) => bars(idsOf(mistakes), evidence)),
  ];
  return htmlPage(
    'preshuffle diagnose',
    [
      `<p class="${isRight(diagnosis) ? 'pass' : 'fail'}">${escapeMarkup(verdictLine(diagnosis))}</p>`,
      about === '' ? '' : `<p>${escapeMarkup(about)}</p>`,
      table(facts),
      ...(best === undefined ? [] : best.mistakes.map((mistake) => table(factsOf(mistake)))),
      best === undefined ? '' : sameText(best),
      `<h2>Evidence</h2><table><thead><tr>${HEADS}</tr></thead><tbody>${drawn.join('')}</tbody></table>`,
      symptoms.length === 0 ? '' : `<h2>What is wrong</h2><ul>${symptoms.map(item).join('')}</ul>`,
      ...maps.map(({ output, tensor, map }) => renderHeatMaps({ label: output, tensor, map })),
    ].join(''),
    STYLE,
  );
}

type Facts = readonly (readonly [string, string])[];

function factsOf(mistake: NamedMistake): Facts {
  const look = lookCommand(mistake);
  return [
    ['cause', `${titleOf(mistake)} [${mistake.id}], ${mistake.family}`],
    ['remedy', mistake.remedy],
    ['origin', originText(mistake)],
    ['looks like', mistake.symptom],
    ['hidden by', mistake.hiddenBy],
    ...(look === undefined ? [] : [['picture', look] as const]),
  ];
}

function table(facts: Facts): string {
  const rows = facts.map(
    ([name, text]) => `<tr><th scope="row">${escapeMarkup(name)}</th><td>${escapeMarkup(text)}</td></tr>`,
  );
  return `<table><tbody>${rows.join('')}</tbody></table>`;
}

function sameText({ sameAs, tellApart }: Explanation): string {
  if (sameAs.length === 0) return '';
  const others = sameAs.map((same) => item(`${titlesOf(same)} [${idsOf(same)}]`)).join('');
  const how = tellApart === '' ? '' : `<p>To tell them apart: ${escapeMarkup(tellApart)}</p>`;
  return `<h2>Fits as well</h2><ul>${others}</ul>${how}`;
}

function item(text: string): string {
  return `<li>${escapeMarkup(text)}</li>`;
}

const HEADS = ['output if', 'match', 'wrong mended', 'right broken']
  .map((text, at) => `<th scope="col"${at === 0 ? '' : ' class="bar"'}>${text}</th>`)
  .join('');

function bars(name: string, { elements, matched, wrong, mended, broken }: Evidence): string {
  const right = elements - wrong;
  return (
    `<tr><th scope="row">${escapeMarkup(name)}</th>` +
    bar('matched', matched, elements) +
    bar('mended', mended, wrong) +
    `${bar('broken', broken, right)}</tr>`
  );
}

function bar(kind: string, part: number, all: number): string {
  const text = all === 0 ? 'none' : `${shareOf(part, all)}, ${count(part)} of ${count(all)}`;
  const width = all === 0 ? 0 : Math.round((1000 * part) / all) / 10;
  return (
    `<td class="bar"><svg class="bar" role="img" aria-label="${escapeMarkup(text)}" viewBox="0 0 100 1" preserveAspectRatio="none">` +
    `<rect class="${kind}" width="${width}" height="1"/></svg>${escapeMarkup(text)}</td>`
  );
}
