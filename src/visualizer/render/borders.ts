import type { Grid, GridBlock } from '../model/grid.ts';
import { BLOCK_BORDER, showsBlock } from './lod.ts';
import type { Picture } from './raster.ts';
import { firstPixel, type Region } from './samples.ts';
import type { RasterView } from './viewport.ts';

/** How strong a border is: share of the border colour. */
const STRENGTH: Readonly<Record<GridBlock['kind'], number>> = { expert: 0.9, tile: 0.6, scale: 0.45, line: 0.3 };
const CELL_STRENGTH = 0.14;
/** Blocks of this many CSS pixels have borders of full strength; the smallest that have any, of this share of it. */
const FULL_SIZE = 24;
const LEAST_SHARE = 0.3;
/** Cells of at least this many CSS pixels are separated by lines. */
const SEPARATED = 10;

/**
 * Lines between the blocks of a grid, and between cells that are large enough, blended into a picture.
 * @param color packed colour of borders
 * @param ratio device pixels a CSS pixel
 */
export function drawBorders(
  grid: Grid,
  view: RasterView,
  picture: Picture,
  region: Region,
  color: number,
  ratio: number,
): void {
  const scale = view.cell / ratio;
  const width = Math.max(1, Math.round(ratio));
  if (scale >= SEPARATED) {
    drawColumns(grid, view, picture, region, 1, color, CELL_STRENGTH, 1);
    drawRows(grid, view, picture, region, 1, color, CELL_STRENGTH, 1);
  }
  // Coarse blocks last: their lines are the stronger ones.
  for (const block of grid.blocks.toReversed()) {
    const strength = STRENGTH[block.kind];
    const thick = block.kind === 'expert' ? 2 * width : width;
    if (block.columns < grid.columns && showsBlock(block.columns, scale))
      drawColumns(grid, view, picture, region, block.columns, color, strength * share(block.columns * scale), thick);
    if (block.rows < grid.rows && showsBlock(block.rows, scale))
      drawRows(grid, view, picture, region, block.rows, color, strength * share(block.rows * scale), thick);
  }
}

/** Borders of small blocks are weaker: they are so many. */
function share(size: number): number {
  return LEAST_SHARE + (1 - LEAST_SHARE) * Math.min(1, (size - BLOCK_BORDER) / (FULL_SIZE - BLOCK_BORDER));
}

function drawColumns(
  grid: Grid,
  view: RasterView,
  { data, width }: Picture,
  region: Region,
  every: number,
  color: number,
  strength: number,
  thick: number,
): void {
  const bottom = Math.min(region.bottom, firstPixel(grid.rows, view.cell) - view.originY);
  for (const x of linesOf(view.originX, view.cell, grid.columns, every, region.left, region.right, thick)) {
    for (let y = region.top; y < bottom; y += 1)
      data[y * width + x] = blend(data[y * width + x] as number, color, strength);
  }
}

function drawRows(
  grid: Grid,
  view: RasterView,
  { data, width }: Picture,
  region: Region,
  every: number,
  color: number,
  strength: number,
  thick: number,
): void {
  const right = Math.min(region.right, firstPixel(grid.columns, view.cell) - view.originX);
  for (const y of linesOf(view.originY, view.cell, grid.rows, every, region.top, region.bottom, thick)) {
    for (let at = y * width + region.left; at < y * width + right; at += 1)
      data[at] = blend(data[at] as number, color, strength);
  }
}

/** Pixels of the lines at each multiple of `every` inside the grid. A line is the first pixels of the cell after it. */
export function linesOf(
  origin: number,
  cell: number,
  cells: number,
  every: number,
  from: number,
  to: number,
  thick = 1,
): readonly number[] {
  const lines: number[] = [];
  const size = every * cell;
  const first = Math.max(1, Math.floor((origin + from - thick) / size));
  for (let at = first; at * every < cells; at += 1) {
    const start = firstPixel(at * every, cell) - origin;
    if (start >= to) break;
    for (let pixel = start; pixel < start + thick; pixel += 1) if (pixel >= from && pixel < to) lines.push(pixel);
  }
  return lines;
}

function blend(under: number, over: number, strength: number): number {
  if (under === 0) return 0;
  const mix = (shift: number): number => {
    const from = (under >>> shift) & 0xff;
    return Math.round(from + (((over >>> shift) & 0xff) - from) * strength);
  };
  return (0xff000000 | (mix(16) << 16) | (mix(8) << 8) | mix(0)) >>> 0;
}
