import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileSource, openSafetensors, safetensorsChunks, writeFileAtomic } from '../../src/io/index-node.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-io-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tensors = [{ name: 'a', dtype: 'U8', shape: [4], bytes: Uint8Array.of(1, 2, 3, 4) }] as const;

it('writes in chunks and reads ranges', async () => {
  const file = path.join(folder, 'a.safetensors');
  await writeFileAtomic(file, safetensorsChunks(tensors));
  const opened = await openSafetensors(file);
  expect([...(await opened.readSlice('a', 1, 3))]).toEqual([2, 3]);
  await opened.close();
  expect(readdirSync(folder)).toEqual(['a.safetensors']);
});

it('keeps the old file when writing fails, and leaves nothing behind', async () => {
  const file = path.join(folder, 'kept');
  writeFileSync(file, 'old');
  function* failing(): Generator<Uint8Array> {
    yield Uint8Array.of(1);
    throw new Error('disk full');
  }
  await expect(writeFileAtomic(file, failing())).rejects.toThrow('disk full');
  expect(readFileSync(file, 'utf8')).toBe('old');
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

it('closes a file that is no safetensors file', async () => {
  const file = path.join(folder, 'short');
  writeFileSync(file, 'abc');
  await expect(openSafetensors(file)).rejects.toThrow(`${file}: is 3 bytes long`);
  await expect(openSafetensors(path.join(folder, 'none'))).rejects.toThrow('ENOENT');
});

it('says when a file shrinks while it is read', async () => {
  const file = path.join(folder, 'shrinking');
  writeFileSync(file, new Uint8Array(100));
  const source = await fileSource(file);
  writeFileSync(file, new Uint8Array(10));
  await expect(source.read(0, 100)).rejects.toThrow(
    'shrinking: ends at byte 10, expected 100 bytes; it shrank while it was read',
  );
  await source.close();
});
