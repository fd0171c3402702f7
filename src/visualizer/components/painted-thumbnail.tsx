import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { Grid, Paint } from '../model/grid.ts';
import { thumbnailOf } from '../model/thumbnail.ts';
import { paintToPixels } from '../render/to-pixels.ts';
import { type Theme, theme } from '../state/theme.ts';
import { whenSeen } from './when-seen.ts';

/** Largest picture of a card, in CSS pixels. */
const WIDTH = 256;
const HEIGHT = 128;

/** What a card draws. */
export interface ThumbnailPicture {
  readonly grid: Grid;
  readonly paint: Paint;
  /** Packed colour of borders between blocks; none are drawn without it. */
  readonly border?: number;
}

/**
 * A small picture: painted when it comes into view, one card at a time, and again when the theme changes.
 * @param draw gives the picture in a theme; the canvas knows the colours of the page
 */
export function PaintedThumbnail({
  draw,
}: {
  readonly draw: (shade: Theme, canvas: HTMLCanvasElement) => ThumbnailPicture;
}): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const shade = theme.value;
    const target = canvas.current;
    if (target === null) return;
    return whenSeen(target, () => paintInto(target, draw(shade, target), shade));
  });
  return <canvas ref={canvas} class="thumbnail" width={WIDTH} height={HEIGHT} />;
}

function paintInto(canvas: HTMLCanvasElement, { grid: whole, paint, border }: ThumbnailPicture, shade: Theme): void {
  const { grid, rows, cell } = thumbnailOf(whole, WIDTH, HEIGHT);
  const ratio = Math.max(1, Math.round(devicePixelRatio));
  const part = { row: 0, column: 0, rows, columns: grid.columns };
  const lines = border === undefined ? {} : { border, lineWidth: ratio };
  const { width, height, data } = paintToPixels(grid, paint, part, cell * ratio, lines);
  canvas.width = width;
  canvas.height = height;
  canvas.style.width = `${width / ratio}px`;
  canvas.style.height = `${height / ratio}px`;
  const image = new ImageData(new Uint8ClampedArray(data.buffer as ArrayBuffer), width, height);
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  canvas.dataset['painted'] = shade;
}
