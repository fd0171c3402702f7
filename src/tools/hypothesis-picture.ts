import type { Observed } from '../diagnosis/evidence.ts';
import { escapeMarkup } from '../golden/escape.ts';
import { heatMapPaths } from '../golden/report-heat-map.ts';

/** Cells of the map along each side, and points of the cloud, at most. */
const CELLS = 32;
const POINTS = 250;
const SIDE = 256;
const [LEFT, GAP, TOP] = [16, 56, 56];

/**
 * Two panels as SVG: how far an output is off (a cell for some rows and columns, darker where they are further off), and each element
 * against what it should be.
 *
 * @param marks 0 for a wrong element, in the order of the values
 */
export function wrongnessPicture(label: string, expected: Observed, actual: Observed, marks: Uint8Array): string {
  const width = LEFT + SIDE + GAP + SIDE + LEFT;
  const height = TOP + SIDE + 40;
  const part = actual.parts.reduce((worst, one) => (wrongIn(marks, one) > wrongIn(marks, worst) ? one : worst));
  const wrong = wrongIn(marks, part);
  const text = (x: number, y: number, kind: string, what: string): string =>
    `<text x="${x}" y="${y}" class="${kind}">${escapeMarkup(what)}</text>`;
  const [rows, columns] = matrixShape(part.tensor.layout.shape);
  const cloud = LEFT + SIDE + GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeMarkup(label)}">`,
    '<style>.head{font:bold 13px sans-serif;fill:#222}.sub{font:11px sans-serif;fill:#555}.map{fill:#b3261e}.dot{stroke:#b3261e}.ok{stroke:#1a5fb4}' +
      '.dot,.ok{stroke-width:3.5;stroke-linecap:round;stroke-opacity:.6}.frame{fill:#f4f4f4;stroke:#999}.line{stroke:#555;stroke-dasharray:4 3}</style>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(LEFT, 22, 'head', `How far ${part.name} is off`),
    text(LEFT, 40, 'sub', `${rows} rows, ${columns} columns: ${wrong} of ${part.end - part.start} wrong`),
    `<rect x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" class="frame"/>`,
    heatMap(expected, actual, part, rows, columns),
    text(cloud, 22, 'head', 'What comes out against what should'),
    `<rect x="${cloud}" y="${TOP}" width="${SIDE}" height="${SIDE}" class="frame"/>`,
    scatter(cloud, expected, actual, marks, part, (what) => text(cloud, 40, 'sub', what)),
    text(LEFT, height - 14, 'sub', 'Darkest: by its own size, or more.'),
    text(cloud, height - 14, 'sub', 'Dashed: the right value. Red: wrong, blue: right.'),
    '</svg>',
  ].join('\n');
}

type Part = Observed['parts'][number];

function wrongIn(marks: Uint8Array, { start, end }: Part): number {
  let count = 0;
  for (let index = start; index < end; index += 1) if (marks[index] === 0) count += 1;
  return count;
}

function matrixShape(shape: readonly number[]): readonly [number, number] {
  const columns = shape.at(-1) ?? 1;
  const size = shape.reduce((product, count) => product * count, 1);
  return [Math.max(1, size / Math.max(1, columns)), columns];
}

function heatMap(expected: Observed, actual: Observed, { start }: Part, rows: number, columns: number): string {
  const [down, across] = [Math.min(CELLS, rows), Math.min(CELLS, columns)];
  const error = new Array<number>(down * across).fill(0);
  const size = new Array<number>(down * across).fill(0);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const cell = Math.floor((row * down) / rows) * across + Math.floor((column * across) / columns);
      const index = start + row * columns + column;
      const [want, got] = [expected.values[index] as number, actual.values[index] as number];
      const off = Math.abs(got - want);
      size[cell] = (size[cell] ?? 0) + (Number.isFinite(want) ? Math.abs(want) : 0);
      // What is no number is as far off as can be.
      error[cell] = (error[cell] ?? 0) + (Number.isFinite(off) ? off : Object.is(got, want) ? 0 : Number.MAX_VALUE);
    }
  }
  const shares = error.map((off, cell) => Math.min(1, off === 0 ? 0 : off / (size[cell] || off)));
  const scale = `${(SIDE / across).toFixed(4)} ${(SIDE / down).toFixed(4)}`;
  const cells = heatMapPaths(
    [down, across],
    shares,
    shares.map(() => 1),
  );
  return `<g transform="translate(${LEFT} ${TOP}) scale(${scale})" class="map">${cells}</g>`;
}

/** Values on an axis that is linear near zero and logarithmic beyond, alike on both sides of zero. */
function scatter(
  x: number,
  expected: Observed,
  actual: Observed,
  marks: Uint8Array,
  { start, end }: Part,
  caption: (what: string) => string,
): string {
  const indices: number[] = [];
  const step = Math.max(1, Math.floor((end - start) / POINTS));
  let lost = 0;
  for (let index = start; index < end; index += step) {
    if (Number.isFinite(expected.values[index]) && Number.isFinite(actual.values[index])) indices.push(index);
    else lost += 1;
  }
  const magnitudes = indices.map((index) => Math.abs(expected.values[index] as number)).sort((a, b) => a - b);
  const typical = magnitudes[Math.floor(magnitudes.length / 2)] || 1;
  const most = indices.reduce(
    (far, index) => Math.max(far, Math.abs(expected.values[index] as number), Math.abs(actual.values[index] as number)),
    typical,
  );
  const bend = (value: number): number => Math.sign(value) * Math.log1p(Math.abs(value) / typical);
  const reach = bend(most) * 1.05;
  const at = (value: number): number => (SIDE * (1 + bend(value) / reach)) / 2;
  const dots = (wrong: boolean): string =>
    indices
      .filter((index) => (marks[index] === 0) === wrong)
      .map((index) => {
        const [h, v] = [at(expected.values[index] as number), SIDE - at(actual.values[index] as number)];
        return `M${Math.round(x + h)} ${Math.round(TOP + v)}h0`;
      })
      .join('');
  const note = lost === 0 ? '' : `, ${lost} not finite`;
  return (
    caption(`${indices.length} elements, up to ±${most.toPrecision(3)}${note}`) +
    `<line x1="${x}" y1="${TOP + SIDE}" x2="${x + SIDE}" y2="${TOP}" class="line"/><path d="${dots(false)}" class="ok"/><path d="${dots(true)}" class="dot"/>`
  );
}
