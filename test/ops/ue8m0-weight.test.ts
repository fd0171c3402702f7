import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { decode } from '../../src/formats/decode.ts';
import { encode } from '../../src/formats/encode.ts';
import { f32FromBits } from '../../src/formats/f32.ts';
import { ceilToUe8m0 } from '../../src/formats/mx-scale.ts';
import { scaleTmaAligned } from '../../src/layout/activation-scale.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { packUe8m0MnMajor } from '../../src/ops/pack-ue8m0-mn-major.ts';
import { requantWeightUe8m0 } from '../../src/ops/requant-weight-ue8m0.ts';
import { unpackUe8m0Scale } from '../../src/ops/unpack-ue8m0-scale.ts';
import { asBytes, assume, tensor, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asI32 } from '../../src/tensor/views.ts';
import { nearestBf16 } from './ue8m0-support.ts';

let webgpu: Backend;
beforeAll(async () => {
  webgpu = await openBackend('webgpu');
});
afterAll(() => webgpu.dispose());

/** Codes of every kind, NaN and -0 included, and a different scale for each block. */
function weight(shape: readonly number[]): { readonly w: Tensor; readonly scale: Tensor } {
  const count = shape.reduce((a: number, b) => a * b, 1);
  const codes = Uint8Array.from({ length: count }, (_, index) => {
    const code = (index * 37 + (index >> 7) * 11) & 0xff;
    return (code & 0x7f) === 0x7f ? 0x31 : code;
  });
  const [n = 1, k = 1] = shape.slice(-2);
  const blocks = [...shape.slice(0, -2), Math.ceil(n / 128), Math.ceil(k / 128)];
  const scales = Float32Array.from({ length: blocks.reduce((a, b) => a * b, 1) }, (_, index) => 0.003 * 1.37 ** index);
  return { w: tensorFrom('w', 'e4m3fn', shape, codes), scale: tensorFrom('scale', 'f32', blocks, scales, 'f32') };
}

/** The algorithm of the source, written for one block at a time. */
function requantised(
  codes: readonly number[],
  scale: number,
): { readonly codes: readonly number[]; readonly scale: number } {
  const values = codes.map((code) => nearestBf16(Math.fround(decode('e4m3fn', code) * scale)));
  const amax = Math.max(Math.fround(1e-4), ...values.map(Math.abs));
  const sf = ceilToUe8m0(Math.fround(amax / 448));
  return { codes: values.map((value) => encode('e4m3fn', Math.fround(value * Math.fround(1 / sf)))), scale: sf };
}

