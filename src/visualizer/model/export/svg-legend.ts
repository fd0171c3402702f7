import { markOf } from '../../render/marks.ts';
import type { ColorLegend } from '../color-legend.ts';
import { cssColor } from '../oklab.ts';
import { svgText, textWidth } from './svg-text.ts';

/** Height of a line of the legend, in pixels. */
const LINE = 20;
const SWATCH = 12;
const BAND = 192;
const GAP = 18;

/** A piece of the legend: its width, and what it draws at a place. */
interface Piece {
  readonly width: number;
  draw(x: number, y: number, text: string, border: string): string;
}

/** Pixels that a legend takes below a picture. */
export function legendHeight(legend: ColorLegend, width: number): number {
  return (flow(legend, width).at(-1)?.y ?? 0) + LINE;
}

/** The legend, broken into lines of a width. */
export function svgLegend(
  legend: ColorLegend,
  place: { readonly x: number; readonly y: number; readonly width: number },
  inks: { readonly text: string; readonly border: string },
): readonly string[] {
  return flow(legend, place.width).map(({ piece, x, y }) =>
    piece.draw(place.x + x, place.y + y, inks.text, inks.border),
  );
}

function flow(legend: ColorLegend, width: number): readonly { piece: Piece; x: number; y: number }[] {
  let x = 0;
  let y = 0;
  return piecesOf(legend).map((piece) => {
    if (x > 0 && x + piece.width > width) {
      x = 0;
      y += LINE;
    }
    const placed = { piece, x, y };
    x += piece.width + GAP;
    return placed;
  });
}

function piecesOf({ title, ramp, entries, note }: ColorLegend): readonly Piece[] {
  const words = (text: string, more = ''): Piece => ({
    width: textWidth(text),
    draw: (x, y, ink) => svgText(x, y + 10, text, ink, more),
  });
  return [
    words(title, 'font-weight="600"'),
    ...(ramp === undefined ? [] : [rampPiece(ramp)]),
    ...entries.map(
      ({ label, color }): Piece => ({
        width: SWATCH + 5 + textWidth(label),
        draw(x, y, ink, border) {
          const box = `x="${x}" y="${y}" width="${SWATCH}" height="${SWATCH}"`;
          const mark = markOf(color);
          return [
            `<rect ${box} fill="${cssColor(color)}" stroke="${border}"/>`,
            mark === 'none' ? '' : `<rect ${box} fill="url(#${mark})"/>`,
            svgText(x + SWATCH + 5, y + 10, label, ink),
          ].join('');
        },
      }),
    ),
    ...(note === undefined ? [] : [words(note)]),
  ];
}

function rampPiece({ colors, low, middle, high }: NonNullable<ColorLegend['ramp']>): Piece {
  const before = low === '' ? 0 : textWidth(low) + 5;
  const after = high === '' ? 0 : 5 + textWidth(high);
  const step = BAND / colors.length;
  return {
    width: before + BAND + after,
    draw(x, y, ink, border) {
      const left = x + before;
      const band = colors.map(
        (color, at) =>
          `<rect x="${(left + at * step).toFixed(2)}" y="${y}" width="${step.toFixed(2)}" height="${SWATCH}" fill="${cssColor(color)}" shape-rendering="crispEdges"/>`,
      );
      const tick = middle === undefined ? '' : svgText(left + BAND / 2, y - 3, middle, ink, 'text-anchor="middle"');
      return [
        low === '' ? '' : svgText(x, y + 10, low, ink),
        ...band,
        `<rect x="${left}" y="${y}" width="${BAND}" height="${SWATCH}" fill="none" stroke="${border}" stroke-width="0.5"/>`,
        tick,
        high === '' ? '' : svgText(left + BAND + 5, y + 10, high, ink),
      ].join('');
    },
  };
}
