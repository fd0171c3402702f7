import { describe, expect, it } from 'vitest';
import { readAs } from '../../../src/layout/index.ts';
import { bindPair, type Pair, type PairScene } from '../../../src/visualizer/model/diff.ts';
import { explainPair, SAME_BYTES } from '../../../src/visualizer/model/diff-words.ts';
import type { IncidentScene } from '../../../src/visualizer/model/incident-scene.ts';
import { INCIDENT_SCENES } from '../../../src/visualizer/model/incident-scenes.ts';
import { everyCoord } from '../../layout/support.ts';

const L2 = 'shuffle_weight(16,16)';
const L3 = 'shuffle_weight(guinterleave,gate_up)';

function pairOf(a: string, b: string, type: PairScene['type'], shape: readonly number[]): Pair {
  return bindPair({ a, b, type, shape, experts: 1 });
}

function words(pair: Pair): readonly string[] {
  const { sentence, notes } = explainPair(pair);
  return [sentence, ...notes];
}

const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'scale-transposed-twice': [
    'Rows and columns: asked for m = 4a + b, g = c, the kernel gets m = 8b + c, g = a (a < 8, b < 4, c < 8).',
  ],
  'scale-not-transposed': [
    'Rows and columns change places: g runs fastest in the bytes and m in the reading, as if the matrix had been transposed once too often or once too seldom.',
    'Applied to its own output, scale-cm returns the plain bytes after 8 rounds.',
  ],
  'scale-transposed-read-row-major': [
    'Rows and columns change places: m runs fastest in the bytes and g in the reading, as if the matrix had been transposed once too often or once too seldom.',
    'Applied to its own output, scale-tv returns the plain bytes after 8 rounds.',
  ],
  'weight-shuffled-read-plain': [
    'Rows and columns: asked for n = 16a + 2b + c, k = 16d + e, the kernel gets n = 16a + 8c + d, k = 16b + e (a < 4, b < 8, c < 2, d < 8, e < 16).',
    'Pieces of 16 columns stay whole.',
    'Nothing leaves its block of 16 rows.',
    'Applied to its own output, shuffle_weight(16,16) returns the plain bytes after 7 rounds.',
  ],
  'weight-plain-read-shuffled': [
    'Rows and columns: asked for n = 16a + 8b + c, k = 16d + e, the kernel gets n = 16a + 2d + b, k = 16c + e (a < 4, b < 2, c < 8, d < 8, e < 16).',
    'Pieces of 16 columns stay whole.',
    'Nothing leaves its block of 16 rows.',
    'Applied to its own output, shuffle_weight(16,16) returns the plain bytes after 7 rounds.',
  ],
  'weight-shuffled-twice': [
    'Rows and columns: asked for n = 16a + 2b + c, k = 16d + e, the kernel gets n = 16a + 8c + d, k = 16b + e (a < 4, b < 8, c < 2, d < 8, e < 16).',
    'Pieces of 16 columns stay whole.',
    'Nothing leaves its block of 16 rows.',
  ],
  'weight-tile-32': [
    'Rows and columns: asked for n = 32a + 16b + c, k = 32d + 16e + f, the kernel gets n = 32a + 16e + c, k = 64b + 16d + f (a < 2, b < 2, c < 16, d < 4, e < 2, f < 16).',
    'Pieces of 16 columns stay whole.',
    'Nothing leaves its block of 32 rows.',
  ],
  'moe-l3-read-separated': [
    'Rows only: asked for row 32a + 16b + c, the kernel gets row 64b + 16a + c (a < 4, b < 2, c < 16); even blocks of 16 rows get gate rows, odd ones up rows.',
    'Right by chance: rows 0 to 15 and 112 to 127 of each expert.',
  ],
  'moe-l2-read-interleave': [
    'Rows only: asked for row 64a + 16b + c, the kernel gets row 32b + 16a + c (a < 2, b < 4, c < 16); gate rows get even blocks of 16 rows, up rows odd ones.',
    'Right by chance: rows 0 to 15 and 112 to 127 of each expert.',
  ],
  'moe-l4-read-separated': [
    'Rows only: asked for row 2a + b, the kernel gets row 64b + a (a < 64, b < 2); even rows get gate rows, odd ones up rows.',
    'Right by chance: rows 0 and 127 of each expert.',
  ],
  'moe-l4-read-interleave': [
    'Rows only: asked for row 64a + 16b + 2c + d, the kernel gets row 64d + 16b + 8a + c (a < 2, b < 4, c < 8, d < 2); even rows get gate rows, odd ones up rows, in another order.',
  ],
  'moe-l5-read-separated': [
    'Rows only: asked for row 32a + 16b + 2c + d, the kernel gets row 64d + 32b + 8a + c (a < 4, b < 2, c < 8, d < 2); even rows get gate rows, odd ones up rows, in another order.',
    'Right by chance: rows 0 and 127 of each expert.',
  ],
  'moe-l5-read-interleave': [
    'Rows only: asked for row 2a + b, the kernel gets row 64b + a (a < 64, b < 2); even rows get gate rows, odd ones up rows.',
    'Right by chance: rows 0 and 127 of each expert.',
  ],
  'moe-l6-read-separated': [
    'Rows only: asked for row 64a + b, the kernel gets row 2b + a (a < 2, b < 64); gate rows get even rows, up rows odd ones.',
    'Right by chance: rows 0 and 127 of each expert.',
  ],
  'moe-l6-read-interleave': [
    'Rows only: asked for row 64a + b, the kernel gets row 2b + a (a < 2, b < 64); gate rows get even rows, up rows odd ones.',
    'Right by chance: rows 0 and 127 of each expert.',
  ],
  'moe-scale-not-deinterleaved': [
    'Rows only: asked for row 128a + 2b + c, the kernel gets row 128a + 64c + b (a < 2, b < 64, c < 2); even rows get gate rows, odd ones up rows.',
    'Nothing leaves its block of 128 rows.',
    'Right by chance: rows 0 and 127 of each block of 128.',
  ],
  'moe-bias-not-deinterleaved': [
    'Rows only: asked for row 2a + b, the kernel gets row 64b + a (a < 64, b < 2); even rows get gate rows, odd ones up rows.',
    'Right by chance: rows 0 and 127 of each expert.',
    'Applied to its own output, gate_up_interleaved returns the plain bytes after 7 rounds.',
  ],
  'moe-shuffle-dropped-separated': [
    'Rows and columns: asked for n = 16a + 4b + c, k = 32d + f, the kernel gets n = 16a + 4d + b, k = 32c + f (a < 8, b < 4, c < 4, d < 4, f < 32).',
    'Pieces of 32 columns stay whole.',
    'Nothing leaves its block of 16 rows.',
    'Applied to its own output, shuffle_weight(16,16) returns the plain bytes after 3 rounds.',
  ],
  'moe-shuffle-dropped-interleave': [
    'Rows and columns: asked for n = 64a + 16b + 4c + d, k = 32f + g, the kernel gets n = 32b + 16a + 4f + c, k = 32d + g (a < 2, b < 4, c < 4, d < 4, f < 4, g < 32).',
    'Pieces of 32 columns stay whole.',
    'Applied to its own output, shuffle_weight(guinterleave,gate_up) returns the plain bytes after 3 rounds.',
  ],
  'moe-shuffled-twice': [
    'Rows and columns: asked for n = 16a + 4b + c, k = 32d + f, the kernel gets n = 16a + 4c + d, k = 32b + f (a < 8, b < 4, c < 4, d < 4, f < 32).',
    'Pieces of 32 columns stay whole.',
    'Nothing leaves its block of 16 rows.',
  ],
  'moe-shuffle-flag-lost': [
    'Rows and columns: asked for n = 16a + 4b + c, k = 32d + f, the kernel gets n = 16a + 4c + d, k = 32b + f (a < 8, b < 4, c < 4, d < 4, f < 32).',
    'Pieces of 32 columns stay whole.',
    'Nothing leaves its block of 16 rows.',
    'Applied to its own output, shuffle_weight(16,16) returns the plain bytes after 3 rounds.',
  ],
};

