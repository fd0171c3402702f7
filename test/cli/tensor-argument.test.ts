import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/cli/inputs.ts';
import { listTensorArgument, readTensorArgument } from '../../src/cli/tensor-argument.ts';
import { writeNpy } from '../../src/io/npy.ts';
import { writeSafetensors } from '../../src/io/safetensors-write.ts';

let dir = '';
const at = (name: string): string => path.join(dir, name);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const tensor = (name: string, ...values: number[]) => ({
  name,
  dtype: 'U8' as const,
  shape: [values.length],
  bytes: bytes(...values),
});

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'preshuffle-argument-'));
  await mkdir(at('run:2'));
  await mkdir(at('model'));
  await writeFile(at('one.safetensors'), writeSafetensors([tensor('w', 1, 2, 3)]));
  await writeFile(
    at('two.safetensors'),
    writeSafetensors([tensor('mlp.weight', 1), tensor('attn.weight', 2), tensor('b:c', 3)]),
  );
  await writeFile(at('none.safetensors'), writeSafetensors([]));
  await writeFile(at('run:2/a:b.npy'), writeNpy({ dtype: 'f2', shape: [1, 2], bytes: bytes(0, 0x3c, 0, 0x40) }));
  await writeFile(at('dump.bin'), bytes(9, 8, 7));
  await writeFile(at('empty.bin'), bytes());
  await writeFile(at('dump.pt'), bytes(0x80, 2));
  await writeFile(at('model/m-1.safetensors'), writeSafetensors([tensor('x', 4, 5)]));
  await writeFile(at('model/m-2.safetensors'), writeSafetensors([tensor('y', 6)]));
  const index = { metadata: { total_size: 3 }, weight_map: { x: 'm-1.safetensors', y: 'm-2.safetensors' } };
  await writeFile(at('model/model.safetensors.index.json'), JSON.stringify(index));
  const cut = writeSafetensors([tensor('w', 1, 2, 3)]);
  await writeFile(at('cut.safetensors'), cut.subarray(0, cut.length - 1));
});

afterAll(() => rm(dir, { recursive: true }));

describe('readTensorArgument', () => {
  it('reads the only tensor of a file, and a named one', async () => {
    expect(await readTensorArgument(at('one.safetensors'))).toEqual({
      name: 'w',
      file: at('one.safetensors'),
      dtype: 'U8',
      shape: [3],
      bytes: bytes(1, 2, 3),
    });
    expect((await readTensorArgument(`${at('two.safetensors')}:attn.weight`)).bytes).toEqual(bytes(2));
  });

  it('takes colons of an existing path, and of a tensor, as they are', async () => {
    const npy = await readTensorArgument(at('run:2/a:b.npy'));
    expect([npy.name, npy.dtype, npy.shape, npy.bytes.byteOffset % 8]).toEqual(['a:b.npy', 'F16', [1, 2], 0]);
    expect((await readTensorArgument(`${at('two.safetensors')}:b:c`)).bytes).toEqual(bytes(3));
  });

  it('gives raw bytes without dtype or shape', async () => {
    const { name, dtype, shape, bytes: data } = await readTensorArgument(at('dump.bin'));
    expect([name, dtype, shape, data]).toEqual(['dump.bin', undefined, undefined, bytes(9, 8, 7)]);
    expect((await readTensorArgument(at('empty.bin'))).bytes).toEqual(bytes());
  });

  it('reads a tensor of a sharded checkpoint', async () => {
    const y = await readTensorArgument(`${at('model/model.safetensors.index.json')}:y`);
    expect([y.name, y.bytes, y.file]).toEqual(['y', bytes(6), at('model/model.safetensors.index.json')]);
  });

  it.each([
    [
      'gone.npy',
      '"DIR/gone.npy" does not exist. Name a file as FILE or FILE:TENSOR: .safetensors, .safetensors.index.json, .npy or raw bytes.',
    ],
    [
      'gone.npy:w',
      'neither "DIR/gone.npy:w" nor "DIR/gone.npy" exists. Name a file as FILE or FILE:TENSOR: .safetensors, .safetensors.index.json, .npy or raw bytes.',
    ],
    [
      'two.safetensors',
      'DIR/two.safetensors: holds 3 tensors; name one as DIR/two.safetensors:TENSOR. It has attn.weight, b:c, mlp.weight.',
    ],
    [
      'two.safetensors:mlp.wieght',
      'DIR/two.safetensors: has no tensor "mlp.wieght". Did you mean mlp.weight? It has attn.weight, b:c, mlp.weight.',
    ],
    ['one.safetensors:', '"DIR/one.safetensors:" ends in a colon; name a tensor after it, or leave it out.'],
    ['none.safetensors', 'DIR/none.safetensors: holds no tensor.'],
    ['dump.bin:w', 'DIR/dump.bin: is raw bytes, which names no tensors; leave out ":w".'],
    ['model', '"DIR/model" is a directory, expected a file. Name "DIR/model/model.safetensors.index.json".'],
    ['run:2', '"DIR/run:2" is a directory, expected a file. Name a file in it.'],
    [
      'dump.pt',
      '"DIR/dump.pt" is a PyTorch pickle, which is not read here. Save with safetensors.torch.save_file({"name": tensor}, "name.safetensors").',
    ],
  ])('refuses %s', async (name, message) => {
    const error = await readTensorArgument(at(name)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message.replaceAll(dir, 'DIR')).toBe(message);
  });

  it('names a file that is cut off', async () => {
    await expect(readTensorArgument(at('cut.safetensors'))).rejects.toThrow(/cut\.safetensors: .*cut off/s);
  });
});

describe('listTensorArgument', () => {
  it('lists a whole file, or the tensor that is named', async () => {
    const all = await listTensorArgument(at('model/model.safetensors.index.json'));
    expect([...all.entries]).toEqual([
      ['x', { dtype: 'U8', shape: [2], byteLength: 2 }],
      ['y', { dtype: 'U8', shape: [1], byteLength: 1 }],
    ]);
    expect([all.named, all.warnings, (await all.read('x')).bytes]).toEqual([false, [], bytes(4, 5)]);
    await all.close();
    const one = await listTensorArgument(`${at('two.safetensors')}:b:c`);
    expect([one.named, [...one.entries.keys()]]).toEqual([true, ['b:c']]);
    await one.close();
    await expect(listTensorArgument(`${at('two.safetensors')}:q`)).rejects.toThrow('has no tensor "q"');
  });
});
