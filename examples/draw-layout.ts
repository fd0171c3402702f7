// Draws a layout as SVG: every 16-byte piece of a 32 x 64 fp8 weight, where it belongs and where it lies in memory.
// `npm run example -- examples/draw-layout.ts > picture.svg` draws the picture of the README.
import { type Layout, shuffleWeight } from 'preshuffle';

const [ROWS, COLUMNS] = [32, 64];
const PIECE = 16;
const layout = shuffleWeight([ROWS, COLUMNS], { bits: 8 });

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function cell({ x, y, width, height }: Box, hue: number, label: string, strong: boolean): string {
  const fill = `hsl(${hue.toFixed(0)} 65% ${strong ? 45 : 82}%)`;
  const color = strong ? '#fff' : '#333';
  return (
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${fill}" stroke="#fff"/>` +
    `<text x="${x + width / 2}" y="${y + height / 2 + 3}" fill="${color}">${label}</text>`
  );
}

/** The pieces of row 0 are drawn strong in both panels. */
function draw(of: Layout): string {
  const pieces = COLUMNS / PIECE;
  const hue = (row: number): number => (row / ROWS) * 300;
  const parts: string[] = [];
  for (let row = 0; row < ROWS; row += 1) {
    for (let piece = 0; piece < pieces; piece += 1) {
      const line = of.offset([row, piece * PIECE]) / PIECE;
      const strong = row === 0;
      parts.push(
        cell({ x: 60 + piece * 70, y: 56 + row * 14, width: 70, height: 14 }, hue(row), `line ${line}`, strong),
      );
      parts.push(
        cell(
          { x: 420 + (line % 8) * 60, y: 56 + Math.floor(line / 8) * 28, width: 60, height: 28 },
          hue(row),
          `${row}, ${piece * PIECE}`,
          strong,
        ),
      );
    }
  }
  const heads = [
    '<text x="60" y="24" class="head">logical: row n, 16 columns a piece</text>',
    '<text x="420" y="24" class="head">memory: 16-byte lines, left to right</text>',
    '<text x="60" y="44" class="sub">each piece says in which line it lies</text>',
    '<text x="420" y="44" class="sub">each line says which n, k it begins with; row 0 is dark</text>',
    ...[0, 15, 16, 31].map((row) => `<text x="50" y="${56 + row * 14 + 10}" class="axis">n=${row}</text>`),
  ];
  return (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 530" role="img" ' +
    'aria-label="Where the 16-byte pieces of a 32 by 64 fp8 weight lie after shuffle_weight">' +
    '<style>text{font:9px ui-monospace,monospace;text-anchor:middle}.head{font:bold 14px sans-serif;text-anchor:start;fill:#222}' +
    '.sub{font:11px sans-serif;text-anchor:start;fill:#555}.axis{text-anchor:end;fill:#333}</style>' +
    `<rect width="920" height="530" fill="#fff"/>${heads.join('')}${parts.join('')}` +
    `<text x="60" y="524" class="sub">${of.id}: ${String(of).replace('>', '&gt;')}</text></svg>`
  );
}

console.log(draw(layout));
