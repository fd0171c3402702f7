/*
 * A paint gives one colour a cell. What must be told apart without colour, padding and NaN, is marked in the colour's alpha: the
 * painter draws a pattern there where a cell is large enough, and makes the pixel opaque.
 */

const PADDING_ALPHA = 0xfe;
const NAN_ALPHA = 0xfd;

/** The colour of padding: hatched. */
export function hatched(color: number): number {
  return ((color & 0xffffff) | (PADDING_ALPHA << 24)) >>> 0;
}

/** The colour of a code that is not a number: crossed. */
export function crossed(color: number): number {
  return ((color & 0xffffff) | (NAN_ALPHA << 24)) >>> 0;
}

export type Mark = 'none' | 'hatch' | 'cross';

/** The pattern that belongs to a colour. */
export function markOf(color: number): Mark {
  const alpha = color >>> 24;
  return alpha === PADDING_ALPHA ? 'hatch' : alpha === NAN_ALPHA ? 'cross' : 'none';
}

/** The colour without its mark. */
export function opaque(color: number): number {
  return (color | 0xff000000) >>> 0;
}
