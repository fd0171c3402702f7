import type { Layout } from './layout.ts';
import { ShapeRejectedError } from './notation.ts';

/** Whether a layout stores as the one that `make` gives; not when that one does not take the shape. */
export function matches(layout: Layout, make: () => Layout): boolean {
  try {
    return layout.equals(make());
  } catch (error) {
    if (error instanceof ShapeRejectedError) return false;
    throw error;
  }
}
