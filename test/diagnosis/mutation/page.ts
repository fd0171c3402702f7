import type { OpName } from '../../../src/ops/registry.ts';
import type { CampaignResult } from './campaign.ts';
import { type Confusion, confusionOf } from './confusion.ts';

export interface OpOutcome extends CampaignResult {
  readonly op: OpName;
  readonly confusion: Confusion;
}

/** The results of a mutation test as a page of the docs. */
export function mutationPage(
  outcomes: readonly OpOutcome[],
  { seeds, machine }: { readonly seeds: number; readonly machine: string },
): string {
  const all = confusionOf(outcomes.flatMap(({ results }) => results));
  const alarms = outcomes.flatMap(({ falseAlarms }) => falseAlarms);
  return [
    '<!-- Written by test/diagnosis/mutation/main.ts: "npm run mutation". -->',
    '',
    '# How often the diagnosis is right',
    '',
    'Every mistake that preshuffle knows is planted in every op that it can happen to, in address-coded and in random data, in whole and in ragged shapes ' +
      `(test/diagnosis/mutation/campaigns.ts), with ${seeds} seed${seeds === 1 ? '' : 's'}; which of several ways is planted changes from mistake to mistake. The diagnosis gets the ` +
      'operands and the wrong output, nothing else. Then it gets right outputs and outputs with noise that no mistake makes, and must name nothing.',
    '',
    `${all.planted} planted: ${percent(all.first)} named first (${all.counts.first} alone, ${all.counts.tied} together with mistakes that give the same ` +
      `numbers to the bit, which the report says), ${all.counts.later} named later, ${all.counts.confused} confused, ${all.counts.missed} missed. ` +
      `${alarms.length} false alarms.`,
    '',
    'With `--last-bits 0.005` one result of 16 bits in 200 is one code off, as those of a kernel that adds in another order are; `--seeds` repeats everything with other data.',
    '',
    `Milliseconds are the median of a diagnosis (${machine}).`,
    '',
    '| op | planted | first, alone | first, tied | later | confused | missed | ms |',
    '|---|--:|--:|--:|--:|--:|--:|--:|',
    ...outcomes.map(
      ({ op, confusion: { planted, counts, medianMs } }) =>
        `| \`${op}\` | ${planted} | ${counts.first} | ${counts.tied} | ${counts.later} | ${counts.confused} | ${counts.missed} | ${medianMs} |`,
    ),
    '',
    '## Confusions',
    '',
    'What was planted, and what was named first instead. The diagonal is left out.',
    '',
    ...listOr(
      all.confusions.map(({ planted, named, count, ops }) => `| ${planted} | ${named} | ${count} | ${ops} |`),
      ['| planted | named | times | ops |', '|---|---|--:|---|'],
    ),
    '',
    '## The same on the data',
    '',
    'Mistakes that gave the same numbers to the bit in some probe. The report names all of them, and an input that tells them apart where one was found.',
    '',
    ...listOr(
      all.ties.map(({ ids, count, ops }) => `| ${ids} | ${count} | ${ops} |`),
      ['| mistakes | times | ops |', '|---|--:|---|'],
    ),
    '',
    '## Showed in no probe',
    '',
    'Mistakes that change nothing, or nothing beyond rounding, in the probes of an op: a stale pad where nothing is padded, an overflow that needs larger numbers. ' +
      'They have tests of their own with operands on which they show (test/diagnosis/hypotheses).',
    '',
    ...listOr(
      outcomes.flatMap(({ op, hidden }) => (hidden.length === 0 ? [] : [`| \`${op}\` | ${hidden.join(', ')} |`])),
      ['| op | mistakes |', '|---|---|'],
    ),
    '',
    '## False alarms',
    '',
    ...(alarms.length === 0 ? ['None.'] : alarms.map((alarm) => `- ${alarm}`)),
    '',
  ].join('\n');
}

function listOr(rows: readonly string[], head: readonly string[]): readonly string[] {
  return rows.length === 0 ? ['None.'] : [...head, ...rows];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
