import type { Layout } from '../../layout/index.ts';
import type { Scene } from './scene.ts';

type Pins = Scene['pins'];

/** Most pins; a picture with more says nothing. */
export const MOST_PINS = 32;

/** Pins after a click on an element: it alone, or with `add` it beside the others; once more takes it away. Padding cannot be pinned. */
export function pinned(pins: Pins, layout: Layout, key: number, add: boolean): Pins {
  const coord = layout.coord(key);
  if (coord === undefined) return pins;
  const others = pins.filter((pin) => pin.length !== coord.length || pin.some((at, axis) => at !== coord[axis]));
  const isPinned = others.length < pins.length;
  if (add) return isPinned ? others : [...others.slice(-(MOST_PINS - 1)), coord];
  return isPinned && pins.length === 1 ? [] : [coord];
}

/** The pins that lie in a tensor of another shape. */
export function pinsWithin(pins: Pins, shape: readonly number[]): Pins {
  return pins.filter(
    (pin) => pin.length === shape.length && pin.every((at, axis) => at >= 0 && at < (shape[axis] as number)),
  );
}
