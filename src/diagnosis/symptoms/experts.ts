import { asI32 } from '../../tensor/views.ts';
import type { OutputView } from './view.ts';
import { counted, joined } from './words.ts';

/** Experts that wrong tokens have in common and right ones do not have. */
export function experts({ call, rows, axes, wrongInRow, wrong }: OutputView): readonly string[] {
  const ids = call.operands['topk_ids'];
  const [tokenAxis, slotAxis] = axes;
  if (wrong === 0 || ids === undefined || tokenAxis?.name !== 'token') return [];
  const routes = asI32(ids);
  const [tokens = 0, topk = 1] = ids.layout.shape;
  if (tokens !== tokenAxis.size) return [];
  const slots = axes.length > 2 ? (slotAxis?.ids.length ?? 1) : 1;
  if (slots > 1 && slots !== topk) return [];
  // The experts that each row depends on: of a slot its own, of a sum over slots all of a token's.
  const lines = Array.from({ length: rows }, (_, row) => {
    const token = tokenAxis.ids[Math.floor(row / slots)] as number;
    const own = routes.subarray(token * topk, (token + 1) * topk);
    return { wrong: (wrongInRow[row] as number) > 0, own: slots > 1 ? [own[row % slots] as number] : [...own] };
  });
  const bad = lines.filter((line) => line.wrong);
  const good = lines.filter((line) => !line.wrong);
  if (bad.length === 0 || good.length === 0) return [];
  const innocent = new Set(good.flatMap(({ own }) => own));
  const suspects = new Set(bad.flatMap(({ own }) => own).filter((expert) => !innocent.has(expert)));
  const noun = slots > 1 ? 'route' : 'token';
  if (bad.every(({ own }) => own.some((expert) => suspects.has(expert)))) {
    const needed = cover(bad.map(({ own }) => own.filter((expert) => suspects.has(expert))));
    const names = [...needed].sort((a, b) => a - b).map(String);
    if (names.length <= 8 && names.length <= innocent.size) {
      return [
        `Each of the ${counted(bad.length, `wrong ${noun}`)} goes to expert ${joinedOr(names)}, and ${good.length === 1 ? 'the right one does not' : `none of the ${good.length} right ones does`}.`,
      ];
    }
    const safe = [...innocent].sort((a, b) => a - b).map(String);
    if (safe.length <= 8)
      return [
        `The ${counted(good.length, `right ${noun}`)} ${good.length === 1 ? 'goes' : 'go'} to ${safe.length === 1 ? 'expert' : 'experts'} ${joined(safe)} only; every wrong one goes to another expert, too.`,
      ];
  }
  return [];
}

/** Few experts of which every list has one, the most frequent first. */
function cover(lists: readonly (readonly number[])[]): ReadonlySet<number> {
  const chosen = new Set<number>();
  let open = lists;
  while (open.length > 0) {
    const counts = new Map<number, number>();
    for (const expert of open.flat()) counts.set(expert, (counts.get(expert) ?? 0) + 1);
    const [best] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0] as [number, number];
    chosen.add(best);
    open = open.filter((list) => !list.includes(best));
  }
  return chosen;
}

function joinedOr(names: readonly string[]): string {
  return joined(names).replace(' and ', ' or ');
}
