import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import type { LayoutGuess } from '../../layout/index.ts';
import { logicalGrid } from '../model/grids/index.ts';
import { bindSubject } from '../model/subject.ts';
import { rangePaint } from '../model/tensor-paint.ts';
import { thumbnailOf } from '../model/thumbnail.ts';
import { paintToPixels } from '../render/to-pixels.ts';
import { data, scene } from '../state/store.ts';
import { theme } from '../state/theme.ts';

const WIDTH = 192;
const HEIGHT = 144;

/** What the tensor looks like in a guessed layout: values by colour, the beginning or all of it. */
export function TensorPicture({ guess }: { readonly guess: LayoutGuess }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const shade = theme.value;
    const shown = data.value;
    const target = canvas.current;
    if (target === null || shown === undefined) return;
    const { candidate } = guess;
    const read = {
      ...scene.peek(),
      a: candidate.entry.id,
      shape: candidate.shape,
      experts: candidate.params.experts ?? 1,
      scale: undefined,
    };
    const subject = bindSubject(read, shown);
    const { grid, rows, cell } = thumbnailOf(logicalGrid(subject.tensor.layout), WIDTH, HEIGHT);
    const rect = { row: 0, column: 0, rows, columns: grid.columns };
    const picture = paintToPixels(grid, rangePaint(subject, shade), rect, cell);
    target.width = picture.width;
    target.height = picture.height;
    const image = new ImageData(
      new Uint8ClampedArray(picture.data.buffer as ArrayBuffer),
      picture.width,
      picture.height,
    );
    target.getContext('2d')?.putImageData(image, 0, 0);
  });
  return (
    <canvas
      ref={canvas}
      class="tensor-picture"
      role="img"
      aria-label={`The tensor read as ${guess.ids[0]}`}
      width={WIDTH}
      height={HEIGHT}
    />
  );
}
