import { axisIndexAt } from '../../layout/index.ts';
import { hatched } from '../render/marks.ts';
import type { Theme } from '../state/theme.ts';
import { DIFF_CLASSES, type DiffClass, type Pair, readingOf } from './diff.ts';
import type { Paint } from './grid.ts';
import { type Oklab, packOklab } from './oklab.ts';
import { orderedPalette } from './palettes.ts';

/*
 * One lightness for each class, further from the page the further away the element is: the classes keep apart in a grey print and for
 * people who do not tell red from green. What is right stays close to the page.
 */

const LIGHT: Readonly<Record<DiffClass, Oklab>> = {
  right: { L: 0.93, a: -0.01, b: -0.01 },
  line: { L: 0.83, a: 0.01, b: 0.13 },
  lane: { L: 0.71, a: 0.07, b: 0.12 },
  tile: { L: 0.57, a: 0.15, b: 0.06 },
  far: { L: 0.41, a: 0.1, b: -0.09 },
  lost: { L: 0.2, a: 0.01, b: -0.04 },
};

const DARK: Readonly<Record<DiffClass, Oklab>> = {
  right: { L: 0.31, a: -0.01, b: -0.01 },
  line: { L: 0.43, a: 0.04, b: -0.14 },
  lane: { L: 0.55, a: 0.15, b: -0.08 },
  tile: { L: 0.67, a: 0.13, b: 0.07 },
  far: { L: 0.81, a: 0.02, b: 0.14 },
  lost: { L: 0.95, a: 0, b: 0.02 },
};

/** Packed colours of the classes, see Paint. What is lost is hatched as well. */
export function diffColors(theme: Theme): Readonly<Record<DiffClass, number>> {
  const palette = theme === 'light' ? LIGHT : DARK;
  const packed = DIFF_CLASSES.map((name) => {
    const color = packOklab(palette[name]);
    return [name, name === 'lost' ? hatched(color) : color] as const;
  });
  return Object.fromEntries(packed) as Record<DiffClass, number>;
}

/**
 * Colours cells by what becomes of the element that the reader looks for there. Keys are offsets that are read, so that it paints the
 * reader's logical grid, and the memory of both sides.
 */
export function diffPaint(pair: Pair, theme: Theme, text: 'got' | 'asked' = 'got'): Paint {
  const colors = diffColors(theme);
  const { classAt } = readingOf(pair);
  const size = pair.read.layout.storageSize;
  return {
    fill(keys, count, out) {
      for (let at = 0; at < count; at += 1) {
        const key = keys[at] as number;
        out[at] = colors[key < size ? classAt(key) : 'lost'];
      }
    },
    text: textOf(pair, text),
  };
}

/** Steps between the first and the last row. */
const STEPS = 256;

/** The dimension that `rowPaint` shows. */
export function rowPaintAxis({ read, names }: Pair, wrongAxes: readonly number[]): number {
  const last = read.layout.shape.length - 1;
  const rows = Math.max(0, last - 1);
  // A bias has experts and rows, and no columns.
  return wrongAxes.includes(rows) && names[last] !== 'n' ? rows : last;
}

/**
 * Colours cells by the row of the element that lies there, or that the reader takes it for: from the first row of a matrix to its last.
 * A right order is a smooth run, and every other one shows its pattern. Where all rows are right it is the column.
 */
export function rowPaint(pair: Pair, theme: Theme, wrongAxes: readonly number[], side: 'got' | 'asked' = 'got'): Paint {
  const { layout } = side === 'got' ? pair.written : pair.read;
  const axis = rowPaintAxis(pair, wrongAxes);
  const dim = layout.dims[axis] as (typeof layout.dims)[number];
  const palette = orderedPalette(STEPS, theme);
  const none = diffColors(theme).lost;
  const padded = layout.dims.filter(({ size, padded }) => padded > size);
  return {
    fill(keys, count, out) {
      for (let at = 0; at < count; at += 1) {
        const key = keys[at] as number;
        const isElement = key < layout.storageSize && padded.every((other) => axisIndexAt(other, key) < other.size);
        const step = Math.floor((axisIndexAt(dim, key) * STEPS) / dim.size);
        out[at] = isElement ? (palette[step] as number) : none;
      }
    },
    text: textOf(pair, side),
  };
}

/** What a cell says: the coordinate of what lies there, or of what the reader takes it for, and the address. */
function textOf(pair: Pair, side: 'got' | 'asked'): Paint['text'] {
  const shown = side === 'got' ? pair.written.layout : pair.read.layout;
  return (key) => {
    const coord = key < shown.storageSize ? shown.coord(key) : undefined;
    const byte = Math.floor((key * pair.bits) / 8);
    return [coord === undefined ? '–' : coord.join(','), `0x${byte.toString(16)}`];
  };
}
