import { describe, expect, it } from 'vitest';
import { wrapNamed, wrapText } from '../../src/cli/wrap-text.ts';

describe('wrapping text', () => {
  it('breaks between words and counts the indent into the width', () =>
    expect(wrapText('one two three', 2, 10)).toEqual(['  one two', '  three']));

  it('breaks a word only where it is longer than a line', () =>
    expect(wrapText('a abcdefgh b', 0, 5)).toEqual(['a', 'abcde', 'fgh b']));

  it('fills a line to the last column', () => expect(wrapText('abc de', 0, 6)).toEqual(['abc de']));

  it('gives no line for no text', () => expect(wrapText(' \n ')).toEqual([]));

  it('puts a name beside the first line', () => {
    const [first, second] = wrapNamed('cause', 'word '.repeat(30), 10);
    expect(first).toBe(`cause     ${'word '.repeat(22).trimEnd()}`);
    expect(second).toBe(`          ${'word '.repeat(8).trimEnd()}`);
    expect(wrapNamed('cause', '', 10)).toEqual(['cause']);
  });
});
