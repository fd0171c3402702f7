import { describe, expect, it } from 'vitest';
import { contrast, linearOf, oklabOf } from '../../../src/visualizer/model/oklab.ts';
import {
  classPalette,
  commonColors,
  cyclicPalette,
  divergingColor,
  orderedPalette,
} from '../../../src/visualizer/model/palettes.ts';
import { textColor } from '../../../src/visualizer/render/cell-text.ts';
import { opaque } from '../../../src/visualizer/render/marks.ts';

const THEMES = ['light', 'dark'] as const;

type Matrix = readonly (readonly [number, number, number])[];

/** What people without one of the receptors see, in linear light. Source: Machado, Oliveira, Fernandes (2009), severity 1. */
const VISION: Readonly<Record<string, Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
};

/** Distance in OKLab between two colours as seen; 0.02 is about the least that is noticed side by side. */
function distance(one: number, other: number, matrix: Matrix): number {
  const seen = (color: number): readonly [number, number, number] => {
    const [red, green, blue] = linearOf(color);
    const channel = (row: number): number => {
      const [a, b, c] = matrix[row] as readonly [number, number, number];
      return Math.min(1, Math.max(0, a * red + b * green + c * blue));
    };
    return [channel(0), channel(1), channel(2)];
  };
  const from = oklabOf(seen(one));
  const to = oklabOf(seen(other));
  return Math.hypot(from.L - to.L, from.a - to.a, from.b - to.b);
}

function pairs(palette: readonly number[]): (readonly [number, number])[] {
  return palette.flatMap((one, at) => palette.slice(at + 1).map((other) => [one, other] as const));
}

describe.each(THEMES)('palettes of the %s theme', (theme) => {
  describe.each(Object.entries(VISION))('with %s vision', (_name, matrix) => {
    it('keep any two of the eight classes apart, and padding from all', () => {
      const { padding, none } = commonColors(theme);
      for (const [one, other] of pairs([...classPalette(theme)]))
        expect(distance(one, other, matrix)).toBeGreaterThan(0.085);
      for (const color of classPalette(theme)) {
        expect(distance(color, padding, matrix)).toBeGreaterThan(0.06);
        expect(distance(color, none, matrix)).toBeGreaterThan(0.06);
      }
    });
    it('keep lanes apart: neighbours a little, those of other groups of 16 a lot', () => {
      const lanes = cyclicPalette(64, theme);
      const at = (lane: number): number => lanes[lane % 64] as number;
      for (let lane = 0; lane < 64; lane += 1) {
        expect(distance(at(lane), at(lane + 1), matrix)).toBeGreaterThan(0.008);
        expect(distance(at(lane), at(lane + 4), matrix)).toBeGreaterThan(0.04);
        expect(distance(at(lane), at(lane + 16), matrix)).toBeGreaterThan(0.15);
        expect(distance(at(lane), at(lane + 32), matrix)).toBeGreaterThan(0.2);
      }
    });
    it('order registers by lightness', () => {
      const seen = [...orderedPalette(16, theme)];
      for (let at = 1; at < 16; at += 1) {
        expect(oklabOf(linearOf(seen[at] as number)).L).toBeGreaterThan(oklabOf(linearOf(seen[at - 1] as number)).L);
        expect(distance(seen[at] as number, seen[at - 1] as number, matrix)).toBeGreaterThan(0.02);
      }
    });
    it('tell the sign and size of a value', () => {
      for (let at = 0.16; at <= 1; at += 0.12) {
        expect(distance(divergingColor(at, theme), divergingColor(-at, theme), matrix)).toBeGreaterThan(0.1);
        expect(distance(divergingColor(at, theme), divergingColor(0, theme), matrix)).toBeGreaterThan(0.1);
      }
    });
  });

  it('let black or white text be read on every colour', () => {
    const { padding, nan, none } = commonColors(theme);
    const all = [
      ...cyclicPalette(64, theme),
      ...classPalette(theme),
      ...orderedPalette(64, theme),
      ...Array.from({ length: 65 }, (_, at) => divergingColor((at - 32) / 32, theme)),
      padding,
      nan,
      none,
    ];
    for (const color of all) expect(contrast(textColor(color), opaque(color))).toBeGreaterThanOrEqual(4.5);
  });
});
