import { describe, expect, it } from 'vitest';
import { type NpyDtype, parseNpy, writeNpy } from '../../src/io/index.ts';

/** A version 1 file as numpy.save writes it. */
function npy(header: string, data: Uint8Array, version = 1): Uint8Array {
  const text = new TextEncoder().encode(`${header}\n`);
  const prefix = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...prefix, ...text, ...data);
}

it.each(['b1', 'u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8', 'f2', 'f4', 'f8'] as const)(
  '%s survives a round trip',
  (dtype: NpyDtype) => {
    const width = Number(dtype.slice(1));
    for (const shape of [[], [5], [2, 3], [0, 4]]) {
      const count = shape.reduce((product, size) => product * size, width);
      const bytes = Uint8Array.from({ length: count }, (_, index) => index + 1);
      const file = writeNpy({ dtype, shape, bytes });
      expect(file.length - bytes.length).toBe(128 - 64 * (file.length - bytes.length === 64 ? 1 : 0));
      expect(parseNpy(file)).toEqual({ dtype, shape, bytes });
    }
  },
);

it('writes what numpy writes', () => {
  const file = writeNpy({ dtype: 'f4', shape: [2], bytes: new Uint8Array(8) });
  expect(new TextDecoder('latin1').decode(file.subarray(0, 128))).toBe(
    `\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }${' '.repeat(60)}\n`,
  );
});

describe('files of numpy', () => {
  it('reads versions 1, 2 and 3', () => {
    for (const version of [1, 2, 3]) {
      expect(
        parseNpy(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }", Uint8Array.of(1, 2, 3, 4), version))
          .shape,
      ).toEqual([2, 2]);
    }
  });
  it('swaps big-endian elements', () => {
    const array = parseNpy(npy("{'descr': '>u2', 'fortran_order': False, 'shape': (2,), }", Uint8Array.of(1, 2, 3, 4)));
    expect([...array.bytes]).toEqual([2, 1, 4, 3]);
  });
  it('turns Fortran order into row-major', () => {
    const array = parseNpy(
      npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", Uint8Array.of(1, 4, 2, 5, 3, 6)),
    );
    expect([...array.bytes]).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

it.each([
  [Uint8Array.of(1, 2, 3), 'a.npy: does not begin with the npy signature \\x93NUMPY.'],
  [
    npy('{}', new Uint8Array(0)),
    'a.npy: has the header "{}", expected descr, fortran_order and shape of a plain array.',
  ],
  [
    npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", new Uint8Array(8)),
    'a.npy: has dtype "<c8", expected one of b1, u1,',
  ],
  [
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", new Uint8Array(8)),
    'a.npy: of f4 [3] takes 12 bytes, but 8 follow the header.',
  ],
  [
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", new Uint8Array(8)).subarray(0, 30),
    'says that its header is 58 bytes long, but 20 follow. The file is cut off.',
  ],
  [npy("{'descr': '<f4'", new Uint8Array(0), 9), 'a.npy: has npy version 9.0, expected 1, 2 or 3.'],
])('says what is wrong (%#)', (bytes, message) => expect(() => parseNpy(bytes, 'a.npy')).toThrow(message));

it('refuses bytes that do not fit', () =>
  expect(() => writeNpy({ dtype: 'f4', shape: [2], bytes: new Uint8Array(4) }, 'a.npy')).toThrow(
    'a.npy: f4 [2] takes 8 bytes, but 4 were given.',
  ));
