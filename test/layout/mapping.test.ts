import { describe, expect, it } from 'vitest';
import {
  catalog,
  rowMajor,
  scaleColumnMajor,
  scaleRowMajor,
  shuffleScale,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/catalog.ts';
import {
  compose,
  contiguousRun,
  invert,
  readAs,
  relayoutAsLayout,
  relayoutMapping,
  unravel,
} from '../../src/layout/mapping.ts';
import { bindPattern, parsePattern } from '../../src/layout/notation.ts';
import { correctlyRead } from '../../src/layout/read-count.ts';
import { everyCoord } from './support.ts';

const shape = [64, 128];
const layouts = catalog.flatMap((entry) => {
  try {
    return [entry.bind(shape)];
  } catch {
    return [];
  }
});

it('keeps its post-conditions for every pair of layouts', () => {
  for (const a of layouts) {
    for (const b of layouts) {
      const mapping = relayoutMapping(a, b);
      const back = invert(mapping, b.storageSize);
      const there = compose(mapping, relayoutMapping(b, a));
      const single = relayoutAsLayout(a, b);
      for (const coord of everyCoord(shape)) {
        const offset = a.offset(coord);
        const target = b.offset(coord);
        if (mapping.at(offset) !== target || back.at(target) !== offset || there.at(offset) !== offset)
          expect.fail(`${a.id} -> ${b.id} at [${coord.join(', ')}]`);
        if (single !== undefined && single.offset([offset]) !== target)
          expect.fail(`${a.id} -> ${b.id} as one layout, at offset ${offset}`);
      }
    }
  }
});

it('keeps at least a run of neighbours together between every pair of layouts', () => {
  for (const a of layouts) {
    for (const b of layouts) {
      const run = contiguousRun(a, b);
      // Lengths of the groups that are neighbours in both storages, found one element at a time.
      const groups: number[] = [];
      let previous: number | undefined;
      for (let offset = 0; offset < a.storageSize; offset += 1) {
        const coord = a.coord(offset);
        const target = coord === undefined ? undefined : b.offset(coord);
        if (target !== undefined && previous !== undefined && target === previous + 1)
          groups[groups.length - 1] = (groups.at(-1) ?? 0) + 1;
        else if (target !== undefined) groups.push(1);
        previous = target;
      }
      if (Math.min(...groups) < run)
        expect.fail(`${a.id} -> ${b.id}: run ${run}, found a group of ${Math.min(...groups)}`);
    }
  }
});

it.each([
  [rowMajor(shape), shuffleWeight(shape), 16],
  [rowMajor(shape), shuffleWeight(shape, { bits: 16 }), 8],
  [rowMajor(shape), shuffleWeight(shape, { bits: 4 }), 32],
  [rowMajor(shape), rowMajor(shape), 64 * 128],
  [rowMajor(shape), shuffleScale(shape), 1],
])('moves %s to %s in pieces of %d', (from, to, run) => expect(contiguousRun(from, to)).toBe(run));

it('has no run where digits do not nest', () => {
  const fours = bindPattern(parsePattern('(a0 a1:4) (b) -> b a0 a1'), [12, 5], { id: 'fours' });
  const sixes = bindPattern(parsePattern('(a0 a1:6) (b) -> a1 b a0'), [12, 5], { id: 'sixes' });
  expect(contiguousRun(fours, sixes)).toBe(1);
});

it('finds the composition of two shuffles as one layout', () => {
  const single = relayoutAsLayout(rowMajor(shape), shuffleWeight(shape));
  expect(single?.toCute()).toBe('((16,8,16,4)):((1,256,16,2048))');
});

describe('written as one layout, read as another', () => {
  it('names the element that a kernel gets', () => {
    const written = shuffleWeight([32, 64]);
    const read = rowMajor([32, 64]);
    const sees = readAs(written, read);
    expect(sees([0, 0])).toEqual([0, 0]);
    expect(sees([0, 16])).toEqual([1, 0]);
    expect(sees([1, 0])).toEqual([4, 0]);
  });

  it('is the identity for one layout', () => {
    const layout = shuffleScale([100, 11]);
    for (const coord of everyCoord([100, 11])) expect(readAs(layout, layout)(coord)).toEqual(coord);
  });

  it('leaves exactly the first gate and the last up block right when gate and up are confused', () => {
    const [E, N, K] = [1, 128, 64];
    const separated = shuffleWeight([E, N, K]);
    const interleaved = shuffleWeightGuinterleave([E, N, K], { bits: 8, gateUp: true });
    const right = new Set<number>();
    for (const coord of everyCoord([E, N, K])) {
      const seen = readAs(interleaved, separated)(coord);
      if (seen?.every((value, axis) => value === coord[axis])) right.add(coord[1] as number);
    }
    expect([...right].sort((a, b) => a - b)).toEqual([
      ...Array.from({ length: 16 }, (_, i) => i),
      ...Array.from({ length: 16 }, (_, i) => 112 + i),
    ]);
    expect(correctlyRead(interleaved, separated)).toEqual({ correct: 32 * K, total: N * K });
  });

  it('scrambles a scale that is read in the wrong state', () => {
    const seen = [...everyCoord([2, 3])].map((coord) =>
      readAs(scaleRowMajor([2, 3]), scaleColumnMajor([2, 3]))(coord)?.join(''),
    );
    // bytes a b c d e f read as columns: row 0 is (a, c, e), row 1 (b, d, f)
    expect(seen).toEqual(['00', '02', '11', '01', '10', '12']);
  });
});

it('refuses to invert what is no bijection', () =>
  expect(() => invert({ size: 3, at: (position) => position % 2 })).toThrow(
    'positions 0 and 2 both map to 0; only a bijection has an inverse.',
  ));

it('refuses layouts of different shapes', () =>
  expect(() => relayoutMapping(rowMajor([2, 3]), rowMajor([3, 2]))).toThrow(
    'layouts row-major [2, 3] and row-major [3, 2] are bound to different shapes; bind both to one.',
  ));

it('counts coordinates in row-major order', () =>
  expect([0, 1, 5, 23].map((index) => unravel(index, [2, 3, 4]))).toEqual([
    [0, 0, 0],
    [0, 0, 1],
    [0, 1, 1],
    [1, 2, 3],
  ]));
