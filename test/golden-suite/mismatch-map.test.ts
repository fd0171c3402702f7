import { describe, expect, it } from 'vitest';
import type { ElementType } from '../../src/formats/element-type.ts';
import { compareTensors } from '../../src/golden/compare.ts';
import { type MismatchMap, packCounts, unpackCounts } from '../../src/golden/index.ts';
import { mismatchMap } from '../../src/golden/mismatch-map.ts';
import { rowMajor, shuffleScale, shuffleWeight } from '../../src/layout/catalog.ts';
import type { Layout } from '../../src/layout/layout.ts';
import { materialize, tensorFrom } from '../../src/tensor/make.ts';

/** Compares zeros with a tensor that holds 1 where `fails` says so. */
function mapOf(
  layout: Layout,
  fails: (coord: readonly number[]) => boolean,
  options: { readonly type?: ElementType; readonly dims?: readonly string[]; readonly padding?: boolean } = {},
): MismatchMap {
  const { type = 'e4m3fn', ...rest } = options;
  const expected = materialize({ name: 'w', type, layout });
  const actual = materialize({ name: 'w', type, layout });
  for (let offset = 0; offset < layout.storageSize; offset += 1) {
    const coord = layout.coord(offset);
    if (coord !== undefined && fails(coord)) actual.bytes[offset] = 1;
  }
  const { map } = compareTensors(actual, { output: 'y', expected, compare: 'exact', ...rest });
  if (map === undefined) throw new Error('the comparison passed');
  return map;
}

describe('packed counts', () => {
  it.each([
    [[], []],
    [[4], [4]],
    [
      [4, 4],
      [4, 4],
    ],
    [
      [4, 4, 4, 0, 1, 1],
      [4, -2, 0, 1, 1],
    ],
    [
      [0, 0, 0, 0],
      [0, -3],
    ],
  ])('%j is %j', (counts, packed) => {
    expect(packCounts(counts)).toEqual(packed);
    expect(unpackCounts(packed)).toEqual(counts);
  });
});

it('is there for failing tensors only', () => {
  const y = tensorFrom('y', 'e4m3fn', [2], Uint8Array.of(1, 2));
  expect(compareTensors(y, { output: 'y', expected: y, compare: 'exact' })).not.toHaveProperty('map');
});

it('counts a small matrix element by element', () => {
  const map = mapOf(rowMajor([3, 4]), ([m, n]) => m === 1 && n !== 3, { dims: ['m', 'n'] });
  expect(map).toMatchObject({
    type: 'e4m3fn',
    layout: 'row-major',
    dims: [
      { name: 'm', size: 3 },
      { name: 'n', size: 4 },
    ],
    matrixDims: 0,
    matrices: 1,
    rows: 3,
    columns: 4,
    cell: [1, 1],
    grid: [3, 4],
    perMatrix: { mismatches: [3], elements: [12] },
    parity16: [],
    blocks: [],
    padding: { mismatches: 0, elements: 0 },
    skew: [],
  });
  expect(map.shown.map(({ matrix, mismatches, elements }) => [matrix, mismatches, elements])).toEqual([
    [0, [0, -3, 1, -2, 0, -4], [1, -11]],
  ]);
});

it('folds experts into matrices and large matrices into cells', () => {
  const map = mapOf(shuffleWeight([3, 96, 160], { bits: 8 }), ([e, n]) => e === 2 && (n as number) % 32 >= 16);
  expect(map.dims.map(({ name }) => name)).toEqual(['e', 'n', 'k']);
  expect([map.matrices, map.rows, map.columns, map.cell, map.grid]).toEqual([3, 96, 160, [2, 4], [48, 40]]);
  expect(map.shown.map(({ matrix }) => matrix)).toEqual([2]);
  const cells = unpackCounts(map.shown[0]?.mismatches ?? []);
  expect(cells.length).toBe(48 * 40);
  expect([cells[7 * 40], cells[8 * 40], cells[15 * 40 + 39], cells[16 * 40]]).toEqual([0, 8, 8, 0]);
  expect(map.perMatrix).toEqual({ mismatches: [0, 0, 48 * 160], elements: [15360, -2] });
  expect(map.parity16).toEqual([
    { axis: 'n', mismatches: [0, 7680], elements: [23040, 23040] },
    { axis: 'k', mismatches: [3840, 3840], elements: [23040, 23040] },
  ]);
  expect(map.blocks.map(({ axis, size, mismatches }) => [axis, size, mismatches])).toEqual([
    ['k', 32, [1536, -4]],
    ['k', 128, [6144, 1536]],
  ]);
  expect(map.skew.map(({ text }) => text)).toEqual([
    'all 7680 mismatches have e = 2',
    'all 7680 mismatches have n mod 32 >= 16',
  ]);
});

