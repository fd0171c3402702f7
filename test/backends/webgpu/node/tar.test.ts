import { expect, it } from 'vitest';
import { readTar } from '../../../../backends/webgpu/node/tar.ts';

function entry(name: string, content: string, kind = '0'): Uint8Array {
  const bytes = new TextEncoder().encode(content);
  const block = new Uint8Array(512 + Math.ceil(bytes.length / 512) * 512);
  const put = (text: string, at: number): void => block.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  put(kind, 156);
  put('ustar\0', 257);
  block.set(bytes, 512);
  return block;
}

function archive(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 1024));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

it('reads regular files, whatever their length, and skips folders', () => {
  const files = [
    ...readTar(
      archive(entry('folder/', '', '5'), entry('a.txt', 'hello'), entry('big', 'x'.repeat(512)), entry('empty', '')),
    ),
  ];
  expect(files.map(([name, bytes]) => [name, new TextDecoder().decode(bytes).length])).toEqual([
    ['a.txt', 5],
    ['big', 512],
    ['empty', 0],
  ]);
});

it('says that an archive is cut off', () => {
  const cut = archive(entry('a.txt', 'hello')).subarray(0, 514);
  expect(() => [...readTar(cut)]).toThrow(/a\.txt/);
});
