import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  gateUpInterleaved,
  rowMajor,
  scalePackedUe8m0,
  scaleTmaAligned,
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/catalog.ts';
import { applicationOrder } from '../../src/layout/mapping.ts';
import { permute } from '../../src/layout/permute.ts';
import { everyCoord, pattern } from './support.ts';

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

// The closed forms are written out here only, as an oracle that shares nothing with the library.
describe('closed forms of aiter/ops/shuffle.py', () => {
  it.each([
    [32, 64],
    [48, 128],
    [16, 32],
  ])('shuffle_weight of %d x %d bytes', (N, K) => {
    const layout = shuffleWeight([N, K], { bits: 8 });
    for (const [n, k] of everyCoord([N, K]) as Iterable<[number, number]>) {
      expect(layout.offset([n, k])).toBe((n >> 4) * 16 * K + (k >> 4) * 256 + (n & 15) * 16 + (k & 15));
    }
  });

  it('shuffle_weight of two-byte elements', () => {
    const K = 64;
    const layout = shuffleWeight([32, K], { bits: 16 });
    for (const [n, k] of everyCoord([32, K]) as Iterable<[number, number]>) {
      expect(layout.offset([n, k])).toBe((n >> 4) * 16 * K + (k >> 3) * 128 + (n & 15) * 8 + (k & 7));
    }
  });

  it('shuffle_weight of packed fp4: the byte formula, nibbles stay in their byte', () => {
    const K = 128;
    const layout = shuffleWeight([32, K], { bits: 4 });
    for (const [n, k] of everyCoord([32, K]) as Iterable<[number, number]>) {
      const byte = k >> 1;
      expect(layout.offset([n, k])).toBe(
        2 * ((n >> 4) * 16 * (K / 2) + (byte >> 4) * 256 + (n & 15) * 16 + (byte & 15)) + (k & 1),
      );
    }
  });

  it('shuffle_scale: one dword holds two row blocks by two column halves', () => {
    const layout = shuffleScale([100, 11]);
    expect(layout.storageShape).toEqual([256, 16]);
    for (const [x, y] of everyCoord([100, 11]) as Iterable<[number, number]>) {
      const expected =
        Math.floor(x / 32) * 32 * 16 +
        (y >> 3) * 256 +
        (y % 4) * 64 +
        (x % 16) * 4 +
        ((y % 8) >> 2) * 2 +
        ((x % 32) >> 4);
      expect(layout.offset([x, y])).toBe(expected);
    }
  });

  it.each([
    [8, 128],
    [16, 64],
  ] as const)('shuffle_weight pads K with zeros before it shuffles %d-bit elements', (bits, padKTo) => {
    const [N, K] = [32, padKTo - 24];
    const padded = [N, padKTo];
    const layout = shuffleWeight([N, K], { bits, padKTo });
    expect(layout.storageShape).toEqual(padded);
    const bytes = pattern((N * K * bits) / 8);
    const wide = new Uint8Array((N * padKTo * bits) / 8);
    for (let n = 0; n < N; n += 1)
      wide.set(bytes.subarray((n * K * bits) / 8, ((n + 1) * K * bits) / 8), (n * padKTo * bits) / 8);
    const expected = permute(wide, rowMajor(padded), shuffleWeight(padded, { bits }), bits);
    expect(permute(bytes, rowMajor([N, K]), layout, bits, { fill: 0 })).toEqual(expected);
    expect(permute(expected, layout, rowMajor([N, K]), bits)).toEqual(bytes);
  });

  it('counts the padding of packed fp4 in bytes', () =>
    expect(shuffleWeight([16, 40], { bits: 4, padKTo: 64 }).storageShape).toEqual([16, 128]));

  it.each([
    [3, 5],
    [4, 4],
    [7, 1],
  ])('DeepGEMM scales of %d x %d: columns aligned to 16 bytes, batches apart', (mn, groups) => {
    const aligned = Math.ceil(mn / 4) * 4;
    const words = Math.ceil(groups / 4);
    const plain = scaleTmaAligned([2, mn, groups]);
    const packed = scalePackedUe8m0([2, mn, groups]);
    for (const [b, m, g] of everyCoord([2, mn, groups]) as Iterable<[number, number, number]>) {
      expect(plain.offset([b, m, g])).toBe(b * groups * aligned + g * aligned + m);
      expect(packed.offset([b, m, g])).toBe(4 * (b * words * aligned + (g >> 2) * aligned + m) + (g & 3));
    }
    expect(plain.storageSize).toBe(2 * groups * aligned);
    expect(packed.storageSize).toBe(2 * words * aligned * 4);
    expect(scaleTmaAligned([mn, groups]).offset([mn - 1, groups - 1])).toBe((groups - 1) * aligned + mn - 1);
  });

  it('guinterleave: 16-row blocks of gate and up alternate', () => {
    const [E, N, K] = [2, 64, 128];
    const layout = shuffleWeightGuinterleave([E, N, K], { bits: 8, gateUp: true });
    for (const [e, n, k] of everyCoord([E, N, K]) as Iterable<[number, number, number]>) {
      const up = n >= N / 2 ? 1 : 0;
      const r = n % (N / 2);
      const expected =
        e * N * K + (2 * (r >> 4) + up) * 16 * K + (k >> 6) * 1024 + ((k % 64) >> 4) * 256 + (r % 16) * 16 + (k % 16);
      expect(layout.offset([e, n, k])).toBe(expected);
    }
  });

  it('de-interleave: row r goes to (r % 2) * n / 2 + r / 2', () => {
    const n = 12;
    const out = permute(pattern(n * 3), gateUpInterleaved([1, n, 3]), rowMajor([1, n, 3]), 8);
    for (const [r, c] of everyCoord([n, 3]) as Iterable<[number, number]>) {
      expect(out[((r % 2) * (n / 2) + (r >> 1)) * 3 + c]).toBe(pattern(n * 3)[r * 3 + c]);
    }
  });
});

