import { describe, expect, it } from 'vitest';
import { shuffleWeight } from '../../src/layout/catalog.ts';
import { bindPattern, parseLayout, parsePattern } from '../../src/layout/notation.ts';

describe('parsePattern', () => {
  it('reads digits, sizes and names', () => {
    const pattern = parsePattern('(n0 n1:16) k=(k0 half:2 k2:16) (g | pad 8) -> n0 k0 half n1 k2 g');
    expect(pattern.dims).toEqual([
      {
        name: 'n',
        factors: [
          { name: 'n0', size: undefined },
          { name: 'n1', size: 16 },
        ],
        pad: undefined,
        size: undefined,
      },
      {
        name: 'k',
        factors: [
          { name: 'k0', size: undefined },
          { name: 'half', size: 2 },
          { name: 'k2', size: 16 },
        ],
        pad: undefined,
        size: undefined,
      },
      { name: 'g', factors: [{ name: 'g', size: undefined }], pad: 8, size: undefined },
    ]);
    expect(pattern.order).toEqual(['n0', 'k0', 'half', 'n1', 'k2', 'g']);
  });

  it.each([
    ['(n0 n1:16', 'expected a digit name, found the end at column 10 of layout "(n0 n1:16"'],
    ['(n) (n) -> n', 'digit "n" is declared twice at column 6 of layout "(n) (n) -> n"'],
    [
      '(n0 n1) -> n0 n1',
      'only one digit of a dimension may have no size; give the others one at column 1 of layout "(n0 n1) -> n0 n1"',
    ],
    ['(n) -> m', 'digit "m" belongs to no dimension at column 8 of layout "(n) -> m"'],
    ['(n) (m) -> n', 'digit "m" is missing from the storage order at column 13 of layout "(n) (m) -> n"'],
    ['(n) -> n n', 'digit "n" is listed twice at column 10 of layout "(n) -> n n"'],
    ['(n:0) -> n', 'expected a positive size, found "0" at column 4 of layout "(n:0) -> n"'],
    ['(n % m) -> n', 'unexpected character "%" at column 4 of layout "(n % m) -> n"'],
    ['(n | fill 3) -> n', 'expected "pad" or "size", found "fill" at column 6 of layout "(n | fill 3) -> n"'],
    ['() -> n', 'expected a digit name, found ")" at column 2 of layout "() -> n"'],
    ['', 'expected a dimension "(…)", "name=(…)" or "->", found the end at column 1 of layout ""'],
  ])('rejects %j', (text, message) => expect(() => parsePattern(text)).toThrow(message));
});

describe('bindPattern', () => {
  const pattern = parsePattern('(n0 n1:16) (k) -> n0 k n1');
  it('names the remainder', () =>
    expect(() => bindPattern(pattern, [17, 4], { id: 'tiles' })).toThrow(
      'tiles does not accept shape [17, 4]: n = 17 is not a multiple of 16 (17 % 16 == 1).',
    ));
  it('names the rank', () =>
    expect(() => bindPattern(pattern, [16], { id: 'tiles' })).toThrow(
      'tiles does not accept shape [16]: it has 1 dimensions, expected 2 (n, k).',
    ));
  it('refuses empty dimensions', () =>
    expect(() => bindPattern(pattern, [16, 0], { id: 'tiles' })).toThrow(
      'tiles does not accept shape [16, 0]: size 0 is not a positive integer.',
    ));
  it('pads', () => {
    const layout = bindPattern(parsePattern('(m0 m1:4 | pad 8) -> m1 m0'), [5], { id: 'padded' });
    expect(layout.storageSize).toBe(8);
    expect([0, 1, 2, 3, 4].map((m) => layout.offset([m]))).toEqual([0, 2, 4, 6, 1]);
    expect([3, 5, 7].map((offset) => layout.coord(offset))).toEqual([undefined, undefined, undefined]);
  });
});

it('needs every size to read a bound layout', () =>
  expect(() => parseLayout('(n0 n1:16) -> n0 n1')).toThrow(
    'digit "n0" has no size; give every digit one, or bind the pattern to a shape, at column 1 of layout "(n0 n1:16) -> n0 n1"',
  ));

it('prints notation and CuTe', () => {
  const layout = shuffleWeight([32, 64]);
  expect(String(layout)).toBe('n=(n0:2 n1:16) k=(k0:2 k1:2 k2:16) -> n0 k0 k1 n1 k2');
  expect(layout.toCute()).toBe('((16,2),(16,4)):((16,1024),(1,256))');
});

it('names the dimension of a coordinate out of range', () => {
  const layout = shuffleWeight([32, 64]);
  expect(() => layout.offset([32, 0])).toThrow(
    'shuffle_weight(16,16): coordinate [32, 0] is outside [32, 64] in dimension "n".',
  );
  expect(() => layout.offset([0])).toThrow(
    'shuffle_weight(16,16): coordinate [0] has 1 entries, the layout has 2 dimensions.',
  );
  expect(() => layout.coord(2048)).toThrow(
    'shuffle_weight(16,16): offset 2048 is outside the storage of 2048 elements.',
  );
});
