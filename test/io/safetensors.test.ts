import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PreshuffleError } from '../../src/errors.ts';
import {
  blobSource,
  dtypeBits,
  dtypeElement,
  elementDtype,
  memorySource,
  parseSafetensors,
  readSafetensors,
  SAFETENSORS_DTYPES,
  type SafetensorsDtype,
  SafetensorsError,
  writeSafetensors,
} from '../../src/io/index.ts';

/** A file with this header text and so many bytes of data. */
function file(header: string, dataBytes = 0, headerLength?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: string, shape: readonly number[], begin: number, end: number): string =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe('what a damaged file is told', () => {
  it.each<[string, Uint8Array, string]>([
    [
      'no length',
      new Uint8Array(5),
      'is 5 bytes long, expected at least 8 for the length of the header. The file is cut off or not safetensors.',
    ],
    [
      'a huge header',
      file('{}', 0, 10n ** 12n),
      'says that its header is 1000000000000 bytes long, more than the 100000000 that the format allows. The file is damaged or not safetensors.',
    ],
    [
      'a header beyond the end',
      file('{}', 0, 3n),
      'says that its header is 3 bytes long, but only 2 bytes follow. The file is cut off.',
    ],
    ['no object', file('[]'), 'has a header that begins with "[", expected "{".'],
    ['no JSON', file('{"a":}'), 'has a header that is not JSON: '],
    [
      'a tensor that is no object',
      file('{"a":3}'),
      'tensor "a" is declared as a number, expected an object with dtype, shape and data_offsets.',
    ],
    [
      'an unknown dtype',
      file(`{"a":${entry('F12', [1], 0, 1)}}`, 1),
      'tensor "a" has dtype "F12", expected one of BOOL, F4, ',
    ],
    ['no dtype', file('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1), 'tensor "a" has dtype missing, expected one of '],
    [
      'a negative size',
      file(`{"a":${entry('U8', [-1], 0, 1)}}`, 1),
      'tensor "a" has shape [-1], expected a list of integers of at least 0.',
    ],
    [
      'a fraction of a size',
      file(`{"a":${entry('U8', [1.5], 0, 1)}}`, 1),
      'tensor "a" has shape [1.5], expected a list of integers of at least 0.',
    ],
    [
      'three offsets',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 1),
      'tensor "a" has data_offsets [0,1,2], expected [begin, end] in bytes.',
    ],
    [
      'offsets backwards',
      file(`{"a":${entry('U8', [1], 2, 1)}}`, 2),
      'tensor "a" has data_offsets [2, 1], which end before they begin.',
    ],
    [
      'an unknown field',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}', 1),
      'tensor "a" has the unknown field "x", expected dtype, shape and data_offsets only.',
    ],
    [
      'a size that does not fit',
      file(`{"a":${entry('F32', [2, 3], 0, 20)}}`, 20),
      'tensor "a" of F32 [2, 3] takes 24 bytes, but its data_offsets [0, 20] span 20.',
    ],
    [
      'an immense shape',
      file(`{"a":${entry('F32', [4e9, 4e9], 0, 1)}}`, 1),
      'tensor "a" has shape [4000000000, 4000000000], whose size in bits is over 2^53.',
    ],
    [
      'an odd number of fp4',
      file(`{"a":${entry('F4', [3], 0, 2)}}`, 2),
      'tensor "a" has 12 bits of F4 [3], which are no whole bytes; pad the last dimension.',
    ],
    [
      'an overlap',
      file(`{"a":${entry('U8', [4], 0, 4)},"b":${entry('U8', [4], 2, 6)}}`, 6),
      'tensors "a" and "b" overlap: the first ends at byte 4, the second begins at 2.',
    ],
    [
      'a hole',
      file(`{"a":${entry('U8', [4], 0, 4)},"b":${entry('U8', [4], 6, 10)}}`, 10),
      'has a hole of 2 bytes at byte 4 of the data, in front of tensor "b".',
    ],
    [
      'a hole at the start',
      file(`{"a":${entry('U8', [4], 1, 5)}}`, 5),
      'has a hole of 1 bytes at byte 0 of the data, in front of tensor "a".',
    ],
    [
      'missing data',
      file(`{"a":${entry('U8', [4], 0, 4)}}`, 3),
      'declares 4 bytes of tensors, but only 3 follow the header. The file is cut off; the last tensor is "a".',
    ],
    [
      'trailing data',
      file(`{"a":${entry('U8', [4], 0, 4)}}`, 9),
      'has 5 bytes after its last tensor "a" that belong to none.',
    ],
    ['trailing data without tensors', file('{}', 2), 'has 2 bytes after its last tensor that belong to none.'],
    [
      'metadata of numbers',
      file('{"__metadata__":{"a":1}}'),
      'has __metadata__ "a" of a number, expected a string; encode other values as JSON text.',
    ],
    [
      'metadata that is a list',
      file('{"__metadata__":[]}'),
      'has __metadata__ of a list, expected an object of strings.',
    ],
    [
      'two tensors of one name',
      file(`{"a":${entry('U8', [1], 0, 1)},"a":${entry('U8', [1], 0, 1)}}`, 1),
      'has the key "a" twice in the header; one of them would be lost.',
    ],
    [
      'one name written in two ways',
      file(`{"a":${entry('U8', [1], 0, 1)},"\\u0061":${entry('U8', [1], 0, 1)}}`, 1),
      'has the key "a" twice in the header',
    ],
    [
      'a field twice',
      file('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
      'has the key "dtype" twice in "a"; one of them would be lost.',
    ],
  ])('%s', async (_name, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'x.safetensors')).toThrow(SafetensorsError);
    expect(() => parseSafetensors(bytes, 'x.safetensors')).toThrow(`x.safetensors: ${message}`);
    await expect(readSafetensors(memorySource(bytes, 'x.safetensors'))).rejects.toThrow(message);
  });

  it('a header that is not UTF-8', () => {
    const bytes = file('{"a":1}');
    bytes[10] = 0xff;
    expect(() => parseSafetensors(bytes)).toThrow('memory: has a header that is not UTF-8.');
  });
});

