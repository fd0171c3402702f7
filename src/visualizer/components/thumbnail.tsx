import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { makePaint } from '../model/colors.ts';
import { logicalGrid, memoryGrid } from '../model/grids/index.ts';
import type { Preset } from '../model/presets.ts';
import { bindSubject } from '../model/subject.ts';
import { thumbnailOf } from '../model/thumbnail.ts';
import { canvasColors } from '../render/theme-colors.ts';
import { paintToPixels } from '../render/to-pixels.ts';
import { type Theme, theme } from '../state/theme.ts';
import { whenSeen } from './when-seen.ts';

/** Largest picture of a card, in CSS pixels. */
const WIDTH = 256;
const HEIGHT = 128;

/** The picture of a preset: painted when it comes into view, one card at a time, and again when the theme changes. */
export function Thumbnail({ preset }: { readonly preset: Preset }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const shade = theme.value;
    const target = canvas.current;
    if (target === null) return;
    return whenSeen(target, () => paint(target, preset, shade));
  });
  return <canvas ref={canvas} class="thumbnail" width={WIDTH} height={HEIGHT} />;
}

function paint(canvas: HTMLCanvasElement, { scene, picture }: Preset, shade: Theme): void {
  const subject = bindSubject(scene);
  const { layout } = subject.tensor;
  const whole = picture === 'memory' ? memoryGrid(layout, subject.bits, scene.line) : logicalGrid(layout);
  const { grid, rows, cell } = thumbnailOf(whole, WIDTH, HEIGHT);
  const ratio = Math.max(1, Math.round(devicePixelRatio));
  const part = { row: 0, column: 0, rows, columns: grid.columns };
  const { width, height, data } = paintToPixels(grid, makePaint(subject, scene.color, shade), part, cell * ratio, {
    border: canvasColors(canvas).border,
    lineWidth: ratio,
  });
  canvas.width = width;
  canvas.height = height;
  canvas.style.width = `${width / ratio}px`;
  canvas.style.height = `${height / ratio}px`;
  const image = new ImageData(new Uint8ClampedArray(data.buffer as ArrayBuffer), width, height);
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  canvas.dataset['painted'] = shade;
}
