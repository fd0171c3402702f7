import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  gateUpInterleaved,
  rowMajor,
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/catalog.ts';
import { moeShuffleWeightGfx1250 } from '../../src/layout/gfx1250.ts';
import type { Layout } from '../../src/layout/layout.ts';
import { readAs } from '../../src/layout/mapping.ts';
import { permute } from '../../src/layout/permute.ts';
import {
  describeW13,
  describeW13Scale,
  W13_STATES,
  w13Layout,
  w13ScaleLayout,
  w13ScaleStatesOf,
  w13StatesOf,
} from '../../src/layout/w13.ts';
import { gateUpSplitTwice, shuffledCheckpoint, w13ScaleFault } from '../../src/layout/w13-faults.ts';
import { pattern } from './support.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The composition done on bytes, step by step and each time from "row-major": what the wrong program did. */
function stepByStep(bytes: Uint8Array, shape: readonly [number, number, number], times: number, last: Layout) {
  const plain = rowMajor(shape);
  let current = bytes;
  for (let time = 0; time < times; time += 1) current = permute(current, gateUpInterleaved(shape), plain, 8);
  const flat = last.shape.length === 2 ? rowMajor(last.shape) : plain;
  return permute(current, flat, last, 8, { fill: 0 });
}

describe('the states of w13 are compositions of de-interleave and shuffle', () => {
  const shape = [2, 128, 128] as const;
  const bytes = pattern(2 * 128 * 128);
  const shuffles = {
    none: rowMajor(shape),
    separated: shuffleWeight(shape, { bits: 8 }),
    interleave: shuffleWeightGuinterleave(shape, { bits: 8, gateUp: true }),
  };

  it.each(W13_STATES.map((state) => [state.title, state] as const))('%s', (_title, state) => {
    const expected = stepByStep(bytes, shape, state.deinterleaved, shuffles[state.shuffle]);
    const layout = w13Layout(state, shape, 8);
    expect(permute(bytes, gateUpInterleaved(shape), layout, 8)).toEqual(expected);
    expect(describeW13(layout, 8)).toBe(state.id);
    expect(w13StatesOf(layout, 8)).toEqual([state]);
  });

  const scaleShape = [2, 128, 11] as const;
  const scales = pattern(2 * 128 * 11);
  const flat = [256, 11];
  const scaleShuffles = {
    none: rowMajor(scaleShape),
    separated: shuffleScale(flat),
    interleave: shuffleScaleGuinterleave(flat, { experts: 2, gateUp: true }),
  };
  it.each(W13_STATES.map((state) => [state.title, state] as const))('scales: %s', (_title, state) => {
    const expected = stepByStep(scales, scaleShape, state.deinterleaved, scaleShuffles[state.shuffle]);
    const layout = w13ScaleLayout(state, scaleShape);
    const source = gateUpInterleaved(scaleShape);
    const separated = permute(scales, source, rowMajor(scaleShape), 8);
    const logical = layout.shape.length === 2 ? rowMajor(flat) : rowMajor(scaleShape);
    expect(permute(separated, logical, layout, 8, { fill: 0 })).toEqual(expected);
    expect(describeW13Scale(layout, 2)).toBe(state.id);
    expect(w13ScaleStatesOf(layout, 2)).toEqual([state]);
  });

  it('recognises the states of packed fp4 and of a bias', () => {
    for (const state of W13_STATES) expect(describeW13(w13Layout(state, [2, 128, 256]))).toBe(state.id);
    expect(describeW13(gateUpInterleaved([2, 128]))).toBe('L0');
    expect(describeW13(rowMajor([2, 128]))).toBe('L1');
    expect(describeW13(gateUpSplitTwice([2, 128], { shuffle: 'none' }))).toBe('L6');
  });

  it('answers undefined for what is no w13', () => {
    expect(describeW13(rowMajor([5]))).toBeUndefined();
    expect(describeW13(shuffleWeight([2, 128, 256], { bits: 4, tile: [32, 16] }))).toBeUndefined();
    expect(describeW13Scale(shuffleScale([100, 11]), 3)).toBeUndefined();
    expect(describeW13Scale(rowMajor([256, 11]), 2)).toBeUndefined();
  });

  it('names the right state where a small shape makes two coincide', () => {
    const layout = shuffleWeightGuinterleave([2, 32, 128], { bits: 4, gateUp: true });
    expect(describeW13(layout)).toBe('L2');
    expect(w13StatesOf(layout).map(({ id }) => id)).toEqual(['L2', 'L3']);
  });

  it('L4 has the bytes of the gfx1250 shuffle', () =>
    expect(shuffledCheckpoint(shape, { shuffle: 'separated' }).equals(moeShuffleWeightGfx1250(shape))).toBe(true));
});