it('shows the 16 matrices that fail most, in order, and sums all of them', () => {
  const map = mapOf(rowMajor([20, 16, 80]), ([e, n]) => (n as number) <= (e as number) % 10, {});
  expect(map.shown.map(({ matrix }) => matrix)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19]);
  // Many matrices have coarser cells.
  expect([map.cell, map.grid]).toEqual([
    [1, 4],
    [16, 20],
  ]);
  expect(unpackCounts(map.perMatrix.mismatches)).toEqual(Array.from({ length: 20 }, (_, e) => ((e % 10) + 1) * 80));
});

it('takes short leading dimensions for rows: tokens and their slots', () => {
  const map = mapOf(rowMajor([40, 4, 32]), ([token]) => token === 7, { dims: ['token', 'slot', 'i'] });
  expect([map.matrixDims, map.matrices, map.rows, map.columns, map.grid]).toEqual([0, 1, 160, 32, [40, 32]]);
  expect(map.skew).toEqual([{ axis: 'token', text: 'all 128 mismatches have token = 7', covers: 1 / 40 }]);
});

it('maps vectors and scalars', () => {
  const vector = mapOf(rowMajor([200]), ([n]) => n === 199);
  expect([vector.rows, vector.columns, vector.cell, vector.grid]).toEqual([1, 200, [1, 4], [1, 50]]);
  expect(vector.dims).toEqual([{ name: 'column', size: 200 }]);
  const scalar = mapOf(rowMajor([]), () => true);
  expect([scalar.dims, scalar.rows, scalar.columns, scalar.shown]).toEqual([
    [],
    1,
    1,
    [{ matrix: 0, mismatches: [1], elements: [1] }],
  ]);
});

it('counts padding beside the cells', () => {
  const layout = shuffleScale([3, 5]);
  const expected = materialize({ name: 's', type: 'e8m0', layout });
  const actual = { ...expected, bytes: new Uint8Array(expected.bytes.length).fill(9) };
  const { map } = compareTensors(actual, { output: 'y', expected, compare: 'exact', padding: true });
  expect(map?.padding).toEqual({ mismatches: 2033, elements: 2033 });
  expect(map?.perMatrix).toEqual({ mismatches: [15], elements: [15] });
});

describe('the worst elements', () => {
  it('by units in the last place, NaN before all', () => {
    const expected = tensorFrom('y', 'e4m3fn', [8], new Uint8Array(8).fill(0x38));
    const actual = tensorFrom('y', 'e4m3fn', [8], Uint8Array.of(0x39, 0x3a, 0x7f, 0xb8, 0x38, 0x37, 0x36, 0x40));
    const worst = compareTensors(actual, { output: 'y', expected, compare: 'exact' }).map?.worst ?? [];
    expect(worst.map(({ coord, ulp }) => [coord?.[0], ulp])).toEqual([
      [2, Number.POSITIVE_INFINITY],
      [3, 112],
      [7, 8],
      [1, 2],
      [6, 2],
    ]);
    expect(worst[1]).toEqual({
      coord: [3],
      offset: 3,
      byte: 3,
      expected: { code: '0x38', value: 1 },
      actual: { code: '0xb8', value: -1 },
      ulp: 112,
    });
  });

  it('by multiples of the allowed error, with what was allowed', () => {
    const bf16 = (...codes: readonly number[]) => tensorFrom('y', 'bf16', [codes.length], Uint16Array.from(codes));
    const bound = { exact: Float64Array.of(1, 1, 1), error: Float64Array.of(1e-4, 1e-4, 1e-2) };
    const expected = bf16(0x3f80, 0x3f80, 0x3f90);
    const { map } = compareTensors(bf16(0x3f80, 0x3f84, 0x3f81), { output: 'y', expected, compare: 'bound' }, bound);
    expect(map?.worst.map(({ coord }) => coord)).toEqual([[1], [2]]);
    expect(map?.worst[0]).toMatchObject({ allowed: [1, 1], byte: 2 });
    expect(map?.worst[0]?.ofBound).toBeCloseTo(2 ** -5 / 1e-4, 6);
    // The golden value is the one that lies outside.
    expect(map?.worst[1]).toMatchObject({ goldenOutsideBound: true });
    expect(map?.worst[1]?.ofBound).toBeCloseTo(0.125 / 1e-2, 6);
  });
});

it('stays small: 4096 x 4096 elements that all fail, and noise', () => {
  const size = 4096;
  const tensor = { name: 'y', type: 'u8', layout: rowMajor([size, size]), bytes: new Uint8Array(size * size) } as const;
  const draw = (failed: Uint8Array) =>
    mismatchMap({ tensor, names: ['m', 'n'], failed, compared: () => true, worst: [] });
  const all = draw(tensor.bytes.slice().fill(1));
  expect(all.shown[0]?.mismatches).toEqual([4096, -4095]);
  expect(JSON.stringify(all).length).toBeLessThan(2000);
  let state = 1;
  const noise = draw(
    tensor.bytes.map(() => {
      state = (state * 1103515245 + 12345) & 0x7fffffff;
      return (state >> 16) & 1;
    }),
  );
  expect(noise.skew).toEqual([]);
  expect(JSON.stringify(noise).length).toBeLessThan(50_000);
});
