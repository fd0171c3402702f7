import { unravel } from '../../../layout/index.ts';
import type { Theme } from '../../state/theme.ts';
import type { ColorLegend } from '../color-legend.ts';
import { countClasses, DIFF_CLASSES, type Pair, type PairScene, readingOf } from '../diff.ts';
import { byteText, classWords, elementText, firstWrong, percentText } from '../diff-lines.ts';
import { diffColors, diffPaint, rowPaint, rowPaintAxis } from '../diff-paint.ts';
import { explainPair } from '../diff-words.ts';
import type { Grid, Paint } from '../grid.ts';
import { logicalGrid, memoryGrid } from '../grids/index.ts';
import { orderedPalette } from '../palettes.ts';
import type { Axes } from './selection.ts';
import { markdownTable, safeName, wrapped } from './table.ts';
import type { ExportView } from './views.ts';

/** Pictures of a pair: the reader's matrix by distance and by row, and the memory as both sides take it. */
export const DIFF_VIEWS = [
  ['diff', 'diff, how far off'],
  ['rows', 'diff, row it belongs to'],
  ['written', 'memory as written'],
  ['read', 'memory as read'],
] as const;
export type DiffView = (typeof DIFF_VIEWS)[number][0];

/** The reader's dimensions by the names that the screen uses. */
export function pairAxes({ read, names }: Pair): Axes {
  return { shape: read.layout.shape, dims: names.map((name) => ({ name })) };
}

/** A view of a pair as a grid that can be exported. @param line bytes in a row of the memory views */
export function diffView(view: DiffView, pair: Pair, scene: PairScene, line: number, theme: Theme): ExportView {
  const { written, read, right, names } = pair;
  const { grid, paint, legend, what } = lookOf(view, pair, line, theme);
  const share = percentText(right.correct / right.total);
  return {
    grid: { ...grid, ...(view === 'diff' || view === 'rows' ? labelled(grid, names, read.layout.shape) : {}) },
    paint,
    title: `${nameOf(scene.a)} read as ${nameOf(scene.b)}, ${scene.type} [${scene.shape.join(', ')}]: ${share} right`,
    lines: [
      `written as ${written.layout.toString()}`,
      `read as ${read.layout.toString()}`,
      ...wrapped(explainPair(pair).sentence),
      what,
    ],
    legend,
  };
}

/** A pattern is told by the lines below the title. */
function nameOf(ref: string): string {
  return ref.includes('->') ? 'a pattern' : ref;
}

interface Look {
  readonly grid: Grid;
  readonly paint: Paint;
  readonly legend: ColorLegend;
  readonly what: string;
}

function lookOf(view: DiffView, pair: Pair, line: number, theme: Theme): Look {
  const { written, read, bits } = pair;
  switch (view) {
    case 'diff':
      return {
        grid: logicalGrid(read.layout),
        paint: diffPaint(pair, theme),
        legend: distanceLegend(pair, theme),
        what: 'What the kernel gets at each place of its matrix',
      };
    case 'rows': {
      const { wrongAxes } = explainPair(pair);
      const axis = rowPaintAxis(pair, wrongAxes);
      const name = `${pair.names[axis]}`;
      const isPadded = countClasses(pair).shares.lost > 0;
      return {
        grid: logicalGrid(read.layout),
        paint: rowPaint(pair, theme, wrongAxes),
        legend: {
          title: `${name} of the element that is got`,
          ramp: { colors: [...orderedPalette(64, theme)], low: '0', high: String((read.layout.shape[axis] ?? 1) - 1) },
          entries: isPadded ? [{ label: 'padding', color: diffColors(theme).lost }] : [],
          note: 'a smooth run is right',
        },
        what: 'What the kernel gets at each place of its matrix, by where it belongs',
      };
    }
    case 'written':
    case 'read':
      return {
        grid: memoryGrid((view === 'written' ? written : read).layout, bits, line),
        paint: diffPaint(pair, theme, view === 'written' ? 'got' : 'asked'),
        legend: distanceLegend(pair, theme),
        what:
          view === 'written'
            ? `Memory with what was written there, ${line} bytes a row`
            : `Memory with what the reader takes it for, ${line} bytes a row`,
      };
    default:
      return view satisfies never;
  }
}

