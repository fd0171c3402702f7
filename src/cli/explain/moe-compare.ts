import { describeRange } from '../../dispatch/moe/situation.ts';
import { paint } from '../colors.ts';
import type { MoeAnswer } from './moe.ts';

interface Change {
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

export interface MoeComparison {
  readonly layer: string;
  readonly m: number;
  readonly tp: number;
  readonly before: string;
  readonly after: string;
  readonly changes: readonly Change[];
}

/** What is different for one layer under two states of the loader. */
export function compareMoe(before: MoeAnswer, after: MoeAnswer): MoeComparison {
  const [old, now] = [facts(before), facts(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  const changes = names
    .map((what) => ({ what, before: old.get(what) ?? '-', after: now.get(what) ?? '-' }))
    .filter((change) => change.before !== change.after);
  const { moe } = before.situation;
  return {
    layer: moe.layer,
    m: moe.m,
    tp: moe.sizes.tp,
    before: nameOf(before),
    after: nameOf(after),
    changes,
  };
}

function nameOf({ situation }: MoeAnswer): string {
  return situation.moe.loader.id;
}

function facts({ situation, refused, verdicts }: MoeAnswer): ReadonlyMap<string, string> {
  const { arrival, stored, outcome, decisions, moe } = situation;
  const row = verdicts.rows.find(({ w13 }) => w13 === stored.w13);
  const sizes = verdicts.ranges.map((range, index) => {
    const reads = range.expects === undefined ? '' : ` reads ${range.expects}`;
    return `${describeRange(range)}: ${range.kernel}${reads}, ${row?.outcomes[index]?.verdict ?? '-'}`;
  });
  return new Map([
    ['plan', refused === undefined ? 'built' : `refused: ${refused.message}`],
    ['AITER', moe.aiter],
    ['gate_mode', arrival.gateMode],
    ['w13 stored as', stored.w13],
    ['is_shuffled', arrival.flags.w13 && arrival.flags.w2 ? 'set' : 'lost'],
    ['kernel', `${outcome.kernel}${outcome.expects === undefined ? '' : `, reads ${outcome.expects}`}`],
    ['verdict', outcome.verdict],
    ['every size', sizes.join('; ')],
    ...decisions.map(({ decision, choice, because }): [string, string] => [
      decision,
      `${choice} (${because[0]?.rule})`,
    ]),
  ]);
}

export function renderMoeComparison({ layer, m, tp, before, after, changes }: MoeComparison): string {
  const color = paint(process.stdout);
  const head = `${color('bold', layer)}  ${tp === 1 ? 'one rank' : `${tp} ranks`}, m = ${m}  ${before} -> ${after}`;
  if (changes.length === 0) return `${head}\n  no difference`;
  const lines = changes.map(
    (change) => `  ${change.what}\n    ${before}: ${change.before}\n    ${after}: ${change.after}`,
  );
  return [head, ...lines].join('\n');
}