describe('round trips', () => {
  it.each(SAFETENSORS_DTYPES)('%s', (dtype) => {
    const shape = [3, 8];
    const bytes = Uint8Array.from({ length: (24 * dtypeBits(dtype)) / 8 }, (_, index) => index * 7);
    const { tensors, metadata } = parseSafetensors(
      writeSafetensors([{ name: 'a/b "c"', dtype, shape, bytes }], { note: 'ü' }),
    );
    expect(metadata).toEqual({ note: 'ü' });
    expect(tensors.get('a/b "c"')).toEqual({ name: 'a/b "c"', dtype, shape, bytes });
  });

  it('of any set of tensors', () => {
    const tensor = fc.record({
      dtype: fc.constantFrom<SafetensorsDtype>('U8', 'BF16', 'F32', 'F64', 'F8_E4M3', 'I32'),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    });
    const property = fc.property(
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((name) => name !== '__proto__' && name !== '__metadata__'),
        tensor,
      ),
      (record) => {
        const tensors = Object.entries(record).map(([name, { dtype, shape }], at) => {
          const count = shape.reduce((product, size) => product * size, dtypeBits(dtype)) / 8;
          return { name, dtype, shape, bytes: Uint8Array.from({ length: count }, (_, index) => index + at) };
        });
        const parsed = parseSafetensors(writeSafetensors(tensors));
        expect(parsed.tensors.size).toBe(tensors.length);
        for (const written of tensors) expect(parsed.tensors.get(written.name)).toEqual(written);
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  it('aligns every tensor to its element', () => {
    const tensors = (['U8', 'F64', 'BF16', 'F32'] as const).map((dtype) => ({
      name: dtype,
      dtype,
      shape: [3],
      bytes: new Uint8Array((3 * dtypeBits(dtype)) / 8),
    }));
    const parsed = parseSafetensors(writeSafetensors(tensors));
    for (const { dtype, bytes } of parsed.tensors.values()) expect(bytes.byteOffset % (dtypeBits(dtype) / 8)).toBe(0);
  });

  it('refuses what would not come back', () => {
    const bytes = new Uint8Array(3);
    expect(() => writeSafetensors([{ name: 'a', dtype: 'U8', shape: [4], bytes }])).toThrow(
      'tensor "a" of U8 [4] takes 4 bytes, but 3 were given.',
    );
    expect(() => writeSafetensors([{ name: '__metadata__', dtype: 'U8', shape: [3], bytes }])).toThrow(
      'a tensor cannot be named "__metadata__", which the format reserves.',
    );
    const twice = { name: 'a', dtype: 'U8', shape: [3], bytes } as const;
    expect(() => writeSafetensors([twice, twice])).toThrow('tensor "a" was given twice; names must be unique.');
  });
});

describe('reading', () => {
  const bytes = new Uint8Array(readFileSync('test/golden/gfx950.safetensors'));

  it('reads the header and single tensors only', async () => {
    const reads: [number, number][] = [];
    const source = {
      ...memorySource(bytes, 'big'),
      read: async (begin: number, end: number) => {
        reads.push([begin, end]);
        return bytes.subarray(begin, end);
      },
    };
    const opened = await readSafetensors(source);
    expect(reads).toHaveLength(2);
    const [name] = opened.tensors.keys();
    const raw = await opened.read(name ?? '');
    expect(reads).toHaveLength(3);
    expect(raw.bytes).toEqual(parseSafetensors(bytes).tensors.get(name ?? '')?.bytes);
  });

  it('reads slices, and says when they are outside', async () => {
    const opened = await readSafetensors(blobSource(new Blob([bytes]), 'blob'));
    const name = 'amd_fp8_blockscale_32x128_16x128x256/x';
    const whole = (await opened.read(name)).bytes;
    expect(await opened.readSlice(name, 256, 512)).toEqual(whole.subarray(256, 512));
    await expect(opened.readSlice(name, 0, 5000)).rejects.toThrow(
      `blob: tensor "${name}" has 4096 bytes; the slice [0, 5000] is outside.`,
    );
    await expect(opened.read('nothing')).rejects.toThrow('blob: has no tensor "nothing". It has amd_');
  });

  it('shares memory and takes odd offsets', () => {
    const header = `{"a":${entry('F32', [2], 0, 8)}} `;
    const odd = file(header.length % 2 === 0 ? `${header} ` : header, 8);
    const tensor = parseSafetensors(odd).tensors.get('a');
    expect((tensor?.bytes.byteOffset ?? 0) % 2).toBe(1);
    expect(tensor?.bytes.buffer).toBe(odd.buffer);
  });

  it('survives every single-byte change of a header and every cut', () => {
    const small = writeSafetensors(
      [
        { name: 'a', dtype: 'BF16', shape: [2, 2], bytes: new Uint8Array(8) },
        { name: 'b', dtype: 'U8', shape: [3], bytes: new Uint8Array(3) },
      ],
      { k: 'v' },
    );
    const harmless = (damaged: Uint8Array): void => {
      try {
        parseSafetensors(damaged);
      } catch (error) {
        if (!(error instanceof PreshuffleError)) throw error;
      }
    };
    for (let at = 0; at < small.length; at += 1) {
      for (const flip of [0x01, 0x10, 0x80, 0xff]) {
        const damaged = small.slice();
        damaged[at] = (damaged[at] as number) ^ flip;
        harmless(damaged);
      }
      expect(() => parseSafetensors(small.subarray(0, at))).toThrow(SafetensorsError);
    }
  });
});

it('maps dtypes to element types and back', () => {
  for (const dtype of SAFETENSORS_DTYPES) {
    const type = dtypeElement(dtype);
    if (type !== undefined && dtype !== 'BOOL') expect(elementDtype(type)).toBe(dtype);
  }
  expect(elementDtype('e2m3')).toBe('U8');
});
