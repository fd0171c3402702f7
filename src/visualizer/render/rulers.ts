import type { Grid } from '../model/grid.ts';
import type { PlotSize, Viewport } from './viewport.ts';

/** CSS pixels of the bands that the axis labels are in. */
export interface Margins {
  readonly left: number;
  readonly top: number;
}

export const RULER_FONT_SIZE = 10.5;
/** Width of a character of the ruler's monospace font, in CSS pixels. */
export const RULER_CHARACTER = 6.35;
const TOP = 18;
const LABEL_SPACE = 10;
/** Largest share of the canvas for row labels. */
const LARGEST_SHARE = 0.28;

/** Room for the labels of a grid: wide enough for its longest row label, if the canvas is. */
export function rulerMargins(grid: Grid, width: number): Margins {
  const rows = [0, Math.floor(grid.rows / 2), grid.rows - 1];
  const longest = Math.max(...rows.map((row) => grid.rowLabel(row).length));
  const wanted = Math.ceil(longest * RULER_CHARACTER) + LABEL_SPACE;
  return { left: Math.min(wanted, Math.max(44, Math.floor(width * LARGEST_SHARE))), top: TOP };
}

/** The last words of a label that fit: of `e=3 n=517` at least `n=517`. */
export function shortLabel(label: string, characters: number): string {
  let text = label;
  while (text.length > characters && text.includes(' ')) text = text.slice(text.indexOf(' ') + 1);
  return text;
}

/**
 * Rows or columns to label: every power of two that leaves `spacing` pixels between labels. Counting begins anew with every block of
 * `block` cells, an expert; when those get small, only their beginnings are labelled.
 *
 * @param from first visible cell, @param to one past the last
 * @param scale CSS pixels a cell
 */
export function ticks(from: number, to: number, scale: number, spacing: number, block: number): readonly number[] {
  const first = Math.max(0, Math.floor(from));
  const last = Math.ceil(to) - 1;
  if (last < first) return [];
  const least = Math.max(1, spacing / scale);
  if (least > block / 2) {
    const step = block * 2 ** Math.max(0, Math.ceil(Math.log2(least / block)));
    return multiples(first, last, step);
  }
  const step = 2 ** Math.ceil(Math.log2(least));
  const found: number[] = [];
  for (let start = Math.floor(first / block) * block; start <= last; start += block) {
    // The last label of a block must leave room for the first of the next.
    const end = Math.min(last, start + block - least);
    if (start >= first && start <= last) found.push(start);
    for (const at of multiples(Math.max(first - start, step), end - start, step)) found.push(start + at);
  }
  return found;
}

function multiples(first: number, last: number, step: number): readonly number[] {
  const found: number[] = [];
  for (let at = Math.ceil(first / step) * step; at <= last; at += step) found.push(at);
  return found;
}

export interface RulerColors {
  readonly background: string;
  readonly text: string;
  readonly line: string;
  readonly font: string;
}

/** Where a label is, in CSS pixels. */
export interface LabelBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Draws both axes into the bands of a canvas whose unit is one CSS pixel.
 * @returns the labels' places
 */
export function drawRulers(
  context: CanvasRenderingContext2D,
  grid: Grid,
  viewport: Viewport,
  plot: PlotSize,
  { left, top }: Margins,
  colors: RulerColors,
): readonly LabelBox[] {
  const boxes: LabelBox[] = [];
  const { row, column, scale } = viewport;
  const right = Math.min(plot.width, (grid.columns - column) * scale);
  const bottom = Math.min(plot.height, (grid.rows - row) * scale);
  context.fillStyle = colors.background;
  context.fillRect(0, 0, left + plot.width, top);
  context.fillRect(0, 0, left, top + plot.height);
  context.font = `${RULER_FONT_SIZE}px ${colors.font}`;
  context.textBaseline = 'middle';
  const expert = grid.blocks.find(({ kind }) => kind === 'expert');
  const widest = grid.columnLabel(grid.columns - 1).length * RULER_CHARACTER;
  const columnTicks = ticks(column, column + right / scale, scale, widest + 14, grid.columns);
  context.textAlign = 'left';
  for (const at of columnTicks) {
    const x = left + (at - column) * scale;
    const label = grid.columnLabel(at);
    const wide = label.length * RULER_CHARACTER;
    const isCentred = scale >= wide;
    const textX = isCentred ? x + (scale - wide) / 2 : x + 3;
    if (!isCentred && x >= left) {
      context.fillStyle = colors.line;
      context.fillRect(Math.round(x), top - 8, 1, 8);
    }
    context.fillStyle = colors.text;
    if (textX < left - 1 || textX + wide > left + plot.width) continue;
    context.fillText(label, textX, top / 2);
    boxes.push({ left: textX, top: 0, width: wide, height: top - 1 });
  }
  context.textAlign = 'right';
  const characters = Math.floor((left - LABEL_SPACE + 2) / RULER_CHARACTER);
  for (const at of ticks(row, row + bottom / scale, scale, 20, expert?.rows ?? grid.rows)) {
    const y = top + (at - row) * scale;
    const isCentred = scale >= 12;
    const textY = isCentred ? y + scale / 2 : y + 1;
    if (!isCentred && y >= top) {
      context.fillStyle = colors.line;
      context.fillRect(left - 4, Math.round(y), 4, 1);
    }
    context.fillStyle = colors.text;
    const inside = Math.max(top + 6, textY);
    if (textY <= top - 6 || inside >= top + plot.height - 5 || textY > top + bottom) continue;
    const label = shortLabel(grid.rowLabel(at), characters);
    context.fillText(label, left - 6, inside);
    const wide = label.length * RULER_CHARACTER;
    boxes.push({ left: left - 6 - wide, top: inside - 6, width: wide, height: 12 });
  }
  return boxes;
}
