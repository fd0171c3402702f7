import { describe, expect, it } from 'vitest';
import { memorySource, openSharded, writeSafetensors } from '../../src/io/index.ts';

const shard = (...names: readonly string[]): Uint8Array =>
  writeSafetensors(
    names.map((name, index) => ({
      name,
      dtype: 'U8' as const,
      shape: [4],
      bytes: new Uint8Array(4).fill(index + name.length),
    })),
  );
const files = new Map([
  ['one.safetensors', shard('a', 'bb')],
  ['two.safetensors', shard('ccc')],
]);
const open = (index: unknown) =>
  openSharded(
    'model.safetensors.index.json',
    typeof index === 'string' ? index : JSON.stringify(index),
    async (name) => {
      const bytes = files.get(name);
      if (bytes === undefined) throw new Error(`no file ${name}`);
      return memorySource(bytes, name);
    },
  );
const map = { a: 'one.safetensors', bb: 'one.safetensors', ccc: 'two.safetensors' };

it('reads tensors from their shards', async () => {
  const model = await open({ metadata: { total_size: 12 }, weight_map: map });
  expect([...model.shards.keys()]).toEqual(['a', 'bb', 'ccc']);
  expect([...(await model.read('bb')).bytes]).toEqual([3, 3, 3, 3]);
  expect((await model.read('ccc')).name).toBe('ccc');
  expect(model.warnings).toEqual([]);
  expect(() => model.read('d')).toThrow('model.safetensors.index.json: has no tensor "d" among its 3.');
});

it('warns of a wrong total size', async () =>
  expect((await open({ metadata: { total_size: 13 }, weight_map: map })).warnings).toEqual([
    'the index declares total_size 13, but its shards hold 12 bytes of tensors.',
  ]));

describe('what a damaged index is told', () => {
  it.each<[unknown, string]>([
    ['{', 'is not JSON: '],
    [{}, 'has no "weight_map" object from tensor names to shard files.'],
    [{ weight_map: { a: 3 } }, 'maps tensor "a" to 3, expected the name of a file beside the index.'],
    [
      { weight_map: { a: '../secret' } },
      'maps tensor "a" to "../secret", expected the name of a file beside the index.',
    ],
    [
      { weight_map: { a: 'three.safetensors' } },
      'shard "three.safetensors" cannot be opened: no file three.safetensors',
    ],
    [
      { weight_map: { ...map, d: 'two.safetensors' } },
      'maps tensor "d" to shard "two.safetensors", which does not have it.',
    ],
    [
      { weight_map: { a: 'one.safetensors' } },
      'does not map tensor "bb" of shard "one.safetensors"; it would be lost.',
    ],
  ])(
    '%j',
    async (index, message) => await expect(open(index)).rejects.toThrow(`model.safetensors.index.json: ${message}`),
  );

  it('one tensor in two shards', async () => {
    files.set('three.safetensors', shard('ccc', 'd'));
    await expect(open({ weight_map: { ...map, d: 'three.safetensors' } })).rejects.toThrow(
      'maps tensor "ccc" to shard "two.safetensors", but shard "three.safetensors" has one of that name too.',
    );
  });
});
