import type { Cell, Grid } from '../model/grid.ts';
import { type LabelBox, type Margins, RULER_CHARACTER, RULER_FONT_SIZE, shortLabel } from './rulers.ts';
import type { PlotSize, Viewport } from './viewport.ts';

/** What lies over the cells. */
export interface OverlayState {
  readonly cursor: Cell | undefined;
  readonly pins: readonly Cell[];
  /** Rows and columns of related cells, one after the other. */
  readonly related: ArrayLike<number>;
  /** Whether the grid has the keyboard's focus. */
  readonly isFocused: boolean;
  /** Labels of the axes, which give way to those of the cursor. */
  readonly labels: readonly LabelBox[];
}

export interface OverlayColors {
  readonly light: string;
  readonly dark: string;
  readonly accent: string;
  readonly accentText: string;
  readonly focus: string;
  /** Behind the labels of the axes. */
  readonly band: string;
  readonly font: string;
}

/** Cells smaller than this many CSS pixels are marked by a ring around them. */
const RINGED = 7;
/** Related cells of at least this many are framed. */
const FRAMED = 4;
/** In cells of this many, which may hold text, the crosshair is lines beside its row and column. */
const LINED = 12;

/** Draws crosshair, pins and related cells on an empty canvas whose unit is one CSS pixel. */
export function drawOverlay(
  context: CanvasRenderingContext2D,
  grid: Grid,
  viewport: Viewport,
  plot: PlotSize,
  margins: Margins,
  state: OverlayState,
  colors: OverlayColors,
): void {
  const { left, top } = margins;
  const { scale } = viewport;
  const boxOf = ({ row, column }: Cell): Box => ({
    x: left + (column - viewport.column) * scale,
    y: top + (row - viewport.row) * scale,
    size: scale,
  });
  context.save();
  context.beginPath();
  context.rect(left, top, plot.width, plot.height);
  context.clip();
  const cursor = state.cursor === undefined ? undefined : boxOf(state.cursor);
  drawRelated(context, state.related, grid, viewport, plot, margins, colors);
  if (cursor !== undefined) drawCrosshair(context, cursor, grid, viewport, plot, margins, colors);
  for (const pin of state.pins) outline(context, boxOf(pin), colors.accent, colors.light);
  if (cursor !== undefined) outline(context, cursor, state.isFocused ? colors.focus : colors.light, colors.dark);
  for (const [index, pin] of state.pins.entries()) drawBadge(context, boxOf(pin), index + 1, plot, margins, colors);
  context.restore();
  if (state.cursor !== undefined && cursor !== undefined)
    drawAxisLabels(context, grid, state, state.cursor, cursor, plot, margins, colors);
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

function drawCrosshair(
  context: CanvasRenderingContext2D,
  { x, y, size }: Box,
  grid: Grid,
  { row, column, scale }: Viewport,
  plot: PlotSize,
  { left, top }: Margins,
  colors: OverlayColors,
): void {
  const right = Math.min(left + plot.width, left + (grid.columns - column) * scale);
  const bottom = Math.min(top + plot.height, top + (grid.rows - row) * scale);
  context.fillStyle = colors.dark;
  if (size < LINED) {
    context.globalAlpha = size < 3 ? 0.75 : 0.28;
    const band = Math.max(1, size);
    context.fillRect(left, y, right - left, band);
    context.fillRect(x, top, band, bottom - top);
  } else {
    // Text in the cells must stay as readable as it is.
    context.globalAlpha = 0.8;
    for (const edge of [y - 0.5, y + size - 0.5]) context.fillRect(left, Math.round(edge), right - left, 1);
    for (const edge of [x - 0.5, x + size - 0.5]) context.fillRect(Math.round(edge), top, 1, bottom - top);
  }
  context.globalAlpha = 1;
}

/** A frame that shows on every colour: a light line between two dark ones. */
function outline(context: CanvasRenderingContext2D, { x, y, size }: Box, light: string, dark: string): void {
  const frame = (inset: number, width: number, color: string): void => {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    if (size < RINGED) context.arc(x + size / 2, y + size / 2, 6, 0, 2 * Math.PI);
    else context.rect(x - inset, y - inset, size + 2 * inset, size + 2 * inset);
    context.stroke();
  };
  frame(1, 4.5, dark);
  frame(1, 2, light);
}

/** The number of a pin, on the corner of its frame, or as near as the plot's edges permit. */
function drawBadge(
  context: CanvasRenderingContext2D,
  box: Box,
  number: number,
  plot: PlotSize,
  { left, top }: Margins,
  colors: OverlayColors,
): void {
  const isVisible =
    box.x + box.size > left && box.y + box.size > top && box.x < left + plot.width && box.y < top + plot.height;
  if (!isVisible) return;
  const text = String(number);
  const width = Math.max(14, text.length * 7 + 6);
  const half = Math.max(box.size / 2, box.size < RINGED ? 7 : 0);
  const corner = { x: box.x + box.size / 2 + half, y: box.y + box.size / 2 - half };
  const x = Math.min(left + plot.width - width - 1, Math.max(left + 1, corner.x - width / 2));
  const y = Math.min(top + plot.height - 8, Math.max(top + 8, corner.y));
  context.fillStyle = colors.light;
  rounded(context, x - 1, y - 8, width + 2, 16, 8);
  context.fillStyle = colors.accent;
  rounded(context, x, y - 7, width, 14, 7);
  context.fillStyle = colors.accentText;
  context.font = `bold 10px ${colors.font}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, x + width / 2, y + 0.5);
}

function rounded(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  radius: number,
): void {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
  context.fill();
}

/** Related cells, framed where they meet others. Cells too small for that are dots, one for each pixel. */
function drawRelated(
  context: CanvasRenderingContext2D,
  related: ArrayLike<number>,
  grid: Grid,
  viewport: Viewport,
  plot: PlotSize,
  { left, top }: Margins,
  colors: OverlayColors,
): void {
  if (related.length === 0) return;
  const { row: firstRow, column: firstColumn, scale } = viewport;
  const numberOf = (row: number, column: number): number => row * (grid.columns + 1) + column;
  const isFramed = scale >= FRAMED;
  const isIn = new Set<number>();
  const path = new Path2D();
  if (isFramed)
    for (let at = 0; at < related.length; at += 2) isIn.add(numberOf(related[at] as number, related[at + 1] as number));
  const line = (fromX: number, fromY: number, toX: number, toY: number): void => {
    path.moveTo(fromX, fromY);
    path.lineTo(toX, toY);
  };
  for (let at = 0; at < related.length; at += 2) {
    const row = related[at] as number;
    const column = related[at + 1] as number;
    const x = (column - firstColumn) * scale;
    const y = (row - firstRow) * scale;
    if (x < -scale || y < -scale || x > plot.width || y > plot.height) continue;
    if (!isFramed) {
      const pixel = Math.floor(y) * Math.ceil(plot.width + 1) + Math.floor(x);
      if (isIn.has(pixel)) continue;
      isIn.add(pixel);
      const dot = Math.max(2, scale);
      path.rect(left + x + (scale - dot) / 2, top + y + (scale - dot) / 2, dot, dot);
      continue;
    }
    const [x0, y0, x1, y1] = [left + x, top + y, left + x + scale, top + y + scale];
    if (!isIn.has(numberOf(row - 1, column))) line(x0, y0 + 1, x1, y0 + 1);
    if (!isIn.has(numberOf(row + 1, column))) line(x0, y1 - 1, x1, y1 - 1);
    if (column === 0 || !isIn.has(numberOf(row, column - 1))) line(x0 + 1, y0, x0 + 1, y1);
    if (!isIn.has(numberOf(row, column + 1))) line(x1 - 1, y0, x1 - 1, y1);
  }
  if (!isFramed) {
    context.fillStyle = colors.focus;
    context.globalAlpha = 0.8;
    context.fill(path);
    context.globalAlpha = 1;
    return;
  }
  context.lineCap = 'square';
  context.strokeStyle = colors.dark;
  context.lineWidth = 3.5;
  context.stroke(path);
  context.strokeStyle = colors.light;
  context.lineWidth = 1.5;
  context.stroke(path);
}

/** Row and column of the cursor in the bands of the axes. */
function drawAxisLabels(
  context: CanvasRenderingContext2D,
  grid: Grid,
  { labels }: OverlayState,
  { row, column }: Cell,
  { x, y, size }: Box,
  plot: PlotSize,
  { left, top }: Margins,
  colors: OverlayColors,
): void {
  context.font = `${RULER_FONT_SIZE}px ${colors.font}`;
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  const chip = (text: string, centreX: number, centreY: number, width: number): void => {
    context.fillStyle = colors.band;
    for (const label of labels) {
      const meets =
        label.left < centreX + width / 2 + 2 &&
        label.left + label.width > centreX - width / 2 - 2 &&
        label.top < centreY + 8 &&
        label.top + label.height > centreY - 8;
      if (meets) context.fillRect(label.left - 1, label.top, label.width + 2, label.height);
    }
    context.fillStyle = colors.accent;
    rounded(context, centreX - width / 2, centreY - 8, width, 16, 3);
    context.fillStyle = colors.accentText;
    context.fillText(text, centreX, centreY + 0.5);
  };
  const centreX = x + size / 2;
  const centreY = y + size / 2;
  if (centreX >= left && centreX <= left + plot.width) {
    const label = grid.columnLabel(column);
    const width = label.length * RULER_CHARACTER + 8;
    chip(label, Math.max(left + width / 2, Math.min(left + plot.width - width / 2, centreX)), top / 2, width);
  }
  if (centreY >= top && centreY <= top + plot.height) {
    const label = shortLabel(grid.rowLabel(row), Math.floor((left - 8) / RULER_CHARACTER));
    chip(label, left / 2, Math.max(top + 8, Math.min(top + plot.height - 8, centreY)), left - 2);
  }
}
