import { describe, expect, it } from 'vitest';
import { scaleTransposedView } from '../../src/layout/activation-scale.ts';
import { columnMajor } from '../../src/layout/plain.ts';
import { per1x128Quant } from '../../src/ops/per-1x128-quant.ts';
import { perTensorQuant } from '../../src/ops/per-tensor-quant.ts';
import { perTokenQuant } from '../../src/ops/per-token-quant.ts';
import { tensor } from '../../src/tensor/make.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { noise } from './gemm-moe-support.ts';
import { errorOf, floats, hex, quantizeNaively, wordsHex } from './quant-support.ts';

/** One group whose scales and codes are known for every producer. */
const WORKED = floats('x', 'bf16', [1, 128], [3, -1, 0.1, -0.01, 1e-3, 2.5, ...new Array<number>(122).fill(0)]);

/** Rows with magnitudes from subnormal to large, group by group. */
function spread(rows: number, columns: number, seed: number): Float32Array {
  const next = noise(seed);
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const exponent = ((Math.floor(i / 128) * 7) % 60) - 40;
    return (next() / 2 ** 31 - 1) * 2 ** exponent;
  });
}

describe('per_1x128_quant', () => {
  it.each([
    ['hip', 'e4m3fn', '3bdb6db8', '7ef157bc227c00'],
    ['torch', 'e4m3fn', '3bdb6db7', '7ef157bc227c00'],
    ['hip', 'e4m3fnuz', '3c4cccce', '7ff258bd227c00'],
    ['torch', 'e4m3fnuz', '3c4ccccd', '7ff258bd227c00'],
    ['sglang-triton', 'e4m3fnuz', '3c5b6db8', '7ef157bc227c00'],
  ] as const)('%s %s of the worked group', (math, format, scaleBits, codes) => {
    const { y, scale } = per1x128Quant.reference({ math, format }, { x: WORKED });
    expect(wordsHex(scale)).toEqual([scaleBits]);
    expect(hex(y.bytes.subarray(0, 7))).toBe(codes);
  });

  const f = Math.fround;
  it.each([
    ['torch', { scale: (amax: number) => amax / 448, scaled: (x: number, s: number) => x / s }],
    [
      'hip',
      {
        scale: (amax: number) => f(Math.max(amax, f(1e-10)) * f(1 / 448)),
        scaled: (x: number, s: number) => x * f(1 / s),
      },
    ],
    [
      'aiter-triton',
      {
        scale: (amax: number) => f(Math.max(amax, f(1e-10)) * f(1 / 448)),
        scaled: (x: number, s: number) => x * f(1 / s),
      },
    ],
    [
      'sglang-cuda',
      {
        scale: (amax: number) => f(Math.max(amax, f(1e-10)) * f(1 / 448)),
        scaled: (x: number, _s: number, amax: number) => x * f(448 / Math.max(amax, f(1e-10))),
      },
    ],
  ] as const)('%s agrees with number by number arithmetic', (math, rule) => {
    const values = spread(5, 384, 11);
    const { y, scale } = per1x128Quant.reference({ math }, { x: floats('x', 'f32', [5, 384], values) });
    const groups = Array.from({ length: 15 }, (_, g) =>
      quantizeNaively(Array.from(values.subarray(g * 128, g * 128 + 128)), 'e4m3fn', rule),
    );
    expect(wordsHex(scale)).toEqual(groups.map(({ scaleBits }) => scaleBits.toString(16).padStart(8, '0')));
    const clamped = groups
      .flatMap(({ codes }) => codes)
      .map((code) => ((code & 0x7f) === 0x7f && math !== 'torch' ? code - 1 : code));
    expect(Array.from(y.bytes)).toEqual(clamped);
  });

  it('leaves a zero group finite: scale 1 in torch, the floor in the kernel, signed zeros kept', () => {
    const x = floats('x', 'f32', [1, 128], new Array<number>(128).fill(0).fill(-0, 64));
    const torch = per1x128Quant.reference({}, { x });
    expect(wordsHex(torch.scale)).toEqual(['3f800000']);
    expect(new Set(torch.y.bytes)).toEqual(new Set([0, 0x80]));
    const hip = per1x128Quant.reference({ math: 'hip' }, { x });
    expect(wordsHex(hip.scale)).toEqual(['2a7b5124']);
    expect(new Set(per1x128Quant.reference({ format: 'e4m3fnuz' }, { x }).y.bytes)).toEqual(new Set([0]));
  });

  it('keeps a NaN in torch and turns it into -max in the kernel, whose scale ignores it', () => {
    const values = new Array<number>(128).fill(1);
    const x = floats('x', 'f32', [1, 128], [Number.NaN, ...values.slice(1)]);
    const torch = per1x128Quant.reference({}, { x });
    expect(asF32(torch.scale)[0]).toBeNaN();
    expect(new Set(torch.y.bytes)).toEqual(new Set([0x7f]));
    const hip = per1x128Quant.reference({ math: 'hip' }, { x });
    expect(wordsHex(hip.scale)).toEqual(['3b124925']);
    expect([hip.y.bytes[0], hip.y.bytes[1]]).toEqual([0xfe, 0x7e]);
    expect(per1x128Quant.reference({ math: 'hip', format: 'e4m3fnuz' }, { x }).y.bytes[0]).toBe(0xff);
  });

  it('gives an infinite group scale infinity; the infinity itself becomes NaN', () => {
    const x = floats('x', 'bf16', [1, 128], [Number.NEGATIVE_INFINITY, ...new Array<number>(127).fill(2)]);
    const torch = per1x128Quant.reference({}, { x });
    expect(asF32(torch.scale)[0]).toBe(Number.POSITIVE_INFINITY);
    // The sign of inf / inf differs between processors; ours is always positive.
    expect([torch.y.bytes[0], torch.y.bytes[1]]).toEqual([0x7f, 0]);
    expect(per1x128Quant.reference({ math: 'hip' }, { x }).y.bytes[0]).toBe(0xfe);
  });

  it('overflows to NaN where the scale has lost its precision to the subnormal range, as torch does', () => {
    const x = floats('x', 'f32', [1, 128], new Array<number>(128).fill(2 ** -140));
    const { y, scale } = per1x128Quant.reference({}, { x });
    expect(asF32(scale)[0]).toBe(Math.fround(2 ** -140 / 448));
    expect(y.bytes[0]).toBe(0x7f);
  });

  it('stores the same scales transposed on request', () => {
    const x = floats('x', 'f32', [3, 2, 256], spread(6, 256, 3));
    const plain = per1x128Quant.reference({}, { x }).scale;
    const transposed = per1x128Quant.reference({ scaleStore: 'transposed-view' }, { x }).scale;
    expect(plain.layout.shape).toEqual([3, 2, 2]);
    expect(transposed.layout.equals(scaleTransposedView([6, 2]))).toBe(true);
    const [a, b] = [asF32(plain), asF32(transposed)];
    for (let row = 0; row < 6; row += 1) for (const g of [0, 1]) expect(b[g * 6 + row]).toBe(a[row * 2 + g]);
    expect(per1x128Quant.plan({ scaleStore: 'column-major' }, { x }).scale.layout.id).toBe('scale-cm');
    expect(per1x128Quant.plan({ scaleStore: 'tma-aligned' }, { x }).scale.layout.id).toBe('scale-tma-aligned');
  });

  it('takes other groups and one dimension', () => {
    const x = floats('x', 'f32', [96], spread(1, 96, 5));
    expect(per1x128Quant.plan({ group: 32 }, { x }).scale.layout.shape).toEqual([3]);
  });

  it('says what is wrong', () => {
    const x = floats('act', 'bf16', [2, 192], new Array<number>(384).fill(1));
    const plan = (params: object, operand = x): string => errorOf(() => per1x128Quant.plan(params, { x: operand }));
    expect(plan({})).toBe(
      'per_1x128_quant: operand "act": has rows of 192 elements [2, 192], expected a multiple of 128. Pad the last dimension with zeros to 256.',
    );
    expect(plan({ group: 0 })).toBe('per_1x128_quant: parameter "group": is 0, expected a positive integer.');
    expect(plan({ format: 'e5m2' })).toBe(
      'per_1x128_quant: parameter "format": is "e5m2", expected e4m3fn or e4m3fnuz.',
    );
    expect(plan({ format: 'e4m3fnuz', math: 'sglang-cuda' })).toBe(
      'per_1x128_quant: parameter "math": is "sglang-cuda", expected torch or hip or aiter-triton or sglang-triton.',
    );
    expect(plan({ scaleStore: 'cm' })).toBe(
      'per_1x128_quant: parameter "scaleStore": is "cm", expected row-major or transposed-view or column-major or tma-aligned.',
    );
    expect(plan({}, floats('act', 'f32', [0, 128], []))).toBe(
      'per_1x128_quant: operand "act": has shape [0, 128], expected at least one dimension and no empty one.',
    );
    expect(plan({}, tensor('act', 'f32', columnMajor([2, 128]), new Uint8Array(1024)))).toMatch(
      /^per_1x128_quant: tensor "act" is stored as column-major \[2, 128\], but this op reads row-major\. /,
    );
    expect(errorOf(() => per1x128Quant.plan({}, {} as never))).toBe(
      'per_1x128_quant: operand "x": missing. Given: no operands. Pass a tensor under this name.',
    );
  });
});

