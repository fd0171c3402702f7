import { PreshuffleError } from '../errors.ts';
import type { Layout } from './layout.ts';

/** @throws PreshuffleError when the two are bound to different shapes */
export function requireSameShape(a: Layout, b: Layout): void {
  if (a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis])) return;
  throw new PreshuffleError(
    'layout-shapes',
    `layouts ${a.id} [${a.shape.join(', ')}] and ${b.id} [${b.shape.join(', ')}] are bound to different shapes; bind both to one.`,
  );
}
