import { describe, expect, it } from 'vitest';
import { axisIndexAt, axisOffset, axisOffsets, catalog, rowMajor, unravel } from '../../src/layout/index.ts';

describe.each(catalog)('$id', (entry) => {
  const layout = entry.bind(entry.example, { bits: 8 });
  it('offsets are sums over the dimensions', () => {
    const tables = layout.shape.map((_, axis) => axisOffsets(layout, axis));
    for (let index = 0; index < layout.size; index += 1) {
      const coord = unravel(index, layout.shape);
      const sum = coord.reduce((total, value, axis) => total + (tables[axis]?.[value] ?? Number.NaN), 0);
      expect(sum).toBe(layout.offset(coord));
      expect(layout.dims.map((dim) => axisIndexAt(dim, sum))).toEqual(coord);
    }
  });
});

it('gives a part of a dimension', () => {
  expect([...axisOffsets(rowMajor([4, 8]), 0, 1, 3)]).toEqual([8, 16]);
  expect(axisOffset(rowMajor([4, 8]), 0, 3)).toBe(24);
});

it('names an index, range or axis that is outside', () => {
  const layout = rowMajor([4, 8]);
  expect(() => axisOffset(layout, 0, 4)).toThrow('row-major: index 4 of dimension 0 is outside [4, 8].');
  expect(() => axisOffset(layout, 2, 0)).toThrow('row-major: index 0 of dimension 2 is outside [4, 8].');
  expect(() => axisOffsets(layout, 1, 0, 9)).toThrow('row-major: indices 0 to 9 of dimension 1 are outside [4, 8].');
});
