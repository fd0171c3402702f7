import { describe, expect, it } from 'vitest';
import {
  type CatalogEntry,
  catalog,
  checkShape,
  gateUpInterleaved,
  identifyLayout,
  type Layout,
  permute,
  rowMajor,
  shuffleScale,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/index.ts';
import { randomOf } from './guess-support.ts';

function randomBytes(length: number, seed = 1): Uint8Array {
  const { uniform } = randomOf(seed);
  return Uint8Array.from({ length }, () => Math.floor(uniform() * 256));
}

const FILL = 0xa5;

/** Stores row-major bytes in a layout. */
function stored(bytes: Uint8Array, layout: Layout, bits: number, fill = FILL): Uint8Array {
  return permute(bytes, rowMajor(layout.shape), layout, bits, { fill });
}

/** The shape that an entry takes with these elements: its example, or one with twice the columns. */
function shapeOf(entry: CatalogEntry, bits: number): readonly number[] {
  const doubled = [...entry.example.slice(0, -1), (entry.example.at(-1) ?? 1) * 2];
  return checkShape(entry, entry.example, { bits }).ok ? entry.example : doubled;
}

function answers(result: ReturnType<typeof identifyLayout>): readonly string[] {
  return result.matches.flatMap(({ title, sameAs }) => [title, ...sameAs]);
}

describe.each([4, 8, 16])('every layout of the catalog, %d bits', (bits) => {
  it.each(catalog.map((entry) => [entry.id, entry] as const))('%s, forwards and backwards', (id, entry) => {
    const shape = shapeOf(entry, bits);
    const layout = entry.bind(shape, { bits });
    const plain = randomBytes(Math.ceil((layout.size * bits) / 8));
    const shuffled = stored(plain, layout, bits);
    const there = identifyLayout({ raw: plain, shuffled, bits, shape });
    expect(answers(there)).toContain(id);
    expect(there).toMatchObject({ coverage: 1, ambiguous: [], near: [], inferred: undefined, shapeInferred: false });
    expect(there.matches).toHaveLength(1);
    const [match] = there.matches;
    const padding = layout.storageSize - layout.size;
    expect(match?.padding.elements).toBe(padding);
    if (padding === 0) expect(match?.padding.codes).toEqual([]);
    if (match?.mapping !== undefined) expect(stored(plain, match.mapping, bits)).toEqual(shuffled);
    const back = identifyLayout({ raw: shuffled, shuffled: plain, bits, shape });
    expect(back.coverage).toBe(1);
    // A layout that is its own inverse is found as itself.
    expect(answers(back).some((title) => title === `inverse of ${id}` || title === id)).toBe(true);
  });
});

describe('padding', () => {
  it('is reported, not compared', () => {
    const shape = [100, 11];
    const plain = randomBytes(1100).map((byte) => byte & 0x7f);
    const { matches } = identifyLayout({ raw: plain, shuffled: stored(plain, shuffleScale(shape), 8), bits: 8, shape });
    expect(matches[0]?.padding).toEqual({ elements: 256 * 16 - 1100, codes: [{ code: 0xa5, count: 256 * 16 - 1100 }] });
  });
});

describe('two steps', () => {
  const shape = [1, 128, 512];
  const plain = randomBytes(128 * 512);
  const separated = shuffleWeight(shape, { bits: 8 });
  const interleaved = shuffleWeightGuinterleave(shape, { bits: 8, gateUp: true });
  const checkpoint = gateUpInterleaved(shape);
  const identify = (raw: Uint8Array, shuffled: Uint8Array) => identifyLayout({ raw, shuffled, bits: 8, shape });

  it('a double shuffle', () => {
    const twice = stored(stored(plain, separated, 8), separated, 8);
    const { matches } = identify(plain, twice);
    expect(matches[0]).toMatchObject({ how: 'twice', title: 'shuffle_weight(16,16) twice', shape });
    expect(stored(plain, matches[0]?.mapping as Layout, 8)).toEqual(twice);
  });

  it('a checkpoint de-interleaved and shuffled, which L6 resembles', () => {
    const ready = permute(plain, checkpoint, interleaved, 8);
    const { matches } = identify(plain, ready);
    expect(matches[0]?.title).toBe('gate_up_split_twice+shuffle_weight(guinterleave,gate_up)');
    // Both are the same bytes: which it was depends on the order of the raw.
    const title = 'written as shuffle_weight(guinterleave,gate_up), from a raw that was read as gate_up_interleaved';
    expect(matches[0]?.sameAs).toContain(title);
    const candidates = catalog.filter(({ id }) => id === 'gate_up_interleaved' || id === interleaved.id);
    const composed = identifyLayout({ raw: plain, shuffled: ready, bits: 8, shape, candidates });
    expect(composed.matches[0]).toMatchObject({ how: 'composition', title });
    expect(stored(plain, matches[0]?.mapping as Layout, 8)).toEqual(ready);
  });

  it.each([
    ['L4', 'gate_up_interleaved+shuffle_weight(16,16)', separated],
    ['L5', 'gate_up_interleaved+shuffle_weight(guinterleave,gate_up)', interleaved],
  ])('%s from separated rows, and as two steps where the catalog lacks it', (_what, id, shuffle) => {
    const fault = stored(stored(plain, checkpoint, 8), shuffle, 8);
    expect(answers(identify(plain, fault))).toContain(id);
    const candidates = catalog.filter((entry) => ['gate_up_interleaved', shuffle.id].includes(entry.id));
    const composed = identifyLayout({ raw: plain, shuffled: fault, bits: 8, shape, candidates });
    expect(answers(composed)).toContain(`gate_up_interleaved, then ${shuffle.id}`);
    expect(composed.matches[0]?.how).toBe('composition');
  });

  it('L6, de-interleaved twice', () => {
    const once = permute(plain, checkpoint, rowMajor(shape), 8);
    const twice = permute(once, checkpoint, separated, 8);
    expect(answers(identify(once, twice))).toContain('gate_up_split_twice+shuffle_weight(16,16)');
    // From the checkpoint, it is two steps more.
    expect(identify(plain, permute(once, checkpoint, rowMajor(shape), 8)).coverage).toBe(1);
  });

  it('scales from one padded layout to another', () => {
    const rows = [256, 11];
    const bytes = randomBytes(256 * 11);
    const [a, b] = ['shuffle_scale', 'shuffle_scale(guinterleave,gate_up)'].map((id) =>
      (catalog.find((entry) => entry.id === id) as CatalogEntry).bind(rows),
    ) as [Layout, Layout];
    const { matches } = identifyLayout({
      raw: stored(bytes, a, 8, 1),
      shuffled: stored(bytes, b, 8, 2),
      bits: 8,
      shape: rows,
    });
    expect(matches[0]?.title).toBe(`written as ${b.id}, from a raw that was read as ${a.id}`);
  });
});

describe('without a shape', () => {
  it('finds it', () => {
    const shape = [96, 448];
    const plain = randomBytes(96 * 448);
    const result = identifyLayout({
      raw: plain,
      shuffled: stored(plain, shuffleWeight(shape, { bits: 8 }), 8),
      bits: 8,
    });
    expect(result).toMatchObject({ shapeInferred: true, coverage: 1 });
    expect(result.matches[0]).toMatchObject({ title: 'shuffle_weight(16,16)', shape });
  });

  it('with padding', () => {
    const plain = randomBytes(100 * 11);
    const result = identifyLayout({ raw: plain, shuffled: stored(plain, shuffleScale([100, 11]), 8), bits: 8 });
    expect(result.matches.map(({ title, shape }) => [title, shape])).toContainEqual(['shuffle_scale', [100, 11]]);
  });
});

describe('no exact answer', () => {
  const shape = [64, 256];
  const plain = randomBytes(64 * 256);
  const layout = shuffleWeight(shape, { bits: 8 });

  it('names the bytes that differ where nearly everything fits', () => {
    const shuffled = stored(plain, layout, 8);
    const place = layout.offset([17, 40]);
    shuffled[place] = (shuffled[place] as number) ^ 1;
    const result = identifyLayout({ raw: plain, shuffled, bits: 8, shape });
    expect(result.matches).toEqual([]);
    expect(result.inferred).toBeUndefined();
    expect(result.near[0]).toMatchObject({
      title: 'shuffle_weight(16,16)',
      exact: false,
      differing: 1,
      elements: 16384,
      differences: [{ coord: [17, 40], rawOffset: 17 * 256 + 40, shuffledOffset: place, raw: plain[17 * 256 + 40] }],
    });
    expect(result.coverage).toBe(16383 / 16384);
    expect(result.firstContradiction).toMatchObject({ coord: [17, 40], title: 'shuffle_weight(16,16)' });
    expect(result.notes[0]).toMatch(/^1 element holds a code that the raw does not have as often/);
  });

  it('says that other data were given', () => {
    const result = identifyLayout({ raw: plain, shuffled: randomBytes(64 * 256, 2), bits: 8, shape });
    expect(result).toMatchObject({ matches: [], near: [], inferred: undefined });
    expect(result.coverage).toBeLessThan(0.05);
    expect(result.firstContradiction).toBeDefined();
  });

  it('says which answers the data do not tell apart', () => {
    // All rows are equal: a swap of rows does not show.
    const row = randomBytes(256);
    const rows = Uint8Array.from({ length: 64 * 256 }, (_, at) => row[at % 256] as number);
    const wide = [1, ...shape];
    const result = identifyLayout({ raw: rows, shuffled: stored(rows, layout, 8), bits: 8, shape: wide });
    expect(answers(result)).toContain('shuffle_weight(16,16)');
    expect(result.matches.length).toBeGreaterThan(1);
    expect(result.ambiguous[0]?.titles[0]).toBe('shuffle_weight(16,16)');
    const { raw, places } = result.ambiguous[0] as (typeof result.ambiguous)[number];
    expect(places[0]).not.toBe(places[1]);
    expect(rows[raw]).toBe(stored(rows, layout, 8)[places[0]]);
  });
});

describe('bad input', () => {
  const bytes = randomBytes(64);
  it.each([
    ['bits', { bits: 6 }, 'identifyLayout: parameter "bits": is 6, expected 4, 8, 16, 32 or 64.'],
    ['experts', { experts: 0 }, 'identifyLayout: parameter "experts": is 0, expected the number of experts.'],
    [
      'an empty raw',
      { raw: new Uint8Array(0) },
      'identifyLayout: parameter "raw": is empty; give the bytes of a tensor.',
    ],
    [
      'a length',
      { raw: randomBytes(63), bits: 16 },
      'identifyLayout: parameter "raw": has 63 bytes, which are no whole elements of 16 bits; give the type that the bytes hold.',
    ],
    [
      'a shape',
      { shape: [4, 0] },
      'identifyLayout: parameter "shape": is [4, 0], expected positive integers such as [4096, 7168].',
    ],
    [
      'a size',
      { shape: [4, 17] },
      'identifyLayout: parameter "shape": is [4, 17], 68 elements; raw holds 64 elements of 8 bits and shuffled 64. ' +
        'Give the logical shape of the plain tensor, and the type that the bytes hold.',
    ],
  ])('names %s', (_what, change, message) =>
    expect(() => identifyLayout({ raw: bytes, shuffled: bytes, bits: 8, ...change })).toThrow(message),
  );
});
