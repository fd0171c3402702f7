import { describe, expect, it } from 'vitest';
import { encode } from '../../src/formats/encode.ts';
import { ceilToUe8m0 as ceilOne } from '../../src/formats/mx-scale.ts';
import { ceilToUe8m0 } from '../../src/ops/ceil-to-ue8m0.ts';
import { deepgemmPerBlockCast } from '../../src/ops/deepgemm-per-block-cast.ts';
import { deepgemmPerTokenCast } from '../../src/ops/deepgemm-per-token-cast.ts';
import { deepgemmPerTokenCastPacked } from '../../src/ops/deepgemm-per-token-cast-packed.ts';
import { packUe8m0ToInt } from '../../src/ops/pack-ue8m0-to-int.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { noise } from './gemm-moe-support.ts';
import { errorOf, floats, hex, wordsHex } from './quant-support.ts';

function random(count: number, seed: number): Float32Array {
  const next = noise(seed);
  return Float32Array.from({ length: count }, () => (next() / 2 ** 31 - 1) * 2 ** ((next() % 24) - 12));
}

describe('DeepGEMM casts', () => {
  it('requantises a weight as its ue8m0 conversion does', () => {
    const x = floats('w', 'bf16', [1, 4], [4.46875, 0.010009766, -0.010009766, 1.9550323e-5]);
    const { y, scale } = deepgemmPerBlockCast.reference({ ue8m0: true }, { x });
    expect([hex(y.bytes), wordsHex(scale), scale.scaling]).toEqual(['7932b201', ['3c800000'], 'ue8m0-f32']);
  });

  it('zero and tiny blocks stop at an amax of 1e-4', () => {
    const x = floats('x', 'f32', [2, 128], new Array<number>(256).fill(-0).fill(1e-6, 128));
    const { y, scale } = deepgemmPerTokenCast.reference({ ue8m0: true }, { x });
    expect(wordsHex(scale)).toEqual(['34800000', '34800000']);
    expect([y.bytes[0], y.bytes[128]]).toEqual([0x80, encode('e4m3fn', 1e-6 * 2 ** 22)]);
    expect(asF32(deepgemmPerTokenCast.reference({}, { x }).scale)[0]).toBe(Math.fround(Math.fround(1e-4) / 448));
  });

  it('a NaN makes its block NaN; with ue8m0 the scale is 2^127', () => {
    const x = floats('x', 'bf16', [1, 130], [Number.NaN, ...new Array<number>(129).fill(1)]);
    const plain = deepgemmPerTokenCast.reference({}, { x });
    expect([asF32(plain.scale)[0], asF32(plain.scale)[1]]).toEqual([Number.NaN, Math.fround(1 / 448)]);
    expect([plain.y.bytes[0], plain.y.bytes[1], plain.y.bytes[128]]).toEqual([0x7f, 0x7f, 0x7e]);
    const ue8m0 = deepgemmPerTokenCast.reference({ ue8m0: true }, { x });
    expect([wordsHex(ue8m0.scale)[0], ue8m0.y.bytes[0], ue8m0.y.bytes[1]]).toEqual(['7f000000', 0x7f, 0]);
  });

  it.each([
    [1, 1],
    [130, 300],
    [128, 128],
    [257, 129],
    [5, 513],
  ])('block cast of %i x %i: edges count as padded with zeros', (rows, columns) => {
    const values = random(rows * columns, rows);
    const { y, scale } = deepgemmPerBlockCast.reference({}, { x: floats('w', 'f32', [rows, columns], values) });
    const [down, across] = [Math.ceil(rows / 128), Math.ceil(columns / 128)];
    expect(scale.layout.shape).toEqual([down, across]);
    const amax = new Float64Array(down * across);
    const blockOf = (index: number): number =>
      Math.floor(index / columns / 128) * across + Math.floor((index % columns) / 128);
    values.forEach((value, index) => {
      amax[blockOf(index)] = Math.max(amax[blockOf(index)] ?? 0, Math.abs(value), Math.fround(1e-4));
    });
    const scales = Float32Array.from(amax, (value) => value / 448);
    expect(asF32(scale)).toEqual(scales);
    const codes = values.map((value, index) =>
      encode('e4m3fn', Math.fround(value * Math.fround(1 / (scales[blockOf(index)] as number)))),
    );
    expect(Array.from(y.bytes)).toEqual(Array.from(codes));
  });

  it.each([128, 300, 640, 1024])('packed scales of K = %i are the ue8m0 scales of the same cast', (columns) => {
    const x = floats('x', 'bf16', [3, columns], random(3 * columns, columns));
    const plain = deepgemmPerTokenCast.reference({ ue8m0: true }, { x });
    const packed = deepgemmPerTokenCastPacked.reference({}, { x });
    const groups = Math.ceil(columns / 128);
    const words = Math.ceil(groups / 4);
    expect([packed.scale.type, packed.scale.scaling, packed.scale.layout.shape]).toEqual([
      'i32',
      'ue8m0-packed',
      [3, words],
    ]);
    expect(hex(packed.y.bytes)).toBe(hex(plain.y.bytes));
    const bytes = Array.from({ length: 3 * words * 4 }, (_, i) => {
      const group = i % (words * 4);
      return group < groups
        ? 127 + Math.log2(asF32(plain.scale)[Math.floor(i / (words * 4)) * groups + group] as number)
        : 0;
    });
    expect(Array.from(packed.scale.bytes)).toEqual(bytes);
  });

  it('a token cast keeps leading dimensions, a block cast wants a matrix', () => {
    const x = floats('w', 'bf16', [2, 3, 256], random(1536, 1));
    expect(deepgemmPerTokenCast.plan({}, { x }).scale.layout.shape).toEqual([2, 3, 2]);
    expect(errorOf(() => deepgemmPerBlockCast.plan({}, { x }))).toBe(
      'deepgemm_per_block_cast: operand "w": has 3 dimensions [2, 3, 256], expected 2 (a weight [N, K]; cast experts one at a time).',
    );
  });
});

