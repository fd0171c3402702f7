import { PreshuffleError } from '../../errors.ts';
import type { Inks, Picture, Window } from '../model/export/picture.ts';
import { frameOf, svgOf } from '../model/export/svg.ts';
import { MAX_SIDE } from '../model/export/views.ts';
import type { Grid } from '../model/grid.ts';
import { canvasColors } from '../render/theme-colors.ts';
import { paintToPixels } from '../render/to-pixels.ts';

/** A picture as a file, and its size in pixels. */
export interface RenderedPicture {
  readonly blob: Blob;
  readonly width: number;
  readonly height: number;
}

/** Colours of the theme in force. */
export function inksOf(): Inks {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  return { background: token('--surface'), text: token('--text'), muted: token('--text-2'), border: token('--text') };
}

/** The cells that a canvas behind the dialog shows; undefined where there is no such canvas, or it shows none of this grid. */
export function shownWindow(selector: string, grid: Grid): Window | undefined {
  const root = document.querySelector<HTMLElement>(selector);
  const numbers = (text = ''): readonly number[] => text.split(/[ ,]+/).map(Number);
  const [, , width = 0, height = 0] = numbers(root?.dataset['plot']);
  const [top = 0, left = 0, scale = 0] = numbers(root?.dataset['viewport']);
  const row = Math.max(0, Math.floor(top));
  const column = Math.max(0, Math.floor(left));
  const rows = Math.min(grid.rows, Math.ceil(top + height / scale)) - row;
  const columns = Math.min(grid.columns, Math.ceil(left + width / scale)) - column;
  return scale > 0 && rows > 0 && columns > 0 ? { row, column, rows, columns } : undefined;
}

/**
 * Cells as pixels, and over them the vector parts as the browser draws them.
 * @param ratio pixels of the file for one of the picture
 */
export async function pngOf(picture: Picture, ratio: number): Promise<RenderedPicture> {
  const frame = frameOf(picture);
  const [width, height] = [frame.width * ratio, frame.height * ratio];
  requireSide(Math.max(width, height));
  const [canvas, context] = newCanvas(width, height);
  context.fillStyle = picture.inks.background;
  context.fillRect(0, 0, width, height);
  // putImageData would cut holes where a cell is empty.
  context.drawImage(cellsCanvas(picture, ratio), frame.left * ratio, frame.top * ratio);
  const overlay = await imageOf(svgOf(picture, 'none'));
  context.drawImage(overlay, 0, 0, width, height);
  return { blob: await blobOf(canvas), width, height };
}

/** Vectors, and where there are too many cells for them one raster. */
export async function svgBlobOf(picture: Picture): Promise<RenderedPicture> {
  const { width, height } = frameOf(picture);
  requireSide(Math.max(width, height));
  const raster = (): string => cellsCanvas({ ...picture, cell: Math.min(1, picture.cell) }, 1).toDataURL('image/png');
  const text = svgOf(picture, 'auto', raster);
  return { blob: new Blob([text], { type: 'image/svg+xml' }), width, height };
}

function cellsCanvas({ grid, paint, window, cell }: Picture, ratio: number): HTMLCanvasElement {
  const border = canvasColors(document.documentElement).border;
  const { width, height, data } = paintToPixels(grid, paint, window, cell * ratio, { border, lineWidth: ratio });
  const [canvas, context] = newCanvas(width, height);
  context.putImageData(new ImageData(new Uint8ClampedArray(data.buffer as ArrayBuffer), width, height), 0, 0);
  return canvas;
}

function requireSide(side: number): void {
  if (side <= MAX_SIDE) return;
  throw new PreshuffleError(
    'export-size',
    `The picture would be ${Math.ceil(side)} pixels long, at most ${MAX_SIDE} are possible. Choose fewer rows or columns, or smaller cells.`,
  );
}

function newCanvas(width: number, height: number): readonly [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  if (context === null) throw new PreshuffleError('export-canvas', 'The browser gives no canvas; export SVG instead.');
  return [canvas, context];
}

async function imageOf(svg: string): Promise<HTMLImageElement> {
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  const image = new Image();
  image.src = url;
  await image.decode();
  URL.revokeObjectURL(url);
  return image;
}

function blobOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null)
        reject(new PreshuffleError('export-canvas', 'The browser could not write a picture this large.'));
      else resolve(blob);
    }, 'image/png');
  });
}