describe('the pairs of all incidents', () => {
  const pairs = INCIDENT_SCENES.flatMap((incident: IncidentScene) =>
    incident.picture.kind === 'pair' ? [[incident.id, incident.picture.pair] as const] : [],
  );
  it('are all known here', () => expect(Object.keys(EXPECTED)).toEqual(pairs.map(([id]) => id)));
  it.each(pairs)('%s', (id, scene) => expect(words(bindPair(scene))).toEqual(EXPECTED[id]));
  it.each(pairs)('%s: the formula holds for every element', (_, scene) => holds(bindPair(scene)));
});

/** Reads the formula of a sentence and holds it against what the reader gets. */
function holds(pair: Pair): void {
  const { sentence, wrongAxes } = explainPair(pair);
  const match = /asked for (.*), the kernel gets (.*) \((.*)\)/.exec(sentence);
  if (match === null) return;
  const [, asked = '', got = '', ranges = ''] = match;
  const sizes = new Map(ranges.split(', ').map((range) => range.split(' < ') as [string, string]));
  const sums = (text: string): readonly (readonly [number, string][])[] =>
    text
      .split(', ')
      .map((part) => part.replace(/^\w+ (= )?/, ''))
      .map((sum) => sum.split(' + ').map((term) => [Number(/^\d+/.exec(term)?.[0] ?? 1), term.replace(/^\d+/, '')]));
  const digitOf = new Map<string, (coord: readonly number[]) => number>();
  for (const [at, terms] of sums(asked).entries())
    for (const [place, letter] of terms)
      digitOf.set(
        letter,
        (coord) => Math.floor((coord[wrongAxes[at] as number] as number) / place) % Number(sizes.get(letter)),
      );
  expect([...digitOf.keys()].sort()).toEqual([...sizes.keys()].sort());
  const gets = readAs(pair.written.layout, pair.read.layout);
  for (const coord of everyCoord(pair.read.layout.shape)) {
    const expected = [...coord];
    for (const [at, terms] of sums(got).entries())
      expected[wrongAxes[at] as number] = terms.reduce(
        (sum, [place, letter]) => sum + place * (digitOf.get(letter)?.(coord) ?? 0),
        0,
      );
    if (String(gets(coord)) !== String(expected))
      expect.fail(`${sentence} at [${coord.join(', ')}]: got ${gets(coord)}`);
  }
}