describe('requant_weight_ue8m0', () => {
  it('gives the vector of the source: 7E 38 B8 01 with 0.01 become 79 32 B2 01 with 2^-6', () => {
    const w = tensorFrom('w', 'e4m3fn', [1, 4], Uint8Array.of(0x7e, 0x38, 0xb8, 0x01));
    const scale = tensorFrom('scale', 'f32', [1, 1], Float32Array.of(0.01), 'f32');
    const out = requantWeightUe8m0.reference({}, { w, scale });
    expect([...out.y.bytes]).toEqual([0x79, 0x32, 0xb2, 0x01]);
    expect([...asF32(out.scale)]).toEqual([2 ** -6]);
    expect(out.scale.scaling).toBe('ue8m0-f32');
  });

  it('has a smallest scale of 2^-22', () => {
    const w = tensorFrom('w', 'e4m3fn', [2, 2], new Uint8Array(4));
    const scale = tensorFrom('scale', 'f32', [1, 1], Float32Array.of(1), 'f32');
    expect([...asF32(requantWeightUe8m0.reference({}, { w, scale }).scale)]).toEqual([2 ** -22]);
  });

  it.each([[[130, 260]], [[128, 128]], [[64, 384]], [[1, 1]], [[3, 129, 200]], [[2, 128, 128]]])(
    'follows the source in every block of %o, on both backends',
    async (shape) => {
      const { w, scale } = weight(shape);
      const out = requantWeightUe8m0.reference({}, { w, scale });
      const [n = 1, k = 1] = shape.slice(-2);
      const [rowBlocks, groups] = [Math.ceil(n / 128), Math.ceil(k / 128)];
      const given = asF32(scale);
      for (let block = 0; block < given.length; block += 1) {
        const expert = Math.floor(block / (rowBlocks * groups));
        const [row, column] = [Math.floor(block / groups) % rowBlocks, block % groups];
        const at: number[] = [];
        for (let r = row * 128; r < Math.min(n, row * 128 + 128); r += 1) {
          for (let c = column * 128; c < Math.min(k, column * 128 + 128); c += 1) at.push((expert * n + r) * k + c);
        }
        const expected = requantised(
          at.map((index) => w.bytes[index] as number),
          given[block] as number,
        );
        expect(asF32(out.scale)[block]).toBe(expected.scale);
        expect(at.map((index) => out.y.bytes[index])).toEqual(expected.codes);
      }
      const gpu = await webgpu.run('requant_weight_ue8m0', {}, { w, scale });
      expect(gpu.y.bytes).toEqual(out.y.bytes);
      expect(gpu.scale.bytes).toEqual(out.scale.bytes);
    },
  );

  it('gives the same on WebGPU for every code and for NaN, subnormal and infinite scales', async () => {
    const codes = Uint8Array.from({ length: 256 * 5 }, (_, index) => index & 0xff);
    const w = tensorFrom('w', 'e4m3fn', [5, 1, 256], codes);
    const values = Float32Array.of(
      1,
      1,
      Number.NaN,
      2,
      2 ** -140,
      2 ** -126,
      Number.POSITIVE_INFINITY,
      2 ** 120,
      0,
      -1,
    );
    const scale = tensorFrom('scale', 'f32', [5, 1, 2], values, 'f32');
    const out = requantWeightUe8m0.reference({}, { w, scale });
    const gpu = await webgpu.run('requant_weight_ue8m0', {}, { w, scale });
    expect([...asF32(gpu.scale)]).toEqual([...asF32(out.scale)]);
    expect(gpu.y.bytes).toEqual(out.y.bytes);
  });

  it('refuses a second time, and scales of another shape', () => {
    const { w, scale } = weight([130, 260]);
    const once = requantWeightUe8m0.reference({}, { w, scale });
    expect(() => requantWeightUe8m0.plan({}, { w: once.y, scale: once.scale })).toThrowErrorMatchingInlineSnapshot(
      `[OperandError: requant_weight_ue8m0: operand "scale": holds ue8m0-f32 scales: this weight was requantised already. A second time would lose precision again; use it as it is.]`,
    );
    const short = tensorFrom('scale', 'f32', [1, 3], new Float32Array(3), 'f32');
    expect(() => requantWeightUe8m0.plan({}, { w, scale: short })).toThrowErrorMatchingInlineSnapshot(
      `[OperandError: requant_weight_ue8m0: operand "scale": has shape [1, 3], expected [2, 3] (one scale for each 128x128 block of w).]`,
    );
  });
});

