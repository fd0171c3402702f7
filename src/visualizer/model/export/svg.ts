import { markOf } from '../../render/marks.ts';
import type { GridBlock } from '../grid.ts';
import { cssColor } from '../oklab.ts';
import { inkOn, type Picture, type Run, runsOf, windowColors } from './picture.ts';
import { legendHeight, svgLegend } from './svg-legend.ts';
import { ADVANCE, escapeXml, SMALL, SVG_FONT, svgText, textWidth } from './svg-text.ts';

/** Rectangles that viewers still draw quickly; denser cells are embedded as one raster. */
export const MAX_RUNS = 20_000;

/** Cells whose colours are read one by one to find rectangles; larger windows are a raster at once. */
const MAX_CELLS = 250_000;

/** Cells whose texts are written. */
const MAX_TEXTS = 4096;

const PAD = 16;
const TITLE = 16;
const LINE = 16;

/** Where the cells lie in the picture, and its size; all in pixels. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Sizes of a picture. */
export function frameOf(picture: Picture): Frame {
  const { window, cell, lines, title } = picture;
  const labels = rowLabels(picture).map(({ text }) => textWidth(text));
  const left = PAD + Math.max(0, ...labels) + 8;
  const top = PAD + TITLE + 6 + lines.length * LINE + 22;
  const inner = Math.max(window.columns * cell, textWidth(title, TITLE), ...lines.map((line) => textWidth(line)), 360);
  const width = Math.ceil(left + inner + PAD);
  const legend = legendHeight(picture.legend, width - left - PAD);
  return { left, top, width, height: Math.ceil(top + window.rows * cell + 18 + legend + LINE + PAD) };
}

/**
 * The picture as a file of its own: title, axes, borders and texts as vectors; dense cells as one embedded PNG.
 * @param cells `auto` writes rectangles and falls back to the raster above `MAX_RUNS`; `none` leaves cells, patterns and borders
 * out, for who paints them underneath
 * @param raster data URL of a PNG of the cells; asked for only when needed
 */
export function svgOf(picture: Picture, cells: 'auto' | 'none', raster: () => string = () => ''): string {
  const { window, cell, title, lines, link, inks } = picture;
  const frame = frameOf(picture);
  const { left, top, width, height } = frame;
  const right = left + window.columns * cell;
  const bottom = top + window.rows * cell;
  const isLarge = window.rows * window.columns > MAX_CELLS;
  const colors = isLarge ? new Uint32Array(0) : windowColors(picture, window);
  const runs = cells === 'none' || isLarge ? [] : runsOf(colors, window);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="${SVG_FONT}" font-size="${SMALL}">`,
    `<title>${escapeXml(`${title}: ${lines.join('; ')}`)}</title>`,
    `<defs>${pattern('hatch', 'M-1 1L1 -1M0 6L6 0M5 7L7 5')}${pattern('cross', 'M0 0L6 6M0 6L6 0')}</defs>`,
    ...(cells === 'none' ? [] : [`<rect width="${width}" height="${height}" fill="${inks.background}"/>`]),
    svgText(PAD, PAD + TITLE - 2, title, inks.text, `font-size="${TITLE}" font-weight="600"`),
    ...lines.map((line, at) => svgText(PAD, PAD + TITLE + 6 + (at + 1) * LINE - 4, line, inks.muted)),
  ];
  if (cells === 'auto' && (isLarge || runs.length > MAX_RUNS)) {
    parts.push(
      `<image x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" preserveAspectRatio="none" style="image-rendering:pixelated" href="${raster()}"/>`,
    );
  } else parts.push('<g shape-rendering="crispEdges">', ...runs.map((run) => rectangle(run, frame, cell)), '</g>');
  parts.push(...marks(runs, frame, cell), ...texts(picture, frame, colors));
  if (cells === 'auto') parts.push(...borders(picture, frame));
  parts.push(
    `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" stroke="${inks.border}"/>`,
  );
  for (const { text: label, at } of rowLabels(picture))
    parts.push(svgText(left - 6, top + (at - window.row + 0.5) * cell + 4, label, inks.muted, 'text-anchor="end"'));
  for (const { text: label, at } of columnLabels(picture))
    parts.push(svgText(left + (at - window.column) * cell + 1, top - 5, label, inks.muted));
  parts.push(...svgLegend(picture.legend, { x: left, y: bottom + 18, width: width - left - PAD }, inks));
  parts.push(
    `<a href="${escapeXml(link)}">${svgText(PAD, height - PAD, clipped(link, width), inks.muted)}</a>`,
    '</svg>',
  );
  return `${parts.join('\n')}\n`;
}