/** The classes that occur, with their shares. */
function distanceLegend(pair: Pair, theme: Theme): ColorLegend {
  const { shares, exact } = countClasses(pair);
  const words = classWords(pair);
  const colors = diffColors(theme);
  return {
    title: 'Where the wanted element lies',
    entries: DIFF_CLASSES.filter((name) => shares[name] > 0).map((name) => ({
      label: `${words[name].label} ${percentText(shares[name])}`,
      color: colors[name],
    })),
    ...(exact ? {} : { note: 'shares of a sample' }),
  };
}

/** Plain layouts count their dimensions; labels have the names that the other layout knows. */
function labelled(
  grid: Grid,
  names: readonly string[],
  shape: readonly number[],
): Pick<Grid, 'rowLabel' | 'columnLabel'> {
  const leading = shape.slice(0, -1);
  if (leading.length === 0) return { rowLabel: grid.rowLabel, columnLabel: grid.columnLabel };
  return {
    rowLabel: (row) =>
      unravel(row, leading)
        .map((at, axis) => `${names[axis]}=${at}`)
        .join(' '),
    columnLabel: (column) => `${names.at(-1)}=${column}`,
  };
}

/**
 * One line for each element that the reader asks for: its coordinate, the byte that is read, the coordinate of what is got (empty:
 * padding or behind the end), the byte where the wanted element lies, and the class. `bit` is the first bit in the byte.
 */
export function diffCsv(pair: Pair, coords: readonly (readonly number[])[]): string {
  const { written, read, bits, names } = pair;
  const { classAt } = readingOf(pair);
  const words = classWords(pair);
  const place = (offset: number): readonly number[] => [Math.floor((offset * bits) / 8), (offset * bits) % 8];
  const lines = coords.map((asked) => {
    const offset = read.layout.offset(asked);
    const got = offset < written.layout.storageSize ? written.layout.coord(offset) : undefined;
    return [
      ...asked,
      ...place(offset),
      ...(got ?? asked.map(() => '')),
      ...place(written.layout.offset(asked)),
      words[classAt(offset)].label,
    ].join(',');
  });
  const header = [
    ...names,
    'byte_read',
    'bit_read',
    ...names.map((name) => `got_${name}`),
    'byte_wanted',
    'bit_wanted',
    'class',
  ];
  return `${[header.join(','), ...lines].join('\n')}\n`;
}

/** The diff for a comment: the sentence, the shares, and the first wrong elements. */
export function diffMarkdown(pair: Pair, scene: PairScene, link: string): string {
  const { sentence, notes } = explainPair(pair);
  const { shares, exact, counted } = countClasses(pair);
  const { correct, total } = pair.right;
  const words = classWords(pair);
  const wrong = firstWrong(pair);
  const text = (coord: readonly number[]): string => elementText(pair, coord, pair.names);
  return [
    `**Written as \`${scene.a}\`, read as \`${scene.b}\`**, ${scene.type} [${scene.shape.join(', ')}]`,
    [sentence, ...notes].join(' '),
    `${percentText(correct / total)} of the elements are read right: ${correct.toLocaleString('en')} of ${total.toLocaleString('en')}.`,
    markdownTable(
      ['class', 'share', 'meaning'],
      DIFF_CLASSES.filter((name) => shares[name] > 0).map((name) => [
        words[name].label,
        percentText(shares[name]),
        words[name].meaning,
      ]),
    ),
    ...(exact
      ? []
      : [`“Right” is exact; the other shares come from a sample of ${counted.toLocaleString('en')} elements.`]),
    ...(wrong.length === 0
      ? []
      : [
          `First ${wrong.length} wrong elements:`,
          markdownTable(
            ['asked for', 'reads', 'gets', 'it lies at', 'class'],
            wrong.map((row) => [
              text(row.asked),
              byteText(row.offset, pair.bits),
              row.got === undefined ? 'padding' : text(row.got),
              byteText(row.liesAt, pair.bits),
              words[row.kind].label,
            ]),
          ),
        ]),
    `[Open in preshuffle](${link})\n`,
  ].join('\n\n');
}

/** `row-major-read_as-shuffle_weight_16_16-e4m3fn-64x128-diff.png`. */
export function diffFileName(scene: PairScene, part: string, extension: string): string {
  const words = [safeName(scene.a), 'read_as', safeName(scene.b), scene.type, scene.shape.join('x'), part];
  return `${words
    .filter((word) => word !== '')
    .map((word) => word.slice(0, 80))
    .join('-')}.${extension}`;
}
