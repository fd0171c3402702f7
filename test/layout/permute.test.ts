import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalog } from '../../src/layout/catalog.ts';
import type { Layout } from '../../src/layout/layout.ts';
import { bindPattern, parsePattern } from '../../src/layout/notation.ts';
import { permute } from '../../src/layout/permute.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { everyCoord } from './support.ts';

type Bits = 4 | 8 | 16 | 32 | 64;

function readElement(bytes: Uint8Array, offset: number, bits: Bits): string {
  if (bits === 4) return String(((bytes[offset >> 1] as number) >> ((offset & 1) * 4)) & 15);
  return bytes.subarray((offset * bits) / 8, ((offset + 1) * bits) / 8).join();
}

/** Random bytes everywhere, padding included: a permutation that reads padding is found out. */
function poisoned(layout: Layout, bits: Bits, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: Math.ceil((layout.storageSize * bits) / 8) }, () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state >> 16;
  });
}

function checkPermutation(from: Layout, to: Layout, bits: Bits, offset = 0): void {
  const source = poisoned(from, bits, 7);
  const shifted = new Uint8Array(source.length + offset).subarray(offset);
  shifted.set(source);
  const out = permute(shifted, from, to, bits, { fill: 0xa5 });
  for (const coord of everyCoord(from.shape)) {
    if (readElement(out, to.offset(coord), bits) !== readElement(source, from.offset(coord), bits)) {
      expect.fail(`${from.id} -> ${to.id}, ${bits} bits: element [${coord.join(', ')}] is wrong`);
    }
  }
  for (let at = 0; at < to.storageSize; at += 1) {
    if (to.coord(at) !== undefined) continue;
    const fill = bits === 4 ? [String((0xa5 >> ((at & 1) * 4)) & 15)] : [new Uint8Array(bits / 8).fill(0xa5).join()];
    expect(fill).toContain(readElement(out, at, bits));
  }
}

describe.each([4, 8, 16, 32, 64] as const)('%d-bit elements', (bits) => {
  it.each(catalog.map((entry) => [entry.id, entry] as const))('to and from %s', (_id, entry) => {
    const layout = entry.bind(entry.example, { bits: bits === 4 || bits === 16 ? bits : 8 });
    const plain = rowMajor(layout.shape);
    checkPermutation(plain, layout, bits);
    checkPermutation(layout, plain, bits);
    checkPermutation(plain, layout, bits, 1);
  });
});

it('goes between any two layouts of one shape', () => {
  const shape = [64, 128];
  const bound = catalog.flatMap((entry) => {
    try {
      return [entry.bind(shape)];
    } catch {
      return [];
    }
  });
  expect(bound.length).toBeGreaterThan(12);
  for (const from of bound) for (const to of bound) checkPermutation(from, to, 8);
});

it('handles digits that do not nest', () => {
  const from = bindPattern(parsePattern('(a0 a1:4) (b) -> b a0 a1'), [12, 5], { id: 'fours' });
  const to = bindPattern(parsePattern('(a0 a1:6) (b) -> a1 b a0'), [12, 5], { id: 'sixes' });
  for (const bits of [4, 8, 16, 32] as const) checkPermutation(from, to, bits);
});

it('permutes random patterns with random padding', () => {
  const digits = fc.tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 8 }),
    fc.integer({ min: 1, max: 4 }),
  );
  const property = fc.property(
    digits,
    digits,
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 0, max: 5 }),
    fc.constantFrom<Bits>(4, 8, 16, 32),
    (m, k, missM, missK, bits) => {
      const [m0, m1, m2] = m;
      const [k0, k1, k2] = k;
      const shape = [Math.max(1, m0 * m1 * m2 - missM), Math.max(1, k0 * k1 * k2 - missK)];
      const dims = `m=(a:${m0} b:${m1} c:${m2} | size ${shape[0]}) k=(x:${k0} y:${k1} z:${k2} | size ${shape[1]})`;
      const from = bindPattern(parsePattern(`${dims} -> a x b y c z`), shape, { id: 'one' });
      const to = bindPattern(parsePattern(`${dims} -> z a y x c b`), shape, { id: 'other' });
      checkPermutation(from, to, bits);
    },
  );
  fc.assert(property, { numRuns: 150 });
});

it('counts the words of more than 2 GiB', () => {
  // Nearly all padding, which is never touched: the pages are not even allocated.
  const from = bindPattern(parsePattern(`(m0 m1:8 | pad ${2 ** 31}) -> m0 m1`), [8], { id: 'huge' });
  const source = new Uint8Array(2 ** 31);
  source.set([1, 2, 3, 4, 5, 6, 7, 8]);
  expect([...permute(source, from, rowMajor([8]), 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

describe('bad arguments', () => {
  const layout = rowMajor([4, 8]);
  it('names both lengths', () =>
    expect(() => permute(new Uint8Array(31), layout, layout, 8)).toThrow(
      'permute: 31 bytes were given, but row-major [4, 8] of 8-bit elements takes 32.',
    ));
  it('names both shapes', () =>
    expect(() => permute(new Uint8Array(32), layout, rowMajor([8, 4]), 8)).toThrow(
      "permute: source layout row-major is bound to [4, 8], target layout row-major to [8, 4]. Bind both to the tensor's logical shape.",
    ));
  it('refuses other widths', () =>
    expect(() => permute(new Uint8Array(32), layout, layout, 6)).toThrow(
      'permute: parameter "bits": is 6, expected 4, 8, 16, 32 or 64.',
    ));
  it('refuses a fill that is no byte', () =>
    expect(() => permute(new Uint8Array(32), layout, layout, 8, { fill: 256 })).toThrow(
      'permute: parameter "fill": is 256, expected a byte 0..255.',
    ));
  it('refuses an output of another size', () =>
    expect(() => permute(new Uint8Array(32), layout, layout, 8, { out: new Uint8Array(33) })).toThrow(
      'permute: parameter "out": has 33 bytes, expected 32 for row-major.',
    ));
});