function rectangle({ row, column, rows, columns, color }: Run, { left, top }: Frame, cell: number): string {
  return `<rect x="${left + column * cell}" y="${top + row * cell}" width="${columns * cell}" height="${rows * cell}" fill="${cssColor(color)}"/>`;
}

/** Patterns over padding and NaN, so that they are not told by colour alone. */
function marks(runs: readonly Run[], { left, top }: Frame, cell: number): readonly string[] {
  if (cell < 3) return [];
  return runs
    .filter(({ color }) => markOf(color) !== 'none')
    .slice(0, MAX_RUNS)
    .map(
      ({ row, column, rows, columns, color }) =>
        `<rect x="${left + column * cell}" y="${top + row * cell}" width="${columns * cell}" height="${rows * cell}" fill="url(#${markOf(color)})"/>`,
    );
}

function pattern(id: string, path: string): string {
  return `<pattern id="${id}" width="6" height="6" patternUnits="userSpaceOnUse"><path d="${path}" stroke="#000" stroke-opacity="0.55"/></pattern>`;
}

function texts({ grid, paint, window, cell }: Picture, { left, top }: Frame, colors: Uint32Array): readonly string[] {
  const { rows, columns } = window;
  if (cell < 24 || rows * columns > MAX_TEXTS) return [];
  const parts: string[] = [];
  const room = Math.max(1, Math.floor((cell - 4) / 11));
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const key = grid.keyAt(window.row + row, window.column + column);
      if (key === -1) continue;
      const ink = inkOn(colors[row * columns + column] as number);
      const shown = paint.text(key).slice(0, room);
      shown.forEach((line, at) => {
        const size = Math.min(10, (cell - 4) / (line.length * ADVANCE));
        if (size < 4.5) return;
        const y = top + (row + 0.5) * cell + (at - (shown.length - 1) / 2) * 11 + 3.5;
        parts.push(
          svgText(left + (column + 0.5) * cell, y, line, ink, `text-anchor="middle" font-size="${size.toFixed(1)}"`),
        );
      });
    }
  }
  return parts;
}

const STROKES: Readonly<Record<GridBlock['kind'], number>> = { expert: 2, scale: 1.4, tile: 1, line: 0.6 };

function borders({ grid, window, cell, inks }: Picture, { left, top }: Frame): readonly string[] {
  const { row, column, rows, columns } = window;
  return grid.blocks.map((block) => {
    const steps: string[] = [];
    const step = (size: number, begin: number, count: number, line: (at: number) => string): void => {
      if (size * cell < 4 || size >= Number.MAX_SAFE_INTEGER) return;
      for (let at = Math.ceil((begin + 1) / size) * size; at < begin + count; at += size)
        steps.push(line((at - begin) * cell));
    };
    if (block.rows > 1 || block.kind !== 'line')
      step(block.rows, row, rows, (at) => `M${left} ${top + at}h${columns * cell}`);
    step(block.columns, column, columns, (at) => `M${left + at} ${top}v${rows * cell}`);
    if (steps.length === 0) return '';
    return `<path d="${steps.join('')}" fill="none" stroke="${inks.border}" stroke-width="${STROKES[block.kind]}"/>`;
  });
}

interface AxisLabel {
  readonly at: number;
  readonly text: string;
}

function rowLabels({ grid, window, cell }: Picture): readonly AxisLabel[] {
  const step = niceStep(14 / cell);
  return labels(window.row, window.rows, step, grid.rowLabel);
}

function columnLabels({ grid, window, cell }: Picture): readonly AxisLabel[] {
  const longest = grid.columnLabel(window.column + window.columns - 1).length;
  const step = niceStep(((longest + 2) * SMALL * ADVANCE) / cell);
  // The last label must not stick out of the grid.
  return labels(window.column, window.columns, step, grid.columnLabel).filter(
    ({ at }) => at === window.column || at + step <= window.column + window.columns,
  );
}

function labels(begin: number, count: number, step: number, name: (at: number) => string): readonly AxisLabel[] {
  const first = Math.ceil(begin / step) * step;
  const found: AxisLabel[] = [];
  for (let at = first; at < begin + count; at += step) found.push({ at, text: name(at) });
  return found;
}

/** The next power of two: sizes of tiles are, too. */
function niceStep(cells: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(cells)));
}

function clipped(link: string, width: number): string {
  const room = Math.floor((width - 2 * PAD) / (SMALL * ADVANCE));
  return link.length <= room ? link : `${link.slice(0, Math.max(0, room - 1))}…`;
}
