import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asI32 } from '../tensor/views.ts';

/** Experts that some token is sent to, ascending. */
export function busyExperts(ids: Tensor | undefined, experts: number): readonly number[] {
  if (ids === undefined) return [];
  return [...new Set(asI32(ids))].filter((id) => id >= 0 && id < experts).sort((a, b) => a - b);
}

/**
 * Routes [T, topk] among the experts that stay, renumbered. A route to another expert goes to the first one that its token is not sent
 * to yet, so that the experts of a token stay distinct; a route to no expert stays one.
 * @returns undefined where a token has more routes than experts stay
 */
export function mergeRoutes(ids: Tensor, kept: readonly number[], experts: number): Tensor | undefined {
  const [, topk = 0] = ids.layout.shape;
  if (topk > kept.length) return undefined;
  const given = asI32(ids);
  const merged = new Int32Array(given.length);
  for (let start = 0; start < given.length; start += topk) {
    const routes = given.subarray(start, start + topk);
    const used = new Set(Array.from(routes, (id) => kept.indexOf(id)));
    routes.forEach((id, slot) => {
      merged[start + slot] = id < 0 || id >= experts ? -1 : renumbered(kept.indexOf(id), used, kept.length);
    });
  }
  return tensor(ids.name, ids.type, ids.layout, asBytes(merged), ids.scaling);
}

function renumbered(position: number, used: Set<number>, count: number): number {
  if (position >= 0) return position;
  let free = 0;
  while (free < count - 1 && used.has(free)) free += 1;
  used.add(free);
  return free;
}
