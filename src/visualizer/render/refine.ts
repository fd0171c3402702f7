import type { Grid, Paint } from '../model/grid.ts';
import { linearOf, packLinear } from '../model/oklab.ts';
import { clearAround, type Picture, RowReader } from './raster.ts';
import { type AxisSamples, axisSamples, noise } from './samples.ts';
import type { RasterView } from './viewport.ts';

/** Samples along each axis of a pixel, at most. */
const MOST = 4;

/**
 * Paints pixel rows of a picture whose pixels cover several cells: the average, in linear light, of every cell where there are at most
 * 4 along an axis, else of 4 picked at irregular distances, so that periodic layouts show no patterns that are not there.
 * @post rows `top … bottom - 1` are painted; the cost is up to 16 times that of `paintCells`
 */
export function refineRows(
  grid: Grid,
  paint: Paint,
  view: RasterView,
  picture: Picture,
  top: number,
  bottom: number,
): void {
  const { cell, originX, originY, width } = view;
  const columns = axisSamples(originX, cell, grid.columns, 0, width, 1);
  const rows = axisSamples(originY, cell, grid.rows, top, bottom, 1);
  clearAround(picture, { left: 0, top, right: width, bottom }, rows, columns);
  if (rows.count === 0 || columns.count === 0) return;
  const across = pixelCells(originX, cell, grid.columns, columns);
  const reader = new RowReader(grid, paint, across.samples);
  const sums = new Float32Array(3 * columns.count);
  const counts = new Uint16Array(columns.count);
  const down = pixelCells(originY, cell, grid.rows, rows);
  for (let row = 0; row < rows.count; row += 1) {
    sums.fill(0);
    counts.fill(0);
    for (let at = down.first[row] as number; at < (down.first[row + 1] as number); at += 1)
      accumulate(reader.colorsOf(down.samples.cells[at] as number), across.first, sums, counts);
    writeRow(picture, (rows.starts[row] as number) * width + (columns.starts[0] as number), sums, counts);
  }
}

/** The cells that each pixel averages: those of pixel p are `samples.cells[first[p]] … [first[p + 1] - 1]`. */
function pixelCells(
  origin: number,
  cell: number,
  cells: number,
  { count, starts }: AxisSamples,
): { readonly samples: AxisSamples; readonly first: Int32Array } {
  const picked: number[] = [];
  const first = new Int32Array(count + 1);
  for (let at = 0; at < count; at += 1) {
    const world = origin + (starts[at] as number);
    const from = Math.min(cells - 1, Math.floor(world / cell));
    const to = Math.min(cells, Math.max(from + 1, Math.floor((world + 1) / cell)));
    const inside = to - from;
    const taken = Math.min(MOST, inside);
    for (let index = 0; index < taken; index += 1) {
      const place = inside <= MOST ? index : Math.floor(((index + noise(world, index)) * inside) / MOST);
      picked.push(from + place);
    }
    first[at + 1] = picked.length;
  }
  const samples = { count: picked.length, cells: Float64Array.from(picked), starts: new Int32Array(0) };
  return { samples, first };
}

/** Linear light of a channel's byte. */
const LIGHT = Float32Array.from({ length: 256 }, (_, byte) => linearOf(byte)[0]);

function accumulate(colors: Uint32Array, first: Int32Array, sums: Float32Array, counts: Uint16Array): void {
  for (let pixel = 0; pixel < counts.length; pixel += 1) {
    const end = first[pixel + 1] as number;
    for (let at = first[pixel] as number; at < end; at += 1) {
      const color = colors[at] as number;
      if (color === 0) continue;
      sums[3 * pixel] = (sums[3 * pixel] as number) + (LIGHT[color & 0xff] as number);
      sums[3 * pixel + 1] = (sums[3 * pixel + 1] as number) + (LIGHT[(color >>> 8) & 0xff] as number);
      sums[3 * pixel + 2] = (sums[3 * pixel + 2] as number) + (LIGHT[(color >>> 16) & 0xff] as number);
      counts[pixel] = (counts[pixel] as number) + 1;
    }
  }
}

/** sRGB byte of linear light in 4096 steps. */
const BYTE = Uint8Array.from({ length: 4097 }, (_, step) => packLinear(step / 4096, 0, 0) & 0xff);

function writeRow({ data }: Picture, start: number, sums: Float32Array, counts: Uint16Array): void {
  for (let pixel = 0; pixel < counts.length; pixel += 1) {
    const count = counts[pixel] as number;
    const byte = (channel: number): number =>
      BYTE[Math.round(((sums[3 * pixel + channel] as number) / count) * 4096)] as number;
    data[start + pixel] = count === 0 ? 0 : (0xff000000 | (byte(2) << 16) | (byte(1) << 8) | byte(0)) >>> 0;
  }
}