describe('pack_ue8m0_mn_major', () => {
  const vector = tensorFrom(
    'sf',
    'f32',
    [3, 5],
    Float32Array.of(2 ** -7, 2 ** -6, 1, 2, 4, 0.5, 0.25, 0.125, 1, 1, 1, 1, 1, 1, 1),
    'ue8m0-f32',
  );

  it('gives the vector of the source', () => {
    const { y } = packUe8m0MnMajor.reference({}, { x: vector });
    expect([...asI32(y)].map((word) => (word >>> 0).toString(16))).toEqual([
      '807f7978',
      '7f7c7d7e',
      '7f7f7f7f',
      '0',
      '81',
      '7f',
      '7f',
      '0',
    ]);
    expect(y.layout.shape).toEqual([3, 2]);
  });

  it.each([
    [[3, 5], 1, undefined],
    [[1, 4], 128, undefined],
    [[2, 3], 128, 200],
    [[4, 1], 1, undefined],
    [[3, 2, 7], 128, 129],
  ] as const)('and its inverse agree with the formula for %o, granMn %d, mn %s', async (shape, granMn, mn) => {
    const [rows = 1, groups = 1] = shape.slice(-2);
    const count = shape.reduce((a: number, b) => a * b, 1);
    const values = Float32Array.from({ length: count }, (_, index) => 2 ** (((index * 5) % 40) - 20));
    const x = tensorFrom('sf', 'f32', shape, values, 'ue8m0-f32');
    const params = mn === undefined ? { granMn } : { granMn, mn };
    const { y } = packUe8m0MnMajor.reference(params, { x });
    const size = mn ?? rows * granMn;
    const [words, aligned] = [Math.ceil(groups / 4), Math.ceil(size / 4) * 4];
    const expected = new Uint32Array((count / rows / groups) * words * aligned);
    for (let index = 0; index < expected.length; index += 1) {
      const [m, p, e] = [index % aligned, Math.floor(index / aligned) % words, Math.floor(index / aligned / words)];
      for (let j = 0; j < 4 && m < size && 4 * p + j < groups; j += 1) {
        const scale = values[(e * rows + Math.floor(m / granMn)) * groups + 4 * p + j] as number;
        expected[index] = (expected[index] as number) + (Math.log2(scale) + 127) * 256 ** j;
      }
    }
    expect(Uint32Array.from(asI32(y))).toEqual(expected);
    const gpu = await webgpu.run('pack_ue8m0_mn_major', params, { x });
    expect(gpu.y.bytes).toEqual(y.bytes);
    expect(gpu.y.layout.equals(y.layout)).toBe(true);

    const back = unpackUe8m0Scale.reference({ groups, granMn }, { x: y }).y;
    expect(asF32(back)).toEqual(values);
    expect(back.layout.equals(rowMajor(shape))).toBe(true);
    expect((await webgpu.run('unpack_ue8m0_scale', { groups, granMn }, { x: y })).y.bytes).toEqual(back.bytes);
  });

  it('refuses what is no power of two, with the coordinate, on both backends', async () => {
    const x = tensorFrom('sf', 'f32', [2, 2], Float32Array.of(1, 2, 0.01, 4), 'f32');
    const message = /operand "sf": is 0\.0099.* in row 1, column 0, expected a positive power of two/;
    expect(() => packUe8m0MnMajor.reference({}, { x })).toThrow(message);
    await expect(webgpu.run('pack_ue8m0_mn_major', {}, { x })).rejects.toThrow(message);
  });

  it('refuses rows that do not fit, an order that DeepGEMM does not read, and a wrong number of groups', () => {
    expect(() => packUe8m0MnMajor.plan({ mn: 300, granMn: 128 }, { x: vector })).not.toThrow();
    expect(() => packUe8m0MnMajor.plan({ mn: 100, granMn: 128 }, { x: vector })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: pack_ue8m0_mn_major: parameter "mn": is 100, which takes 1 rows of scales with granMn 128; "sf" has 3 [3, 5].]`,
    );
    const words = tensor('s', 'i32', rowMajor([8, 2]), new Uint8Array(64), 'ue8m0-packed');
    expect(() => unpackUe8m0Scale.plan({ groups: 5 }, { x: words })).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: unpack_ue8m0_scale: tensor "s" is stored as row-major [8, 2], but this op reads scale-tma-aligned. Convert it with permute(tensor.bytes, tensor.layout, expected, bits) or the "permute" op to scale-tma-aligned; if the bytes already are in that layout, say so with assume().]`,
    );
    const right = assume(words, { type: 'i32', layout: scaleTmaAligned([8, 2]), scaling: 'ue8m0-packed' });
    expect(() => unpackUe8m0Scale.plan({ groups: 9 }, { x: right })).toThrowErrorMatchingInlineSnapshot(
      `[OperandError: unpack_ue8m0_scale: operand "s": has shape [8, 2], but 9 groups take 3 int32 columns. Give the number of groups along K, ceil(K / 128).]`,
    );
  });

  it('unpacks byte 0 to 0 and 255 to infinity, as a shift of bits does', async () => {
    const x = tensor('s', 'i32', scaleTmaAligned([1, 1]), asBytes(Uint32Array.of(0x7fff0100, 0, 0, 0)), 'ue8m0-packed');
    const expected = [0, 2 ** -126, Number.POSITIVE_INFINITY, 1];
    expect([...asF32(unpackUe8m0Scale.reference({ groups: 4 }, { x }).y)]).toEqual(expected);
    expect([...asF32((await webgpu.run('unpack_ue8m0_scale', { groups: 4 }, { x })).y)]).toEqual(expected);
  });
});

describe('a scale that is read as what it is not', () => {
  it('gives the numbers of the table of misreadings', () => {
    const bytes = new Uint8Array(Uint32Array.of(0x3c23d70a).buffer);
    expect([...bytes].map((byte) => byte - 127)).toEqual([-117, 88, -92, -67]);
    expect(f32FromBits(0x7f7f7f7f)).toBeCloseTo(3.396e38, -35);
    expect(f32FromBits(0x78787878)).toBeCloseTo(2.016e34, -31);
  });
});
