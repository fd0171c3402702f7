import type { Outcome, Result } from './plant.ts';

/** Counts of many planted mistakes. */
export interface Confusion {
  readonly planted: number;
  readonly counts: Readonly<Record<Outcome, number>>;
  /** Share named first, alone or together with what predicts the same to the bit. */
  readonly first: number;
  /** Off the diagonal: what was planted, what was named, how often, in which ops. */
  readonly confusions: readonly {
    readonly planted: string;
    readonly named: string;
    readonly count: number;
    readonly ops: string;
  }[];
  /** What cannot be told apart on the data that were tried. */
  readonly ties: readonly { readonly ids: string; readonly count: number; readonly ops: string }[];
  readonly medianMs: number;
}

export function confusionOf(results: readonly Result[]): Confusion {
  const counts: Record<Outcome, number> = { first: 0, tied: 0, later: 0, confused: 0, missed: 0 };
  for (const { outcome } of results) counts[outcome] += 1;
  const off = results.filter(({ outcome }) => outcome !== 'first' && outcome !== 'tied');
  const tied = results.filter(({ outcome }) => outcome === 'tied');
  const times = results.map(({ diagnosis }) => diagnosis.searched.ms).sort((a, b) => a - b);
  return {
    planted: results.length,
    counts,
    first: results.length === 0 ? 1 : (counts.first + counts.tied) / results.length,
    confusions: grouped(off, ({ planted, named }) => `${planted} -> ${named}`).map(({ rows, ...entry }) => {
      const [one] = rows as [Result];
      return { planted: one.planted, named: one.named, count: entry.count, ops: entry.ops };
    }),
    ties: grouped(tied, tieOf).map(({ key, count, ops }) => ({ ids: key, count, ops })),
    medianMs: times[Math.floor(times.length / 2)] ?? 0,
  };
}

function tieOf({ diagnosis }: Result): string {
  const [best] = diagnosis.explanations;
  const ids = [best?.mistakes ?? [], ...(best?.sameAs ?? [])].map((list) => list.map(({ id }) => id).join('+'));
  return [...new Set(ids)].sort().join(' = ');
}

function grouped(results: readonly Result[], keyOf: (result: Result) => string) {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const key = keyOf(result);
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups]
    .map(([key, rows]) => ({ key, rows, count: rows.length, ops: [...new Set(rows.map(({ op }) => op))].join(', ') }))
    .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
}

/** The matrix as text: what lies off its diagonal, and what is tied. */
export function renderConfusion(confusion: Confusion): string {
  const { planted, counts, first, confusions, ties, medianMs } = confusion;
  const lines = [
    `${planted} mistakes planted: ${counts.first} named first and alone, ${counts.tied} together with what predicts the same, ` +
      `${counts.later} named later, ${counts.confused} confused, ${counts.missed} missed: ${(100 * first).toFixed(1)} % first. ` +
      `Median ${medianMs} ms.`,
  ];
  for (const { planted: from, named, count, ops } of confusions)
    lines.push(`  ${count} x ${from} named ${named} (${ops})`);
  for (const { ids, count, ops } of ties) lines.push(`  ${count} x the same on the data: ${ids} (${ops})`);
  return lines.join('\n');
}
