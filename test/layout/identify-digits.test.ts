import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identifyLayout, Layout, parseLayout, permute, rowMajor } from '../../src/layout/index.ts';
import { randomOf } from './guess-support.ts';

const SEED = 20_240_817;

/** A random layout: dimensions of random digits, stored in a random order. */
const layouts = fc
  .record({
    dims: fc.array(fc.array(fc.constantFrom(2, 2, 2, 3, 4, 5, 8, 16), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 3,
    }),
    seed: fc.integer(),
  })
  .map(({ dims, seed }) => {
    const random = randomOf(seed);
    const named = dims.map((sizes, axis) => ({
      name: `d${axis}`,
      size: sizes.reduce((all, size) => all * size, 1),
      factors: sizes.map((size, at) => ({ name: `d${axis}_${at}`, size })),
    }));
    const order = named
      .flatMap(({ factors }) => factors.map(({ name }) => ({ name, at: random.uniform() })))
      .toSorted((a, b) => a.at - b.at)
      .map(({ name }) => name);
    return new Layout({ id: 'random', dims: named, order });
  })
  .filter(({ size }) => size <= 1 << 15);

/** 16-bit elements that hold their own row-major number: no two are equal. */
function numbered(size: number): Uint8Array {
  return new Uint8Array(Uint16Array.from({ length: size }, (_, at) => at).buffer);
}

function randomBytes(length: number, seed: number, codes: number): Uint8Array {
  const { uniform } = randomOf(seed);
  return Uint8Array.from({ length }, () => Math.floor(uniform() * codes));
}

function inferred(plain: Uint8Array, layout: Layout, bits: number): ReturnType<typeof identifyLayout> {
  const shuffled = permute(plain, rowMajor(layout.shape), layout, bits);
  return identifyLayout({ raw: plain, shuffled, bits, shape: layout.shape, candidates: [] });
}

describe('a random permutation of digits', () => {
  it('is recovered from numbered elements', () =>
    fc.assert(
      fc.property(layouts, (layout) => {
        const result = inferred(numbered(layout.size), layout, 16);
        expect(String(result.inferred?.shape)).toBe(String(layout.shape));
        expect(result.inferred?.equals(layout)).toBe(true);
        expect(result).toMatchObject({ coverage: 1, firstContradiction: undefined });
        // The notation says it all.
        expect(parseLayout(String(result.inferred)).equals(layout)).toBe(true);
      }),
      { seed: SEED, numRuns: 150 },
    ));

  it('is recovered from random bytes, or said to be open', () =>
    fc.assert(
      fc.property(layouts, fc.integer(), (layout, seed) => {
        const plain = randomBytes(layout.size, seed, 256);
        const result = inferred(plain, layout, 8);
        if (layout.size >= 1024) expect(result.inferred).toBeDefined();
        if (result.inferred !== undefined) expect(result.inferred.equals(layout)).toBe(true);
        else expect(result.inference?.solutions.length).toBeGreaterThan(1);
      }),
      { seed: SEED, numRuns: 150 },
    ));

  it('of two codes is never another layout', () =>
    fc.assert(
      fc.property(layouts, fc.integer(), fc.constantFrom(4, 8), (layout, seed, bits) => {
        fc.pre((layout.size * bits) % 8 === 0);
        const plain = randomBytes((layout.size * bits) / 8, seed, 2);
        const { inferred: found, inference } = inferred(plain, layout, bits);
        if (found !== undefined) expect(found.equals(layout)).toBe(true);
        else expect(inference?.reason).toBeDefined();
      }),
      { seed: SEED, numRuns: 60 },
    ));

  it('of fp4 pairs that are torn apart', () => {
    const layout = parseLayout('n=(n0:8 n1:16) k=(k0:16 k1:4) -> n0 k1 n1 k0');
    const result = inferred(randomBytes(128 * 32, 3, 256), layout, 4);
    expect(String(result.inferred)).toBe(String(layout));
  });
});

