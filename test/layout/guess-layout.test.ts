import { describe, expect, it } from 'vitest';
import { type ElementType, elementBits } from '../../src/formats/element-type.ts';
import { guessLayoutSteps } from '../../src/layout/guess-layout.ts';
import {
  type CatalogEntry,
  catalog,
  type GuessResult,
  guessLayout,
  permute,
  rowMajor,
} from '../../src/layout/index.ts';
import { addressCode } from '../../src/tensor/address-coded.ts';
import { quantiseFp8, quantiseMxfp4, randomOf, realisticWeights } from './guess-support.ts';

function entryOf(id: string): CatalogEntry {
  const entry = catalog.find((each) => each.id === id);
  if (entry === undefined) throw new Error(`no ${id}`);
  return entry;
}

/** Row-major bytes stored in a layout, as its source would. */
function stored(bytes: Uint8Array, id: string, shape: readonly number[], bits: number, experts = 1): Uint8Array {
  const entry = entryOf(id);
  const layout = entry.bind(shape, { bits, experts });
  return permute(bytes, rowMajor(shape), layout, bits, { fill: typeof entry.padding === 'number' ? entry.padding : 0 });
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Ids that the data leave open. */
function open({ guesses, tied }: GuessResult): readonly string[] {
  return guesses.slice(0, tied).flatMap(({ ids }) => ids);
}

const SHAPE = [2, 128, 256];
const WEIGHTS = realisticWeights(SHAPE, 7, { gateUp: true, columnSpread: 0.35 });
const DATA: Readonly<Record<'e4m3fn' | 'e2m1', Uint8Array>> = {
  e4m3fn: quantiseFp8(WEIGHTS, SHAPE).codes,
  e2m1: quantiseMxfp4(WEIGHTS).bytes,
};

/** Orders that differ from another one only in rows inside blocks of 32, which independent rows do not show. */
const ROWS_INSIDE = /^gate_up_(interleaved|split_twice)\+|^moe_/;

describe.each(['e4m3fn', 'e2m1'] as const)('gate_up weights of %s', (type) => {
  const bits = elementBits(type);
  const ids = catalog
    .filter(({ operand, bind }) => {
      if (operand === 'activation scale' || operand === 'weight scale') return false;
      try {
        bind(SHAPE, { bits });
        return true;
      } catch {
        return false;
      }
    })
    .map(({ id }) => id)
    // Shuffles of fp4 move the same 16-byte pieces: a few of them suffice.
    .filter((id, at) => type === 'e4m3fn' || at % 3 === 2 || id.startsWith('shuffle_weight(guinterleave'));

  it.each(ids)('%s is first, or named among those that tie', (id) => {
    const result = guessLayout({ bytes: stored(DATA[type], id, SHAPE, bits), type, shape: SHAPE });
    expect(open(result)).toContain(id);
    if (ROWS_INSIDE.test(id)) return;
    expect(result.guesses[0]?.ids).toContain(id);
    expect(['found', 'leaning']).toContain(result.verdict);
    expect(result.confidence).toBeGreaterThanOrEqual(0.8);
  });
});

describe('scales', () => {
  const shape = [512, 90];
  const { scales } = quantiseMxfp4(realisticWeights([512, 2880], 9, { gateUp: true }));

  it.each(['row-major', 'column-major', 'scale-tma-aligned'])('%s is found', (id) => {
    const result = guessLayout({ bytes: stored(scales, id, shape, 8), type: 'e8m0', shape });
    expect(result.guesses[0]?.ids).toContain(id);
    expect(result.verdict).toBe('found');
  });

  it.each(['shuffle_scale', 'shuffle_scale(guinterleave,gate_up)'])('%s is among those that tie', (id) => {
    const result = guessLayout({ bytes: stored(scales, id, shape, 8), type: 'e8m0', shape });
    expect(open(result)).toContain(id);
    expect(result.guesses.length).toBeGreaterThan(result.tied - 1);
  });

  it('takes the rows of all experts for shuffles of weight scales', () => {
    const stacked = [2, 256, 90];
    const bytes = stored(scales, 'shuffle_scale(guinterleave)', shape, 8, 2);
    const result = guessLayout({ bytes, type: 'e8m0', shape: stacked });
    const guess = result.guesses.find(({ ids }) => ids.includes('shuffle_scale(guinterleave)'));
    expect(guess?.candidate.shape).toEqual([512, 90]);
    expect(guess?.candidate.params.experts).toBe(2);
    expect(open(result)).toContain('shuffle_scale(guinterleave)');
  });

  it('of activations: rows against columns', () => {
    const { normal } = randomOf(3);
    const rows = Array.from({ length: 64 }, () => 0.6 * normal());
    const columns = Array.from({ length: 56 }, () => 0.3 * normal());
    const values = Float32Array.from({ length: 64 * 56 }, (_, at) =>
      Math.exp((rows[Math.floor(at / 56)] as number) + (columns[at % 56] as number) + 0.2 * normal()),
    );
    const result = guessLayout({
      bytes: stored(bytesOf(values), 'scale-cm', [64, 56], 32),
      type: 'f32',
      shape: [64, 56],
    });
    expect(result.verdict).toBe('found');
    expect(result.guesses[0]?.ids).toEqual(['column-major', 'scale-cm', 'scale-tv', 'scale-tma-aligned']);
    expect(result.summary).toMatch(
      /^This is column-major \(the same bytes as scale-cm, scale-tv and scale-tma-aligned for this shape\): it predicts/,
    );
  });
});

describe('cannot tell', () => {
  it.each<[ElementType, readonly number[]]>([
    ['e4m3fn', [64, 128]],
    ['e2m1', [2, 64, 256]],
    ['e8m0', [256, 32]],
    ['f32', [40, 56]],
  ])('address-coded %s', (type, shape) => {
    const bits = elementBits(type);
    const size = shape.reduce((all, each) => all * each, 1);
    const codes = Array.from({ length: size }, (_, index) => addressCode(type, index));
    const bytes =
      bits === 4
        ? Uint8Array.from(
            { length: size / 2 },
            (_, at) => (codes[2 * at] as number) | ((codes[2 * at + 1] as number) << 4),
          )
        : bits === 32
          ? new Uint8Array(Uint32Array.from(codes).buffer)
          : Uint8Array.from(codes);
    const result = guessLayout({ bytes, type, shape });
    expect(result.verdict).toBe('cannot-tell');
    expect(result.guesses[0]?.evidence[0]).toMatch(/look random/);
  });

  it('uniform random bytes, whatever the seed', () => {
    const { uniform } = randomOf(5);
    for (let seed = 1; seed <= 8; seed += 1) {
      const bytes = Uint8Array.from({ length: 8192 }, () => Math.floor(uniform() * 256));
      expect(guessLayout({ bytes, type: 'e4m3fn', shape: [64, 128], seed }).verdict).toBe('cannot-tell');
    }
  });

  it('equal bytes', () => {
    const result = guessLayout({ bytes: new Uint8Array(8192).fill(0x38), type: 'e4m3fn', shape: [64, 128] });
    expect(result.verdict).toBe('cannot-tell');
    expect(result.confidence).toBeLessThan(0.5);
  });

  it('says which data would tell, and what holds for a weight without gate and up', () => {
    const weights = realisticWeights([128, 256], 3);
    const bytes = stored(quantiseFp8(weights, [128, 256]).codes, 'shuffle_weight(16,16)', [128, 256], 8);
    const result = guessLayout({ bytes, type: 'e4m3fn', shape: [128, 256] });
    expect(result.verdict).toBe('cannot-tell');
    expect(result.summary).toContain('moe_shuffle_weight_gfx1250');
    expect(result.toTellApart).toMatch(
      /^They differ only in the order of whole rows\..* If its rows are not gate and up, it is shuffle_weight/,
    );
  });

  it('a square matrix and its transpose', () => {
    const candidates = [entryOf('row-major'), entryOf('column-major')];
    const weights = realisticWeights([128, 128], 3, { rowSpread: 0.3, columnSpread: 0.3 });
    const { codes } = quantiseFp8(weights, [128, 128]);
    const result = guessLayout({ bytes: codes, type: 'e4m3fn', shape: [128, 128], candidates });
    expect(result.verdict).toBe('cannot-tell');
    expect(result.toTellApart).toMatch(/^They are each other transposed/);
  });
});

it('takes no matrix for a bias', () => {
  const shape = [256, 512];
  const { bytes } = quantiseMxfp4(realisticWeights(shape, 3));
  const result = guessLayout({ bytes, type: 'e2m1', shape });
  expect(result.verdict).toBe('found');
  expect(result.guesses[0]?.ids).toContain('row-major');
  expect(result.rejected.find(({ id }) => id === 'gate_up_interleaved')?.reason).toBe(
    'gate_up_interleaved orders dimension 1: of two dimensions that is a bias [E, 2 I]. Give a weight of gate and up rows as [1, 2 I, K].',
  );
});

describe('traces of padding', () => {
  it('zero rows at the end of gate and up tell orders of rows apart', () => {
    const shape = [1, 256, 256];
    const weights = realisticWeights(shape, 4, { zeroRows: 24 });
    const { codes } = quantiseFp8(weights, shape);
    const candidates = [entryOf('gate_up_interleaved'), entryOf('row-major')];
    const result = guessLayout({ bytes: codes, type: 'e4m3fn', shape, candidates });
    expect(result.verdict).toBe('found');
    expect(result.guesses[0]?.ids).toEqual(['row-major']);
    expect(result.guesses[0]?.evidence.join(' ')).toContain(
      'Ends in 48 zero rows and 0 zero columns, as padding does.',
    );
  });

  it('copied rows speak for an order that keeps rows whole', () => {
    const { uniform } = randomOf(8);
    const row = (): Uint8Array => Uint8Array.from({ length: 128 }, () => Math.floor(uniform() * 256));
    const rows = Array.from({ length: 32 }, row);
    // Pairs at irregular distances: at regular ones other orders keep them too.
    const pairs = [...rows, ...rows].map((each) => ({ each, at: uniform() })).toSorted((a, b) => a.at - b.at);
    const bytes = Uint8Array.from(pairs.flatMap(({ each }) => [...each]));
    const candidates = [entryOf('shuffle_weight(16,16)'), entryOf('row-major')];
    const result = guessLayout({ bytes, type: 'e4m3fn', shape: [64, 128], candidates });
    expect(result.guesses[0]?.ids).toEqual(['row-major']);
    expect(result.guesses[0]?.evidence.join(' ')).toContain('32 of 64 rows equal another row exactly.');
  });

  it('says what the padding of a layout holds', () => {
    const { scales } = quantiseMxfp4(realisticWeights([64, 352], 9));
    const bytes = stored(scales, 'shuffle_scale(guinterleave)', [64, 11], 8);
    const result = guessLayout({ bytes, type: 'e8m0', shape: [64, 11] });
    const guess = result.guesses.find(({ ids }) => ids.includes('shuffle_scale(guinterleave)'));
    expect(guess?.evidence).toContain('Its padding holds 0x7f; the source writes 0x7f, which agrees.');
  });
});

it('reports one fit, none, and why the others do not fit', () => {
  const { scales } = quantiseMxfp4(realisticWeights([100, 352], 9));
  const only = guessLayout({ bytes: stored(scales, 'shuffle_scale', [100, 11], 8), type: 'e8m0', shape: [100, 11] });
  expect(only.verdict).toBe('only-fit');
  expect(only.summary).toBe(
    'Only shuffle_scale takes e8m0 [100, 11] in 4096 bytes; nothing was left to compare it with.',
  );
  expect(only.rejected).toContainEqual({
    id: 'row-major',
    reason: 'row-major of this shape takes 1100 bytes, there are 4096.',
  });
  const none = guessLayout({ bytes: new Uint8Array(7), type: 'e8m0', shape: [100, 11] });
  expect(none.verdict).toBe('cannot-tell');
  expect(none.guesses).toEqual([]);
  expect(none.summary).toBe(
    'No layout of the catalog takes e8m0 [100, 11] in 7 bytes. Check the shape and the element type.',
  );
});

it('gives the same answer for the same seed, and tells how far it is', () => {
  const input = { bytes: DATA.e4m3fn, type: 'e4m3fn', shape: SHAPE, samples: 2048 } as const;
  const shares: number[] = [];
  const steps = guessLayoutSteps(input);
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) shares.push(step.value);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.every((share) => share > 0 && share <= 1)).toBe(true);
  expect(step.value.guesses.map(({ score }) => score)).toEqual(guessLayout(input).guesses.map(({ score }) => score));
});
