import type { Pair, PairScene } from '../diff.ts';
import { DIFF_VIEWS, type DiffView, diffCsv, diffFileName, diffMarkdown, diffView, pairAxes } from './diff.ts';
import { diffCode } from './diff-code.ts';
import { MAX_ELEMENTS, parseSelection, selectionCoords, selectionSize } from './selection.ts';
import { EXTENSION, type Exportable, type TextFormat } from './source.ts';

/** How the Diff shows a pair. */
export interface DiffLook {
  /** View to begin with. */
  readonly first: DiffView;
  /** Bytes in a row of the memory views. */
  readonly line: number;
  readonly pins: readonly (readonly number[])[];
  readonly link: string;
}

/** What can be exported of a pair. */
export function diffSource(pair: Pair, scene: PairScene, { first, line, pins, link }: DiffLook): Exportable {
  const axes = pairAxes(pair);
  const inside = pins.filter(
    (pin) => pin.length === axes.shape.length && pin.every((at, axis) => at < (axes.shape[axis] as number)),
  );
  const pin = inside.at(-1);
  const name = (format: TextFormat): string => diffFileName(scene, '', EXTENSION[format]);
  return {
    kind: 'ready',
    pictures: {
      views: DIFF_VIEWS,
      first,
      show: (view, theme) => diffView(view as DiffView, pair, scene, line, theme),
      around: (_, grid) => (pin === undefined ? undefined : grid.cellOf(pair.read.layout.offset(pin))),
      onScreen: (view) => ON_SCREEN[view as DiffView],
      fileName: (view, extension) => diffFileName(scene, view, extension),
      link,
    },
    texts: [
      {
        format: 'csv',
        fileName: name('csv'),
        range: { axes, first: '' },
        make(range) {
          const selection = parseSelection(range, axes);
          const size = selectionSize(selection);
          const coords = selectionCoords(selection);
          const rows = coords.length.toLocaleString('en');
          const cut = `the first ${rows} of ${size.toLocaleString('en')} elements: one file holds at most ${MAX_ELEMENTS.toLocaleString('en')}`;
          return { text: diffCsv(pair, coords), summary: size > coords.length ? cut : `${rows} elements` };
        },
      },
      {
        format: 'markdown',
        fileName: name('markdown'),
        make: () => ({ text: diffMarkdown(pair, scene, link), summary: 'for a comment or an issue' }),
      },
      {
        format: 'typescript',
        fileName: name('typescript'),
        make: () => ({ text: diffCode(pair, scene, link, inside), summary: 'runs with preshuffle' }),
      },
      { format: 'link', fileName: name('link'), make: () => ({ text: link, summary: '' }) },
    ],
  };
}

const ON_SCREEN: Readonly<Record<DiffView, string>> = {
  diff: '.diff-grid.matrix [data-plot]',
  rows: '.diff-grid.matrix [data-plot]',
  written: '.diff-grid:nth-of-type(2) [data-plot]',
  read: '.diff-grid:nth-of-type(3) [data-plot]',
};
