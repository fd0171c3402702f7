import type { Grid, Paint } from '../model/grid.ts';
import { contrast } from '../model/oklab.ts';
import { cellDetail, fittingLines } from './lod.ts';
import { opaque } from './marks.ts';
import { type Picture, RowReader } from './raster.ts';
import { axisSamples, type Region } from './samples.ts';
import type { RasterView } from './viewport.ts';

/** Characters of a fixed width as coverage, 0 to 255 a pixel. */
export interface Glyphs {
  /** Device pixels. */
  readonly width: number;
  readonly height: number;
  /** `width * height` entries, row by row. */
  alphaOf(character: string): Uint8Array;
}

/** Device pixels between a cell's border and its text. */
const PADDING = 2;

/** Writes code, value and address into the cells of a region, where they are large enough; see `cellDetail`. */
export function drawCellTexts(
  grid: Grid,
  paint: Paint,
  view: RasterView,
  picture: Picture,
  region: Region,
  glyphs: Glyphs,
  ratio: number,
): void {
  const detail = cellDetail(view.cell / ratio);
  if (detail !== 'code' && detail !== 'text') return;
  // Characters are whole or not there; a cell at the region's edge is written where the region has it.
  const columns = axisSamples(view.originX, view.cell, grid.columns, region.left, region.right, 1);
  const rows = axisSamples(view.originY, view.cell, grid.rows, region.top, region.bottom, 1);
  const room = view.cell - 2 * PADDING;
  const perLine = Math.floor(room / glyphs.width);
  const lines = detail === 'code' ? 1 : Math.floor(room / glyphs.height);
  if (perLine < 1 || lines < 1 || columns.count === 0 || rows.count === 0) return;
  const reader = new RowReader(grid, paint, columns);
  for (let atRow = 0; atRow < rows.count; atRow += 1) {
    const row = rows.cells[atRow] as number;
    const colors = reader.colorsOf(row).slice(0, columns.count);
    for (let at = 0; at < columns.count; at += 1) {
      const color = colors[at] as number;
      if (color === 0) continue;
      const column = columns.cells[at] as number;
      const texts = fittingLines(paint.text(grid.keyAt(row, column)), perLine, lines);
      const centreX = (column + 0.5) * view.cell - view.originX;
      const top = (row + 0.5) * view.cell - view.originY - (texts.length * glyphs.height) / 2;
      for (const [index, text] of texts.entries()) {
        const left = Math.round(centreX - (text.length * glyphs.width) / 2);
        writeText(picture, region, glyphs, text, left, Math.round(top + index * glyphs.height), textColor(color));
      }
    }
  }
}

const BLACK = 0xff000000;
const WHITE = 0xffffffff;
const inks = new Map<number, number>();

/** Black or white, whichever contrasts more with a cell: at least 4.5 to 1. */
export function textColor(color: number): number {
  let ink = inks.get(color);
  if (ink === undefined) {
    if (inks.size > 4096) inks.clear();
    const cell = opaque(color);
    ink = contrast(cell, BLACK) >= contrast(cell, WHITE) ? BLACK : WHITE;
    inks.set(color, ink);
  }
  return ink;
}

function writeText(
  { data, width }: Picture,
  region: Region,
  glyphs: Glyphs,
  text: string,
  left: number,
  top: number,
  ink: number,
): void {
  const light = ink & 0xff;
  const y0 = Math.max(region.top, top);
  const y1 = Math.min(region.bottom, top + glyphs.height);
  for (let index = 0; index < text.length; index += 1) {
    const glyphLeft = left + index * glyphs.width;
    const x0 = Math.max(region.left, glyphLeft);
    const x1 = Math.min(region.right, glyphLeft + glyphs.width);
    if (x1 <= x0) continue;
    const alpha = glyphs.alphaOf(text[index] as string);
    for (let y = y0; y < y1; y += 1) {
      const line = (y - top) * glyphs.width - glyphLeft;
      for (let x = x0; x < x1; x += 1) {
        const cover = alpha[line + x] as number;
        if (cover === 0) continue;
        const at = y * width + x;
        data[at] = cover === 255 ? ink : mix(data[at] as number, light, cover);
      }
    }
  }
}

/** A colour with gray `light` over it. */
function mix(under: number, light: number, cover: number): number {
  const red = under & 0xff;
  const green = (under >>> 8) & 0xff;
  const blue = (under >>> 16) & 0xff;
  return (
    (0xff000000 |
      ((blue + (((light - blue) * cover) >> 8)) << 16) |
      ((green + (((light - green) * cover) >> 8)) << 8) |
      (red + (((light - red) * cover) >> 8))) >>>
    0
  );
}