describe('per_token_quant', () => {
  it('uses one scale a row', () => {
    const x = floats('x', 'f32', [2, 2, 3], [1, 2, 448, 0, 0, 0, -896, 1, 2, 3, 4, 5]);
    const { y, scale } = perTokenQuant.reference({}, { x });
    expect(scale.layout.shape).toEqual([2, 2, 1]);
    expect(asF32(scale)).toEqual(Float32Array.of(1, 1, 2, 5 / 448));
    expect(hex(y.bytes)).toBe('38407e000000fe3038787b7e');
  });

  it.each([
    [256, '00000000', 0xfe],
    [128, '2a7b5124', 0],
    [64, '2a7b5124', 0],
    [32, '2a7b5124', 0],
  ])('a zero row of %d elements in the kernel: scale %s', (columns, bits, code) => {
    const x = floats('x', 'f32', [1, columns], new Array<number>(columns).fill(0));
    const { y, scale } = perTokenQuant.reference({ math: 'hip' }, { x });
    expect(wordsHex(scale)).toEqual([bits]);
    expect(new Set(y.bytes)).toEqual(new Set([code]));
  });

  it('says what is wrong', () => {
    const x = floats('x', 'f32', [1], [1]);
    expect(errorOf(() => perTokenQuant.plan({ math: 'sglang-triton' as 'hip' }, { x }))).toBe(
      'per_token_quant: parameter "math": is "sglang-triton", expected torch or hip.',
    );
  });
});

describe('per_tensor_quant', () => {
  it('finds the largest magnitude of all rows, however long they are', () => {
    const values = new Float32Array(40 * 1000).fill(0.25);
    values[31_337] = -448;
    const { y, scale } = perTensorQuant.reference({}, { x: floats('x', 'f32', [40, 1000], values) });
    expect([scale.layout.shape, asF32(scale)[0]]).toEqual([[1], 1]);
    expect([y.bytes[31_337], y.bytes[0], y.bytes[39_999]]).toEqual([0xfe, 0x28, 0x28]);
  });

  it('zero tensor: scale 1 in torch', () => {
    const x = floats('x', 'f16', [4], [0, 0, 0, 0]);
    expect(asF32(perTensorQuant.reference({}, { x }).scale)).toEqual(Float32Array.of(1));
  });
});
