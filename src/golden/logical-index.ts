import type { Layout } from '../layout/layout.ts';

/**
 * Returns a function from storage offset to row-major logical index, `undefined` for padding. Free for layouts that
 * already are row-major.
 */
export function logicalIndexer(layout: Layout): (offset: number) => number | undefined {
  if (layout.id === 'row-major') return (offset) => offset;
  const { shape } = layout;
  return (offset) => layout.coord(offset)?.reduce((index, value, axis) => index * (shape[axis] ?? 1) + value, 0);
}