describe('shapes that the mistakes do not take', () => {
  it.each([
    [() => shuffledCheckpoint([2, 24, 64], { shuffle: 'separated' }), '24 is not a multiple of 16'],
    [() => shuffledCheckpoint([2, 48, 64], { shuffle: 'interleave' }), '48 is not a multiple of 32'],
    [() => gateUpSplitTwice([2, 6, 4], { shuffle: 'none' }), '6 is not a multiple of 4'],
    [() => gateUpSplitTwice([2, 96, 64], { shuffle: 'separated' }), '96 is not a multiple of 64'],
    [
      () => gateUpSplitTwice([4], { shuffle: 'none' }),
      'it has no dimension 1 for gate and up rows; expected [E, 2 I, …].',
    ],
    [
      () => shuffledCheckpoint([32, 64], { shuffle: 'separated' }),
      'it has 2 dimensions, expected 3 (experts, rows, columns).',
    ],
    [
      () => w13ScaleFault([128, 8], { experts: 2, rows: 'gate_up_interleaved', shuffle: 'separated' }),
      '128 rows over all experts are no multiple of 256 (128 % 256 == 128); pad the experts first.',
    ],
  ])('%#: %s', (make, message) => expect(make).toThrow(message));

  it('refuses other parameters', () => {
    expect(() => shuffledCheckpoint([2, 32, 64], { bits: 5, shuffle: 'separated' })).toThrow(
      'shuffledCheckpoint: parameter "bits": is 5, expected 4 (fp4), 8 or 16.',
    );
    expect(() => w13ScaleFault([256, 8], { experts: 0, rows: 'gate_up_interleaved', shuffle: 'separated' })).toThrow(
      'w13ScaleFault: parameter "experts": is 0, expected the number of experts.',
    );
  });
});

describe('what a kernel reads that expects the other shuffle', () => {
  // Four 16-row blocks a half; logical block 0-3 gate, 4-7 up.
  const shape = [1, 128, 64];
  const separated = shuffleWeight(shape, { bits: 8 });
  const interleaved = shuffleWeightGuinterleave(shape, { bits: 8, gateUp: true });
  const blocks = (written: Layout, read: Layout): readonly (number | undefined)[] =>
    Array.from({ length: 8 }, (_, block) => {
      const [, row = Number.NaN] = readAs(written, read)([0, block * 16, 0]) ?? [];
      return row / 16;
    });

  it('L3 read by a SEPARATED kernel', () => expect(blocks(interleaved, separated)).toEqual([0, 4, 1, 5, 2, 6, 3, 7]));
  it('L2 read by an INTERLEAVE kernel', () => expect(blocks(separated, interleaved)).toEqual([0, 2, 4, 6, 1, 3, 5, 7]));
});

describe('sample offsets', () => {
  const shape = [1, 64, 128];
  it.each([
    [0, 0, 0, 0],
    [0, 15, 15, 15],
    [0, 16, 256, 256],
    [1, 0, 16, 16],
    [15, 31, 511, 511],
    [16, 0, 2048, 4096],
    [17, 40, 2584, 4632],
    [32, 0, 4096, 2048],
    [47, 127, 6143, 4095],
    [63, 127, 8191, 8191],
  ])('weight row %d column %d', (n, k, separated, interleaved) => {
    expect(shuffleWeight(shape, { bits: 8 }).offset([0, n, k])).toBe(separated);
    expect(shuffleWeightGuinterleave(shape, { bits: 8, gateUp: true }).offset([0, n, k])).toBe(interleaved);
  });

  it.each([
    [1, 0, 8, 4],
    [0, 1, 8, 64],
    [0, 4, 8, 2],
    [16, 0, 8, 1],
    [17, 5, 8, 71],
    [31, 7, 8, 255],
    [32, 0, 8, 256],
    [32, 0, 16, 512],
    [95, 11, 16, 1533],
  ])('scale row %d column %d of %d', (x, y, columns, offset) =>
    expect(shuffleScale([96, columns]).offset([x, y])).toBe(offset),
  );

  it.each([
    [16, 0, 256],
    [32, 0, 1],
    [33, 5, 71],
    [63, 7, 511],
  ])('gate_up scale row %d column %d', (x, y, offset) =>
    expect(shuffleScaleGuinterleave([64, 8], { experts: 1, gateUp: true }).offset([x, y])).toBe(offset),
  );
});

describe('hashes of the end-to-end example', () => {
  const w13 = pattern(32768);
  const w2 = pattern(16384, 167, 29, 3);
  const shape = [2, 256, 64];
  const source = gateUpInterleaved(shape);
  const powers = (count: number, base: number, step: number, period: number): Uint8Array =>
    Uint8Array.from({ length: count }, (_, j) => base + ((step * j) % period));
  it.each([
    ['scales of the weight example', pattern(640), 'a627ef1c4bafac055b30191affd1c33e7b2f24891ceaac7de6f4f24738ccc045'],
    ['w13', w13, '6cb5ca9f2a91379b001be1460cf1a3177a5b5f68e5a79020d60b024070604611'],
    ['w13 scales', powers(2048, 119, 5, 7), '1ef8b644b30d7c4439be242c344e43eda632bd5b55a6d4231c27ecf38409ebb7'],
    ['w2', w2, '8b930aa4e55fefd555e941a96964509e2b02792a3b74d717bffbdb701fae4687'],
    ['w2 scales', powers(1024, 118, 3, 5), '2841ea38fc9545dc025a04b324ab9efe1af4900c326793bec4961e9d4fb42f46'],
    [
      'w13 to L2',
      permute(w13, source, shuffleWeight(shape, { bits: 8 }), 8),
      'cab2a6160b398544ba35b3eb993934bcc6dfedb557efe7a26ccdf3041f4f2e33',
    ],
    [
      'w13 to L3',
      permute(w13, source, shuffleWeightGuinterleave(shape, { bits: 8, gateUp: true }), 8),
      'e1588c2f28bfa97bf755a7a3d2d382131d11b60ceb4b1db0a84d3991d247bbc3',
    ],
    [
      'w2 shuffled',
      permute(w2, rowMajor([2, 128, 64]), shuffleWeight([2, 128, 64], { bits: 8 }), 8),
      'ee72080d6364d478748c1994aef677cae441f78e56a251dc13b0dea528fb03ee',
    ],
  ])('%s', (_name, bytes, hash) => expect(sha256(bytes)).toBe(hash));
});