describe('hashes computed with numpy from the upstream tensor operations', () => {
  const shape = [2, 64, 128];
  const w = pattern(16384);
  const plain = rowMajor(shape);
  const separated = shuffleWeight(shape, { bits: 8 });
  const interleaved = shuffleWeightGuinterleave(shape, { bits: 8, gateUp: true });

  it.each([
    ['source', w, '7f84c483715c952cc1ff2abc61524eb8bc3c7a16de47dafa4f7ef1a573e18cb5'],
    ['separated', permute(w, plain, separated, 8), '2e1efd2666c6c20e6cb3ebed251453fd377d4684802c1d83b83b7acac53bffa9'],
    [
      'gate_up interleaved',
      permute(w, plain, interleaved, 8),
      'd183c962ac3cfcbfbf484e54cfe6d1b1eb86c718f7dc8074ba3c337e3d75fe6e',
    ],
    [
      'de-interleaved',
      permute(w, gateUpInterleaved(shape), plain, 8),
      '751e4523c08b65d2d61d68e1de32f3a0be7c85c4ac72d4806f559896225da552',
    ],
    [
      'checkpoint to separated',
      permute(w, gateUpInterleaved(shape), separated, 8),
      'ac856bbff1f0bf608b962dc4122e05cf34af2fb4b67c8807a0f4ed69e972ac09',
    ],
    [
      'checkpoint to interleaved',
      permute(w, gateUpInterleaved(shape), interleaved, 8),
      '0661cab6a0edd337fd126b591d2c5cc7a0406539d07e8f568c601dae63435de0',
    ],
  ])('weights, %s', (_name, bytes, hash) => expect(sha256(bytes)).toBe(hash));

  const scales = pattern(640);
  const rows = rowMajor([128, 5]);
  it.each([
    [
      'separated, padding 0',
      permute(scales, rows, shuffleScale([128, 5]), 8),
      '4126e767e3de5d4776e9796fbd8abda00efd8daa3c3550b447de0852e32cba48',
    ],
    [
      'gate_up interleaved',
      permute(scales, rows, shuffleScaleGuinterleave([128, 5], { experts: 2, gateUp: true }), 8, { fill: 0x7f }),
      'bbcdbe52343597d470ca095172f877f0a7f7100eb48b3a7516affbac5e21d17a',
    ],
    [
      'interleaved without gate_up',
      permute(scales, rows, shuffleScaleGuinterleave([128, 5], { experts: 2, gateUp: false }), 8, { fill: 0x7f }),
      '319635f329c60301f3fcf7967e4885ec63f1ef4fc0171e0947897bb6d7d44977',
    ],
  ])('scales, %s', (_name, bytes, hash) => expect(sha256(bytes)).toBe(hash));
});

describe('applied to its own output', () => {
  it.each([
    [16, 32, 5],
    [16, 64, 3],
    [16, 128, 7],
    [32, 128, 7],
    [64, 256, 2],
  ])('shuffle_weight of %d x %d returns after %d times', (N, K, order) =>
    expect(applicationOrder(shuffleWeight([N, K], { bits: 8 }))).toBe(order),
  );

  it.each([
    [64, 6],
    [128, 7],
    [5760, 2652],
    [6144, 3071],
  ])('the interleave of %d rows returns after %d times', (rows, order) =>
    expect(applicationOrder(gateUpInterleaved([1, rows, 1]))).toBe(order),
  );

  it('refuses a layout with padding', () =>
    expect(() => applicationOrder(shuffleScale([5, 3]))).toThrow(
      'shuffle_scale pads [5, 3], so it cannot be applied to its own output.',
    ));
});
