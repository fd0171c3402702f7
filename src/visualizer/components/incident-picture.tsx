import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { bindPair, type PairScene } from '../model/diff.ts';
import { rowPaint } from '../model/diff-paint.ts';
import { explainPair } from '../model/diff-words.ts';
import { logicalGrid } from '../model/grids/index.ts';
import { bitPanel } from '../model/incident-bits.ts';
import { stalePad } from '../model/incident-pad.ts';
import type { IncidentPicture } from '../model/incident-scene.ts';
import { thumbnailOf } from '../model/thumbnail.ts';
import { paintToPixels } from '../render/to-pixels.ts';
import { type Theme, theme } from '../state/theme.ts';
import { BitFields } from './bit-fields.tsx';
import { PadBar } from './pad-bar.tsx';
import { whenSeen } from './when-seen.ts';

/** Largest picture of a card, in CSS pixels. */
const WIDTH = 256;
const HEIGHT = 128;

/** The small picture of an incident: the rows that a kernel gets, the bits of one code, or the channels of a rank. */
export function IncidentThumbnail({ picture }: { readonly picture: IncidentPicture }): JSX.Element | null {
  if (picture.kind === 'pair') return <PairThumbnail pair={picture.pair} />;
  if (picture.kind === 'pad') return <PadBar pad={stalePad()} />;
  const [sample] = bitPanel(picture.panel).samples;
  if (sample === undefined) return null;
  return (
    <div class="bits-thumbnail">
      <BitFields fields={sample.written.fields} />
      <span class="mono">{sample.written.value}</span>
      <BitFields fields={sample.read.fields} />
      <span class="mono">{sample.read.value}</span>
    </div>
  );
}

function PairThumbnail({ pair }: { readonly pair: PairScene }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const shade = theme.value;
    const target = canvas.current;
    if (target === null) return;
    return whenSeen(target, () => paint(target, pair, shade));
  });
  return <canvas ref={canvas} class="thumbnail" width={WIDTH} height={HEIGHT} />;
}

function paint(canvas: HTMLCanvasElement, shown: PairScene, shade: Theme): void {
  const pair = bindPair(shown);
  const { grid, rows, cell } = thumbnailOf(logicalGrid(pair.read.layout), WIDTH, HEIGHT);
  const ratio = Math.max(1, Math.round(devicePixelRatio));
  const part = { row: 0, column: 0, rows, columns: grid.columns };
  const colors = rowPaint(pair, shade, explainPair(pair).wrongAxes);
  const { width, height, data } = paintToPixels(grid, colors, part, cell * ratio);
  canvas.width = width;
  canvas.height = height;
  canvas.style.width = `${width / ratio}px`;
  canvas.style.height = `${height / ratio}px`;
  const image = new ImageData(new Uint8ClampedArray(data.buffer as ArrayBuffer), width, height);
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  canvas.dataset['painted'] = shade;
}