describe('other pairs', () => {
  it('are the same bytes under two names', () =>
    expect(words(pairOf('shuffle_weight_gfx1250', L2, 'e4m3fn', [64, 128]))).toEqual([SAME_BYTES]));
  it('differ in their padding alone', () =>
    expect(words(pairOf('shuffle_scale(guinterleave)', 'shuffle_scale', 'e8m0', [64, 8]))).toEqual([
      'Every element lies where the reader looks for it; only the padding differs.',
    ]));
  it('have digits that change places, of a shape that hides a double shuffle', () =>
    expect(words(pairOf(L2, 'row-major', 'e4m3fn', [64, 256]))).toEqual([
      'Rows and columns: asked for n = 16a + b, k = 16c + d, the kernel gets n = 16a + c, k = 16b + d (a < 4, b < 16, c < 16, d < 16); the digits n mod 16 and k/16 mod 16 change places.',
      'Pieces of 16 columns stay whole.',
      'Nothing leaves its block of 16 rows.',
      'Of this shape shuffle_weight(16,16) undoes itself: applied a second time it returns the plain bytes, so that a double one hides.',
    ]));
  it('have digits by name', () =>
    expect(
      words(
        pairOf(
          '(n0 n1:2 n2:8) (k) -> n0 n2 n1 k',
          '(n0 n1:2 n2:8) (k0 k1:2 k2:4) -> n0 n2 k1 k0 n1 k2',
          'e4m3fn',
          [32, 16],
        ),
      ),
    ).toEqual([
      'Rows and columns: asked for n = 16a + 8b + c, k = 8d + 4e + f, the kernel gets n = 16a + 8e + c, k = 8d + 4b + f (a < 2, b < 2, c < 8, d < 2, e < 2, f < 4); the digits n1 and k1 change places.',
      'Pieces of 4 columns stay whole.',
      'Nothing leaves its block of 16 rows by 8 columns.',
    ]));
  it('alternate without gate and up', () =>
    expect(words(pairOf('(n0:2 n1) (k) -> n1 n0 k', 'row-major', 'e4m3fn', [8, 4]))).toEqual([
      'Rows only: asked for row 2a + b, the kernel gets row 4b + a (a < 4, b < 2); even rows get rows of the first half, odd ones rows of the second half.',
      'Right by chance: rows 0 and 7.',
      'Applied to its own output, custom returns the plain bytes after 3 rounds.',
    ]));
  it('do not nest', () => {
    expect(words(pairOf('row-major', L2, 'e2m1', [2, 5760, 2944]))).toEqual([
      'No digit moves as a whole: the bytes count e:2 n:5760 k:2944 (fastest last), the reader counts e:2 n0:360 k0:46 k1:2 n1:16 k2:32, and the steps of the two do not fit into each other.',
      'Pieces of 32 elements stay whole.',
    ]);
    expect(explainPair(pairOf('row-major', L2, 'e2m1', [2, 5760, 2944])).wrongAxes).toEqual([1, 2]);
    expect(words(pairOf('shuffle_scale', 'row-major', 'e8m0', [100, 11]))).toEqual([
      'No digit moves as a whole: the bytes count m0:8 g0:2 g2:4 m2:16 g1:2 m1:2 (fastest last), the reader counts m:100 g:11, and the steps of the two do not fit into each other.',
    ]);
  });
  it('of real sizes answer at once', () => {
    const start = performance.now();
    expect(words(pairOf(L3, L2, 'e2m1', [128, 5760, 2944]))).toEqual([
      'Rows only: asked for row 32a + 16b + c, the kernel gets row 2880b + 16a + c (a < 180, b < 2, c < 16); even blocks of 16 rows get gate rows, odd ones up rows.',
      'Right by chance: rows 0 to 15 and 5744 to 5759 of each expert.',
    ]);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
