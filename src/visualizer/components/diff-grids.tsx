import { type Signal, useComputed } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { type Pair, readingOf } from '../model/diff.ts';
import { describeMisreading } from '../model/diff-lines.ts';
import { diffPaint, rowPaint } from '../model/diff-paint.ts';
import { explainPair } from '../model/diff-words.ts';
import { logicalGrid, memoryGrid } from '../model/grids/index.ts';
import type { DiffColor } from '../state/diff.ts';
import { theme } from '../state/theme.ts';
import { GridCanvas } from './grid-canvas.tsx';

export interface DiffGridsProps {
  readonly pair: Pair;
  /** Address under the pointer: the offset that the reader reads there. */
  readonly hover: Signal<number | undefined>;
  /** Marked addresses. */
  readonly pins: readonly number[];
  onPick(coord: readonly number[], add: boolean): void;
  readonly colorBy: Signal<DiffColor>;
  /** Bytes in a row of the memory views; without it there are none. */
  readonly line?: number;
}

/** The reader's matrix, and the same memory twice: what lies there and what the reader takes it for. */
export function DiffGrids({ pair, hover, pins, onPick, colorBy, line }: DiffGridsProps): JSX.Element {
  const { written, read, bits } = pair;
  const shade = theme.value;
  const mode = colorBy.value;
  const lies = useMemo(() => readingOf(pair).liesAt, [pair]);
  const { gets, takes } = useMemo(() => {
    if (mode === 'distance') return { gets: diffPaint(pair, shade, 'got'), takes: diffPaint(pair, shade, 'asked') };
    const { wrongAxes } = explainPair(pair);
    return { gets: rowPaint(pair, shade, wrongAxes, 'got'), takes: rowPaint(pair, shade, wrongAxes, 'asked') };
  }, [pair, shade, mode]);
  const grids = useMemo(
    () => ({
      asked: logicalGrid(read.layout),
      memory:
        line === undefined
          ? undefined
          : { written: memoryGrid(written.layout, bits, line), read: memoryGrid(read.layout, bits, line) },
    }),
    [pair, line],
  );
  // The address at which the element lies that the reader looks for elsewhere.
  const related = useComputed(() => {
    const key = hover.value;
    const place = key === undefined || key >= read.layout.storageSize ? -1 : lies(key);
    return (other: number): boolean => other === place && other !== key;
  });
  const shared = {
    hover,
    pins,
    related,
    describe: (key: number): string => describeAt(pair, key),
    onPick(key: number, add: boolean): void {
      const coord = key < read.layout.storageSize ? read.layout.coord(key) : undefined;
      if (coord !== undefined) onPick(coord, add);
    },
  };
  return (
    <div class="diff-grids">
      <ColorChoice colorBy={colorBy} />
      <figure class="diff-grid matrix">
        <figcaption>
          What the kernel gets <span class="muted">at each place of its matrix</span>
        </figcaption>
        <GridCanvas {...shared} grid={grids.asked} paint={gets} label={`Matrix as ${read.layout.id} reads it`} />
      </figure>
      {grids.memory === undefined ? null : (
        <>
          <figure class="diff-grid">
            <figcaption>
              Memory as written <span class="muted">by {written.layout.id}</span>
            </figcaption>
            <GridCanvas {...shared} grid={grids.memory.written} paint={gets} label="Memory as written" />
          </figure>
          <figure class="diff-grid">
            <figcaption>
              Memory as read <span class="muted">by {read.layout.id}</span>
            </figcaption>
            <GridCanvas {...shared} grid={grids.memory.read} paint={takes} label="Memory as read" />
          </figure>
        </>
      )}
    </div>
  );
}

/** Colours by how far the wanted element is, or by where in the matrix the one that is got belongs. */
function ColorChoice({ colorBy }: Pick<DiffGridsProps, 'colorBy'>): JSX.Element {
  const choices = [
    ['distance', 'How far off'],
    ['row', 'Row it belongs to'],
  ] as const;
  return (
    <fieldset class="diff-colors">
      <legend>Colour</legend>
      {choices.map(([mode, name]) => (
        <button
          key={mode}
          type="button"
          aria-pressed={colorBy.value === mode}
          onClick={() => {
            colorBy.value = mode;
          }}
        >
          {name}
        </button>
      ))}
      {colorBy.value === 'row' ? (
        <span class="muted">first row dark, last row light; a smooth run is right</span>
      ) : null}
    </fieldset>
  );
}

function describeAt(pair: Pair, key: number): string {
  if (key < pair.read.layout.storageSize) return describeMisreading(pair, key);
  return 'The kernel never reads this address.';
}
