import type { Layout } from '../layout/layout.ts';
import { parseLayout } from '../layout/notation.ts';
import type { LayoutRef } from './plan.ts';

export function layoutRef(layout: Layout): LayoutRef {
  return { id: layout.id, shape: layout.shape, notation: String(layout) };
}

/** @throws NotationError when the notation was edited by hand and is wrong */
export function layoutOf(ref: LayoutRef): Layout {
  return parseLayout(ref.notation, ref.id);
}
