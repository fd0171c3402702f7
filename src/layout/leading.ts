import type { Layout } from './layout.ts';
import { bindPattern, parsePattern, ShapeRejectedError } from './notation.ts';

/**
 * Binds a pattern over the last dimensions of a shape; each leading dimension (experts) is stored outermost and untouched,
 * as `view(-1, …)` does in the sources.
 */
export function bindTrailing<Id extends string>(
  id: Id,
  dims: string,
  order: string,
  trailing: number,
  shape: readonly number[],
  storageShape?: readonly number[],
): Layout<Id> {
  const leading = shape.length - trailing;
  if (leading < 0)
    throw new ShapeRejectedError(id, shape, `it has ${shape.length} dimensions, expected at least ${trailing}.`);
  const names = Array.from({ length: leading }, (_, axis) => (leading === 1 ? 'e' : `b${axis}`));
  const pattern = parsePattern(`${names.map((name) => `(${name})`).join(' ')} ${dims} -> ${names.join(' ')} ${order}`);
  return bindPattern(pattern, shape, { id, ...(storageShape === undefined ? {} : { storageShape }) });
}
