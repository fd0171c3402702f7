import type { Diagnosis } from './diagnosis.ts';
import { aboutText, idsOf, isRight, originText, titlesOf, verdictLine } from './report-words.ts';

/** Explanations that fit as well, and symptoms, at most. */
const MOST = 3;

/**
 * A diagnosis in a few lines of plain text, for a place in another report. The first is the verdict, with the ids of the mistakes in
 * square brackets. The same diagnosis gives the same lines: no times.
 */
export function diagnosisLines(diagnosis: Diagnosis): readonly string[] {
  const { explanations, symptoms, searched, verdict } = diagnosis;
  const [best] = explanations;
  const lines = [verdictLine(diagnosis, true)];
  const about = aboutText(diagnosis);
  if (about !== '') lines.push(about);
  if (best !== undefined) {
    for (const mistake of best.mistakes) lines.push(`remedy: ${mistake.remedy}`, `origin: ${originText(mistake)}`);
    for (const same of best.sameAs.slice(0, MOST)) lines.push(`fits as well: [${idsOf(same)}] ${titlesOf(same)}`);
    if (best.sameAs.length > MOST) lines.push(`fits as well: ${best.sameAs.length - MOST} more`);
    if (best.tellApart !== '') lines.push(`to tell them apart: ${best.tellApart}`);
  }
  if (verdict === 'unexplained' || verdict === 'partly')
    lines.push(...symptoms.slice(0, MOST).map((text) => `seen: ${text}`));
  if (!searched.complete && !isRight(diagnosis))
    lines.push('the search stopped at its budget; "preshuffle diagnose --budget" tries more');
  return [...new Set(lines)];
}
