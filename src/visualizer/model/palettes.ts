import { crossed, hatched } from '../render/marks.ts';
import type { Theme } from '../state/theme.ts';
import { type Oklab, packOklab } from './oklab.ts';

/*
 * Palettes that keep their classes apart in lightness and on the blue-yellow axis, which red-green colour blindness leaves alone. Text
 * over any of them is black or white, whichever contrasts more (at least 4.5 to 1). Packed colours, see Paint.
 */

/** Colours that mean the same in every mode. */
export interface CommonColors {
  /** Padding of the layout; hatched. */
  readonly padding: number;
  /** Codes that are not a number; crossed. */
  readonly nan: number;
  /** Elements that the mode says nothing about. */
  readonly none: number;
}

const COMMON: Readonly<Record<Theme, CommonColors>> = {
  light: {
    padding: hatched(gray(0.84)),
    nan: crossed(packOklab({ L: 0.5, a: 0.22, b: 0.02 })),
    none: gray(0.9),
  },
  dark: {
    padding: hatched(gray(0.36)),
    nan: crossed(packOklab({ L: 0.62, a: 0.24, b: 0.02 })),
    none: gray(0.3),
  },
};

export function commonColors(theme: Theme): CommonColors {
  return COMMON[theme];
}

/**
 * Classes in a circle, for numbers that wrap around such as lanes: a closed curve through dark, yellow, light and blue. Neighbours
 * differ a little, classes a quarter of the circle apart a lot.
 */
export function cyclicPalette(count: number, theme: Theme): Uint32Array {
  const [middle, radius] = theme === 'light' ? [0.68, 0.23] : [0.6, 0.23];
  return Uint32Array.from({ length: count }, (_, index) => {
    const turn = (2 * Math.PI * index) / count;
    return packOklab({
      L: middle - radius * Math.cos(turn),
      a: 0.05 * Math.sin(2 * turn + 0.6),
      b: 0.13 * Math.sin(turn) - 0.015,
    });
  });
}

/** Classes with an order, as registers: dark blue to light yellow; in the dark theme the same, less dark and less light. */
export function orderedPalette(count: number, theme: Theme): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) =>
    orderedColor(count === 1 ? 0.5 : index / (count - 1), theme),
  );
}

const ORDERED: readonly Oklab[] = [
  { L: 0.33, a: 0.02, b: -0.13 },
  { L: 0.47, a: -0.03, b: -0.09 },
  { L: 0.6, a: -0.07, b: -0.02 },
  { L: 0.75, a: -0.06, b: 0.08 },
  { L: 0.92, a: -0.02, b: 0.15 },
];

/**
 * @param at 0 to 1
 * @param lighter added to the lightness
 */
export function orderedColor(at: number, theme: Theme, lighter = 0): number {
  const { L, a, b } = along(ORDERED, at);
  return packOklab({ L: lighter + (theme === 'light' ? L : 0.08 + 0.86 * L), a, b });
}

/** Eight classes without an order, every two apart for everyone: alternately light and dark, warm and cold. */
const CLASSES: Readonly<Record<Theme, readonly Oklab[]>> = {
  light: [
    { L: 0.45, a: -0.03, b: -0.11 },
    { L: 0.83, a: 0.02, b: 0.13 },
    { L: 0.75, a: -0.05, b: -0.08 },
    { L: 0.56, a: 0.11, b: 0.09 },
    { L: 0.94, a: -0.02, b: 0.09 },
    { L: 0.36, a: 0.07, b: 0.03 },
    { L: 0.66, a: -0.1, b: 0.02 },
    { L: 0.62, a: 0.06, b: -0.13 },
  ],
  dark: [
    { L: 0.42, a: -0.02, b: -0.12 },
    { L: 0.79, a: 0.02, b: 0.14 },
    { L: 0.71, a: -0.05, b: -0.09 },
    { L: 0.57, a: 0.1, b: 0.1 },
    { L: 0.9, a: -0.02, b: 0.06 },
    { L: 0.46, a: 0.108, b: 0.087 },
    { L: 0.63, a: -0.1, b: 0.03 },
    { L: 0.58, a: 0.06, b: -0.13 },
  ],
};

export const CLASS_COUNT = 8;

export function classPalette(theme: Theme): Uint32Array {
  return Uint32Array.from(CLASSES[theme], packOklab);
}

const COLD: readonly Oklab[] = [
  { L: 0.8, a: -0.03, b: -0.06 },
  { L: 0.62, a: -0.03, b: -0.13 },
  { L: 0.4, a: 0.0, b: -0.15 },
];
const WARM: readonly Oklab[] = [
  { L: 0.84, a: 0.03, b: 0.08 },
  { L: 0.7, a: 0.09, b: 0.13 },
  { L: 0.47, a: 0.12, b: 0.09 },
];

/** @param at -1 (blue) over 0 (nearly the background) to 1 (orange) */
export function divergingColor(at: number, theme: Theme): number {
  if (at === 0) return packOklab({ L: theme === 'light' ? 0.97 : 0.26, a: 0, b: 0 });
  const branch = at < 0 ? COLD : WARM;
  const size = Math.min(1, Math.abs(at));
  // Far from zero is far from the background: dark in the light theme, light in the dark one.
  const { L, a, b } = along(branch, theme === 'light' ? size : 1 - size);
  return packOklab({ L: theme === 'light' ? L : 0.02 + 0.95 * L, a, b });
}

function along(stops: readonly Oklab[], at: number): Oklab {
  const place = Math.min(1, Math.max(0, at)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  const [from, to] = [stops[index] as Oklab, stops[index + 1] as Oklab];
  const part = place - index;
  const mix = (one: number, other: number): number => one + (other - one) * part;
  return { L: mix(from.L, to.L), a: mix(from.a, to.a), b: mix(from.b, to.b) };
}

function gray(L: number): number {
  return packOklab({ L, a: 0, b: 0 });
}
