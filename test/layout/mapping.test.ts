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
  correctlyRead,
  invert,
  readAs,
  relayoutAsLayout,
  relayoutMapping,
  unravel,
} from '../../src/layout/mapping.ts';
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
