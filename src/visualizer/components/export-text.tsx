import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { codeOf } from '../model/export/code.ts';
import { csvOf } from '../model/export/csv.ts';
import { MAX_TABLE, markdownOfElements, markdownOfTile, TILE_CELLS, type TileCell } from '../model/export/markdown.ts';
import {
  blockAround,
  MAX_ELEMENTS,
  parseSelection,
  printSelection,
  selectionCoords,
  selectionSize,
  wholeTensor,
} from '../model/export/selection.ts';
import { EXTENSION, type MadeText, type TextFormat } from '../model/export/source.ts';
import { torchOf } from '../model/export/torch.ts';
import { fileName } from '../model/export/views.ts';
import type { Scene } from '../model/scene.ts';
import type { Subject } from '../model/subject.ts';
import { fullLink, outcomeOf } from '../state/store.ts';
import { TextResult } from './export-ready.tsx';

interface TextOptions {
  readonly range: string;
  readonly order: 'logical' | 'memory';
  /** Markdown: the pinned elements, or what the cells of a tile hold. */
  readonly cells: 'pins' | TileCell;
}

interface ExportProps {
  readonly scene: Scene;
  readonly subject: Subject;
  /** Name of the tensor, where it comes from a file. */
  readonly data: string | undefined;
}

/** Exports that are text, with a preview. */
export function ExportText({
  format,
  scene,
  subject,
  data,
}: ExportProps & { readonly format: TextFormat }): JSX.Element {
  const { layout } = subject.tensor;
  const pins = scene.pins.filter((pin) => pin.every((at, axis) => at < (layout.shape[axis] ?? 0)));
  const origin = pins.at(-1) ?? layout.shape.map(() => 0);
  const tile = printSelection(blockAround(layout, origin, 16, format === 'csv' ? 64 : 16), layout);
  const [options, setOptions] = useState<TextOptions>({
    range: tile,
    order: 'logical',
    cells: pins.length > 0 ? 'pins' : 'byte',
  });
  const made = useMemo(
    () => outcomeOf(() => textOf(format, { scene, subject, data }, pins, options)),
    [format, scene, subject, data, options],
  );
  const hasRange = format === 'csv' || (format === 'markdown' && options.cells !== 'pins');
  return (
    <>
      <div class="export-options">
        {format === 'markdown' ? (
          <label>
            Table of
            <select
              value={options.cells}
              onChange={({ currentTarget }) =>
                setOptions({ ...options, cells: currentTarget.value as TextOptions['cells'] })
              }
            >
              <option value="pins" disabled={pins.length === 0}>
                pinned elements
              </option>
              {TILE_CELLS.map((cell) => (
                <option key={cell} value={cell}>
                  {cell} in a tile
                </option>
              ))}
            </select>
          </label>
        ) : null}
        {hasRange ? (
          <label class="wide">
            Range
            <input
              class="mono"
              value={options.range}
              spellcheck={false}
              onInput={({ currentTarget }) => setOptions({ ...options, range: currentTarget.value })}
            />
          </label>
        ) : null}
        {hasRange ? (
          <button type="button" onClick={() => setOptions({ ...options, range: tile })}>
            Tile
          </button>
        ) : null}
        {format === 'csv' ? (
          <>
            <button
              type="button"
              onClick={() => setOptions({ ...options, range: printSelection(wholeTensor(layout), layout) })}
            >
              Whole tensor
            </button>
            <label>
              Order
              <select
                value={options.order}
                onChange={({ currentTarget }) =>
                  setOptions({ ...options, order: currentTarget.value as TextOptions['order'] })
                }
              >
                <option value="logical">logical</option>
                <option value="memory">memory</option>
              </select>
            </label>
          </>
        ) : null}
      </div>
      <TextResult name={fileName(subject, '', EXTENSION[format], data)} made={made} />
    </>
  );
}

function textOf(
  format: TextFormat,
  { scene, subject, data }: ExportProps,
  pins: readonly (readonly number[])[],
  { range, order, cells }: TextOptions,
): MadeText {
  const { layout } = subject.tensor;
  const link = fullLink(scene);
  switch (format) {
    case 'csv': {
      const selection = parseSelection(range, layout);
      const size = selectionSize(selection);
      const coords = selectionCoords(selection);
      const rows = coords.length.toLocaleString('en');
      const cut = `the first ${rows} of ${size.toLocaleString('en')} elements: one file holds at most ${MAX_ELEMENTS.toLocaleString('en')}`;
      return { text: csvOf(subject, coords, order), summary: size > coords.length ? cut : `${rows} elements` };
    }
    case 'markdown': {
      if (cells === 'pins')
        return { text: markdownOfElements(subject, pins, link, data), summary: `${pins.length} elements` };
      const text = markdownOfTile(subject, parseSelection(range, layout), cells, link, data);
      return { text, summary: `at most ${MAX_TABLE} rows and columns` };
    }
    case 'typescript':
      return { text: codeOf(scene, subject, link), summary: 'runs with preshuffle' };
    case 'torch':
      return { text: torchOf(subject), summary: 'pad, view and permute of a row-major tensor' };
    case 'link':
      return { text: link, summary: 'holds no data of files' };
    default:
      return format satisfies never;
  }
}
