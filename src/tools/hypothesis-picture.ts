import type { Observed } from '../diagnosis/evidence.ts';
import { escapeMarkup } from '../golden/escape.ts';
import { heatMapPaths } from '../golden/report-heat-map.ts';

/** Cells of the map along each side, and points of the cloud, at most. */
const CELLS = 64;
const POINTS = 400;
const SIDE = 256;
const [LEFT, GAP, TOP] = [16, 56, 56];

/**
 * Two panels as SVG: where an output is wrong (a cell for some rows and columns, darker where more of them are), and each element against
 * what it should be.
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
    '<style>.head{font:bold 13px sans-serif;fill:#222}.sub{font:11px sans-serif;fill:#555}.map{fill:#b3261e}.dot{fill:#b3261e;fill-opacity:.55}' +
      '.ok{fill:#1a5fb4;fill-opacity:.55}.frame{fill:#f4f4f4;stroke:#999}.line{stroke:#555;stroke-dasharray:4 3}</style>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(LEFT, 22, 'head', `Where ${part.name} is wrong`),
    text(LEFT, 40, 'sub', `${rows} rows down, ${columns} columns across: ${wrong} of ${part.end - part.start}`),
    `<rect x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" class="frame"/>`,
    heatMap(marks, part, rows, columns),
    text(cloud, 22, 'head', 'What comes out against what should'),
    `<rect x="${cloud}" y="${TOP}" width="${SIDE}" height="${SIDE}" class="frame"/>`,
    scatter(cloud, expected, actual, marks, part, (what) => text(cloud, 40, 'sub', what)),
    text(LEFT, height - 14, 'sub', 'Red: wrong. Blue: right.'),
    text(cloud, height - 14, 'sub', 'Dashed: the right value. Axes grow with the logarithm.'),
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

function heatMap(marks: Uint8Array, { start }: Part, rows: number, columns: number): string {
  const [down, across] = [Math.min(CELLS, rows), Math.min(CELLS, columns)];
  const failed = new Array<number>(down * across).fill(0);
  const compared = new Array<number>(down * across).fill(0);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const cell = Math.floor((row * down) / rows) * across + Math.floor((column * across) / columns);
      compared[cell] = (compared[cell] ?? 0) + 1;
      if (marks[start + row * columns + column] === 0) failed[cell] = (failed[cell] ?? 0) + 1;
    }
  }
  return (
    `<svg x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" viewBox="0 0 ${across} ${down}" preserveAspectRatio="none" class="map">` +
    `${heatMapPaths([down, across], failed, compared)}</svg>`
  );
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
  const dots = indices.map((index) => {
    const [h, v] = [at(expected.values[index] as number), SIDE - at(actual.values[index] as number)];
    return `<circle cx="${(x + h).toFixed(1)}" cy="${(TOP + v).toFixed(1)}" r="1.6" class="${marks[index] === 0 ? 'dot' : 'ok'}"/>`;
  });
  const note = lost === 0 ? '' : `, ${lost} not finite`;
  return (
    caption(`${indices.length} elements, up to ±${most.toPrecision(3)}${note}`) +
    `<line x1="${x}" y1="${TOP + SIDE}" x2="${x + SIDE}" y2="${TOP}" class="line"/>${dots.join('')}`
  );
}
