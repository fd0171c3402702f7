import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ByteSource, blobSource, writeNpy, writeSafetensors } from '../../../src/io/index.ts';
import { MAX_TENSOR_BYTES, openRaw, openTensorFile, sizeText } from '../../../src/visualizer/model/tensor-file.ts';

function fileOf(bytes: Uint8Array, name: string): ByteSource {
  return blobSource(new File([bytes as Uint8Array<ArrayBuffer>], name));
}

const SHUFFLE = readFileSync(new URL('../../golden/shuffle.safetensors', import.meta.url));

/** A file of any size whose bytes are made up when they are asked for; counts what is read. */
function hugeFile(name: string, header: Uint8Array, size: number): ByteSource & { readonly bytes: number } {
  const huge = {
    name,
    size,
    bytes: 0,
    async read(begin: number, end: number) {
      huge.bytes += end - begin;
      const bytes = new Uint8Array(end - begin);
      bytes.set(header.subarray(begin, Math.min(end, header.length)));
      return bytes;
    },
  };
  return huge;
}

function safetensorsHeader(entries: object): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(entries));
  const header = new Uint8Array(8 + text.length);
  new DataView(header.buffer).setBigUint64(0, BigInt(text.length), true);
  header.set(text, 8);
  return header;
}

describe('safetensors', () => {
  it('lists tensors and reads one', async () => {
    const file = await openTensorFile(fileOf(SHUFFLE, 'shuffle.safetensors'));
    const x = file.tensors.find(({ name }) => name === 'xscale_t_5x56/x');
    expect(file.kind).toBe('safetensors');
    expect(x).toEqual({ name: 'xscale_t_5x56/x', dtype: 'F32', type: 'f32', shape: [5, 56], bytes: 1120 });
    expect((await file.load('xscale_t_5x56/x')).length).toBe(1120);
  });

  it('reads of a 60 GB shard the header and the chosen tensor only', async () => {
    const GB = 1e9;
    const header = safetensorsHeader({
      big: { dtype: 'U8', shape: [59 * GB], data_offsets: [0, 59 * GB] },
      small: { dtype: 'F32', shape: [2, 3], data_offsets: [59 * GB, 59 * GB + 24] },
    });
    const huge = hugeFile('shard.safetensors', header, header.length + 59 * GB + 24);
    const file = await openTensorFile(huge);
    expect(await file.load('small')).toEqual(new Uint8Array(24));
    expect(huge.bytes).toBeLessThan(1000);
    await expect(file.load('big')).rejects.toThrow(
      'shard.safetensors: "big" has 54.9 GiB, more than the 2 GiB that a browser holds in one piece. Cut out a part of it, such as one expert, and open that.',
    );
  });

  it('passes the errors of the library on', async () => {
    const open = (bytes: Uint8Array, name = 'a.safetensors') => openTensorFile(fileOf(bytes, name));
    await expect(open(new TextEncoder().encode('hello'), 'note.txt')).rejects.toThrow(
      'note.txt: is 5 bytes long, expected at least 8 for the length of the header. The file is cut off or not safetensors.',
    );
    await expect(open(SHUFFLE.subarray(0, SHUFFLE.length - 100))).rejects.toThrow(
      /The file is cut off; the last tensor is/,
    );
    const wide = new Uint8Array(64);
    new DataView(wide.buffer).setBigUint64(0, 200_000_000n, true);
    await expect(open(wide)).rejects.toThrow(
      'a.safetensors: says that its header is 200000000 bytes long, more than the 100000000 that the format allows. The file is damaged or not safetensors.',
    );
    const unknown = safetensorsHeader({ w: { dtype: 'F8_E9M9', shape: [1], data_offsets: [0, 1] } });
    await expect(open(unknown)).rejects.toThrow(/^a.safetensors: tensor "w" has dtype "F8_E9M9", expected one of BOOL/);
  });

  it('has no element type for dense 6-bit codes and complex numbers', async () => {
    const bytes = writeSafetensors([{ name: 'c', dtype: 'C64', shape: [2], bytes: new Uint8Array(16) }]);
    const file = await openTensorFile(fileOf(bytes, 'c.safetensors'));
    expect(file.tensors[0]?.type).toBeUndefined();
  });
});

describe('npy', () => {
  it('is one tensor, whatever the file is called', async () => {
    const bytes = writeNpy({ dtype: 'f4', shape: [2, 2], bytes: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) });
    const file = await openTensorFile(fileOf(bytes, 'w.npy'));
    expect(file.tensors).toEqual([{ name: 'w', dtype: 'f4', type: 'f32', shape: [2, 2], bytes: 16 }]);
    expect(new Float32Array((await file.load('w')).slice().buffer)).toEqual(Float32Array.of(1, 2, 3, 4));
    expect((await openTensorFile(fileOf(bytes, 'w.dump'))).kind).toBe('npy');
  });
  it('passes errors on, and refuses what no browser holds', async () => {
    await expect(openTensorFile(fileOf(new Uint8Array(4), 'w.npy'))).rejects.toThrow(
      'w.npy: does not begin with the npy signature \\x93NUMPY.',
    );
    const huge = hugeFile('w.npy', new Uint8Array(8), MAX_TENSOR_BYTES + 1);
    await expect(openTensorFile(huge)).rejects.toThrow(/more than the 2 GiB/);
  });
});

describe('raw bytes', () => {
  const raw = fileOf(
    Uint8Array.from({ length: 100 }, (_, at) => at),
    'w.bin',
  );
  it('are a tensor from an offset on', async () => {
    const file = openRaw(raw, { type: 'e2m1', shape: [3, 10], offset: 7 });
    expect(file.tensors[0]).toMatchObject({ dtype: 'e2m1', shape: [3, 10], bytes: 15 });
    expect([...(await file.load('bytes'))].slice(0, 3)).toEqual([7, 8, 9]);
  });
  it('must be enough', () => {
    expect(() => openRaw(raw, { type: 'f32', shape: [5, 5], offset: 1 })).toThrow(
      'w.bin: has 100 bytes; f32 [5, 5] takes 100 from byte 1 on. Change the shape, the type or the offset.',
    );
  });
});

it('writes sizes as people do', () => {
  expect([1, 1100, 24 * 1024, 2 ** 31, 59e9].map(sizeText)).toEqual([
    '1 bytes',
    '1,100 bytes',
    '24 KiB',
    '2 GiB',
    '54.9 GiB',
  ]);
});