describe('ceil_to_ue8m0', () => {
  it('rounds up, by magnitude, and keeps the exponent in 1..254', () => {
    const values = [1, 1.0000001, 1.5, 3, -3, 0, 2 ** -140, 2 ** -126, Number.POSITIVE_INFINITY, 3e38];
    const { y } = ceilToUe8m0.reference({}, { x: floats('x', 'f32', [2, 5], values) });
    expect(Array.from(asF32(y))).toEqual([1, 2, 2, 4, 4, 2 ** -126, 2 ** -126, 2 ** -126, 2 ** 127, 2 ** 127]);
    expect([y.scaling, y.layout.shape]).toEqual(['ue8m0-f32', [2, 5]]);
    const all = random(5000, 2);
    all.forEach((value) => {
      const up = ceilOne(value);
      expect(up >= Math.abs(value) && up / 2 < Math.abs(value)).toBe(true);
    });
  });

  it('says what is wrong', () => {
    expect(errorOf(() => ceilToUe8m0.plan({}, { x: floats('s', 'bf16', [1], [1]) }))).toBe(
      'ceil_to_ue8m0: operand "s": is bf16, expected f32. Convert it with encode, or assume() the type if the bytes are right.',
    );
  });
});

describe('pack_ue8m0_to_int', () => {
  it('puts the first group in the lowest byte and zeros where a row ends early', () => {
    const rows = [2 ** -7, 2 ** -6, 1, 2, 4, 0.5, 0.25, 0.125, 1, 1, 1, 1, 1, 1, 1];
    const { y } = packUe8m0ToInt.reference({}, { x: floats('sf', 'f32', [3, 5], rows) });
    expect(y.layout.shape).toEqual([3, 2]);
    expect(wordsHex(y)).toEqual(['807f7978', '00000081', '7f7c7d7e', '0000007f', '7f7f7f7f', '0000007f']);
  });

  it('refuses a scale that is not a power of two, naming it', () => {
    const x = floats('sf', 'f32', [2, 4], [1, 1, 1, 1, 1, 1, 0.01, 1]);
    expect(errorOf(() => packUe8m0ToInt.reference({}, { x }))).toBe(
      'pack_ue8m0_to_int: operand "sf": is 0.009999999776482582 in row 1, column 2, expected a positive power of two. ' +
        'Round the scales with ceil_to_ue8m0, and quantise with the rounded ones.',
    );
  });

  it('refuses packed scales and an empty tensor', () => {
    const scales = { ...floats('sf', 'f32', [4], [1, 1, 1, 1]), scaling: 'ue8m0-packed' as const };
    expect(errorOf(() => packUe8m0ToInt.plan({}, { x: scales }))).toMatch(
      /^pack_ue8m0_to_int: operand "sf": holds ue8m0-packed scales, expected/,
    );
    expect(errorOf(() => packUe8m0ToInt.plan({}, { x: floats('sf', 'f32', [0], []) }))).toBe(
      'pack_ue8m0_to_int: operand "sf": has shape [0], expected at least one dimension and no empty one.',
    );
  });
});
