import { describe, expect, it } from 'vitest';
import { readTar } from '../../../../backends/webgpu/node/tar.ts';
import { PreshuffleError } from '../../../../src/errors.ts';

/** One entry as tar writes it: a header block, then whole blocks of content. */
function entry(name: string, content: string, type = '0', size = content.length.toString(8).padStart(11, '0')): string {
  const header = `${name.padEnd(100, '\0')}${'0000644\0'.repeat(3)}${size}\0${'00000000000\0'}        ${type}`;
  return header.padEnd(512, '\0') + content.padEnd(Math.ceil(content.length / 512) * 512, '\0');
}

function read(...parts: readonly string[]): readonly (readonly [string, string])[] {
  const files = readTar(Uint8Array.from(parts.join(''), (char) => char.charCodeAt(0)));
  return [...files].map(([name, bytes]) => [name, String.fromCharCode(...bytes)]);
}

const END = '\0'.repeat(1024);

describe('readTar', () => {
  it('reads files of every length around a block', () => {
    for (const length of [0, 1, 511, 512, 513, 1024, 1025]) {
      const content = 'abcdefg'.repeat(150).slice(0, length);
      expect(read(entry('first', content), entry('second', 'x'), END)).toEqual([
        ['first', content],
        ['second', 'x'],
      ]);
    }
  });

  it('takes the old mark of a file, drops a leading ./ and skips what is no file', () => {
    expect(
      read(
        entry('./', '', '5'),
        entry('./a', '1', '0'),
        entry('b', '2', '\0'),
        entry('link', '', '2'),
        entry('./dir/./c', '3'),
      ),
    ).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['dir/./c', '3'],
    ]);
  });

  it('reads names that fill their field and sizes that end with a blank', () => {
    const name = 'n'.repeat(100);
    expect(read(entry(name, 'abc', '0', '0000000003 '), END)).toEqual([[name, 'abc']]);
  });

  it('stops at the end mark, and needs none', () => {
    expect(read(entry('a', '1'), END, entry('b', '2'))).toEqual([['a', '1']]);
    expect(read(entry('a', '1'))).toEqual([['a', '1']]);
    expect(read(END)).toEqual([]);
    expect(read('')).toEqual([]);
  });

  it('says which entry is cut off or damaged', () => {
    const damaged = new PreshuffleError('tar', 'entry "b" is damaged or cut off.');
    const cut = entry('b', 'x'.repeat(600)).slice(0, 512 + 599);
    expect(() => read(entry('a', '1'), cut)).toThrow(damaged);
    expect(() => read(entry('b', 'x', '0', 'zzz        '))).toThrow(damaged);
    // All content is there, only the padding behind it is not.
    expect(read(entry('b', 'x'.repeat(600)).slice(0, 512 + 600))).toEqual([['b', 'x'.repeat(600)]]);
  });
});