describe('names', () => {
  it.each([
    'n=(n0:4 n1:16) k=(k0:4 k1:2 k2:16) -> n0 k0 n1 k1 k2',
    'e=(e:2) n=(n0:2 n1:16) k=(k0:4 k1:16) -> k0 e n1 n0 k1',
    'n=(n:64) k=(k0:3 k1:32) -> k0 n k1',
  ])('%s', (text) => {
    const layout = parseLayout(text);
    const merged = String(inferred(randomBytes(layout.size, 5, 256), layout, 8).inferred);
    expect(parseLayout(merged).equals(layout)).toBe(true);
    expect(merged.split(' -> ')[0]).toMatch(/^(e=\(e:2\) )?n=\(n/);
  });

  it('has one dimension without a shape', () => {
    const layout = parseLayout('n=(n0:4 n1:16) k=(k0:8 k1:16) -> k0 n0 n1 k1');
    const plain = randomBytes(layout.size, 6, 256);
    const shuffled = permute(plain, rowMajor(layout.shape), layout, 8);
    const { inferred: found } = identifyLayout({ raw: plain, shuffled, bits: 8, candidates: [] });
    expect(String(found)).toBe('x=(x0:64 x1:8 x2:16) -> x1 x0 x2');
  });
});

describe('data that do not decide', () => {
  it('rows that are equal', () => {
    const row = randomBytes(64, 7, 256);
    const plain = Uint8Array.from({ length: 64 * 64 }, (_, at) => row[at % 64] as number);
    const result = inferred(plain, parseLayout('n=(n0:4 n1:16) k=(k0:8 k1:8) -> n0 k0 n1 k1'), 8);
    expect(result.inferred).toBeUndefined();
    expect(result.inference?.solutions.length).toBeGreaterThan(1);
    expect(result.inference?.reason).toMatch(
      /permutations explain every element, because codes repeat; .* first raw element \d+: to \d+ or \d+/,
    );
  });

  it('zeros', () => {
    const result = inferred(new Uint8Array(4096), parseLayout('n=(n0:4 n1:16) k=(k:64) -> n0 k n1'), 8);
    expect(result.inferred).toBeUndefined();
    expect(result.inference?.complete).toBe(false);
  });

  it('no permutation of digits at all: rows in an order of their own', () => {
    const { uniform } = randomOf(8);
    const plain = randomBytes(64 * 64, 9, 256);
    const order = Array.from({ length: 64 }, (_, at) => ({ at, key: uniform() })).toSorted((a, b) => a.key - b.key);
    const shuffled = new Uint8Array(plain.length);
    for (const [to, { at }] of order.entries()) shuffled.set(plain.subarray(at * 64, at * 64 + 64), to * 64);
    const result = identifyLayout({ raw: plain, shuffled, bits: 8, shape: [64, 64] });
    expect(result).toMatchObject({ matches: [], inferred: undefined, inference: { complete: true, solutions: [] } });
    expect(result.inference?.reason).toBe(
      'no permutation of digits of 8-bit elements explains every element; all were considered.',
    );
  });

  it('wrong bytes at one end: reported as nearly', () => {
    const layout = parseLayout('n=(n0:4 n1:16) k=(k0:8 k1:16) -> k0 n0 n1 k1');
    const plain = randomBytes(layout.size, 10, 256);
    const shuffled = permute(plain, rowMajor(layout.shape), layout, 8);
    for (const at of [0, 1, 2]) shuffled[at] = 255 - (shuffled[at] as number);
    const result = identifyLayout({ raw: plain, shuffled, bits: 8, shape: layout.shape });
    expect(result.inferred).toBeUndefined();
    expect(result.near[0]).toMatchObject({ exact: false, differing: 3 });
    expect(result.near[0]?.layout.equals(layout)).toBe(true);
    expect(result.near[0]?.differences[0]).toMatchObject({ rawOffset: 0, shuffledOffset: 0 });
  });
});
