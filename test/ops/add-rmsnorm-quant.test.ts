import { describe, expect, it } from 'vitest';
import { decodeTable } from '../../src/formats/decode.ts';
import { encode } from '../../src/formats/encode.ts';
import { e8m0ToF32 } from '../../src/formats/mx-scale.ts';
import { scaleTransposedView } from '../../src/layout/activation-scale.ts';
import { shuffleScale } from '../../src/layout/scales.ts';
import { type AddRmsnormQuantParams, addRmsnormQuant } from '../../src/ops/add-rmsnorm-quant.ts';
import { floatValues } from '../../src/ops/shared/rows.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asU16 } from '../../src/tensor/views.ts';
import { outside } from './gemm-moe-support.ts';
import { normOf, random, serialNormQuant } from './norm-support.ts';
import { floats, hex, wordsHex } from './quant-support.ts';

const f = Math.fround;
const run = addRmsnormQuant.reference;

function fp8Values(bytes: Uint8Array, format: 'e4m3fn' | 'e4m3fnuz' = 'e4m3fn'): Float32Array {
  const table = decodeTable(format);
  return Float32Array.from(bytes, (code) => table[code] as number);
}

describe('add_rmsnorm_quant: numbers of the kernel', () => {
  const group = [3.0, -1.0, 0.1, -0.01, 1e-3, 2.5];

  it.each([
    ['e4m3fn', '3bdb6db8', '7ef157bc227c00'],
    ['e4m3fnuz', '3c4cccce', '7ff258bd227c00'],
  ] as const)('%s: multiplies by the constant 1/max, then by 1/scale', (format, scale, codes) => {
    for (const columns of [128, 256]) {
      for (const size of [0, 128]) {
        const got = run({ eps: 0, format, group: size }, normOf(group, columns));
        expect(wordsHex(got.scale)[0]).toBe(scale);
        expect(hex(got.y.bytes.subarray(0, 7))).toBe(codes);
      }
    }
  });

  it.each([
    [3, 120],
    [448, 127],
    [449, 128],
    [1, 119],
    [1.75, 119],
    [1.7509765625, 120],
    [0, 85],
  ])('amax %d has the e8m0 scale byte %i', (amax, byte) => {
    const got = run({ eps: 0, group: 64, scaleType: 'e8m0' }, normOf([amax / 2, -amax], 64, 'f16'));
    expect([got.scale.type, got.scale.scaling, ...got.scale.bytes]).toEqual(['e8m0', 'e8m0', byte]);
    expect(got.y.bytes[1]).toBe(encode('e4m3fn', -amax / e8m0ToF32(byte)));
  });

  it('a zero row gets the floor as scale and zero codes, unlike the kernel that quantises rows alone', () => {
    const zeros = { x: floats('x', 'bf16', [1, 256], new Float32Array(256)), w: normOf([-1, 1], 256).w };
    const { y, scale } = run({}, zeros);
    expect(wordsHex(scale)).toEqual(['2a7b5124']);
    expect(hex(y.bytes.subarray(0, 3))).toBe('800000');
    expect(hex(run({ format: 'e4m3fnuz' }, zeros).y.bytes.subarray(0, 3))).toBe('000000');
  });

  it.each([
    ['e4m3fn', 'fe', '2a7b5124'],
    ['e4m3fnuz', 'ff', '2aea9000'],
  ] as const)('%s: a NaN turns its row into -max, an infinity into zeros and -max', (format, lowest, floor) => {
    const values = new Float32Array(512).fill(1);
    values[3] = Number.NaN;
    values[256 + 2] = Number.POSITIVE_INFINITY;
    const operands = { x: floats('x', 'bf16', [2, 256], values), w: normOf(new Array(256).fill(1), 256).w };
    const got = run({ format }, operands);
    expect(hex(got.y.bytes.subarray(0, 256))).toBe(lowest.repeat(256));
    expect(hex(got.y.bytes.subarray(256, 260))).toBe(`0000${lowest}00`);
    expect(wordsHex(got.scale)).toEqual([floor, floor]);
    const bound = addRmsnormQuant.bound?.({ format }, operands);
    expect(outside(fp8Values(got.y.bytes, format), format, bound?.y)).toBe(0);
    expect(outside(asF32(got.scale), 'f32', bound?.scale)).toBe(0);
  });

  it('gemma adds one to the weight, in float32', () => {
    const { x } = normOf([], 64);
    const weight = random(64, 3);
    const { y, scale } = run({ eps: 0, gemmaNorm: true }, { x, w: floats('w', 'bf16', [64], weight) });
    const rounded = Array.from(floatValues(floats('w', 'bf16', [64], weight)), (value) => f(value + 1));
    const step = f(Math.max(...rounded.map(Math.abs)) * f(1 / 448));
    expect(asF32(scale)[0]).toBe(step);
    expect(Array.from(y.bytes)).toEqual(rounded.map((value) => encode('e4m3fn', f(value * f(1 / step)))));
  });
});

describe('add_rmsnorm_quant: residual', () => {
  // 1 + 2^-8 lies halfway between the bf16 numbers 3f80 and 3f81; the even one is 3f80.
  const x = floats('x', 'bf16', [1, 8], [1, 1, 1, -1, -1, 0, 3.38953139e38, 1]);
  const r = floats('r', 'bf16', [1, 8], [2 ** -8, 1.5 * 2 ** -8, 2 ** -9, -(2 ** -8), -1.5 * 2 ** -8, 0, 1e36, -1]);
  const w = floats('w', 'bf16', [8], new Float32Array(8).fill(1));

  it.each([
    [undefined, ['3f80', '3f81', '3f80', 'bf80', 'bf81', '0', '7f80', '0']],
    ['truncate', ['3f80', '3f80', '3f80', 'bf80', 'bf80', '0', '7f7f', '0']],
  ] as const)('rounding %s', (residualRounding, codes) => {
    const params = residualRounding === undefined ? {} : { residualRounding };
    const { res_out } = run(params, { x, w, r });
    expect(Array.from(asU16(res_out as Tensor), (code) => code.toString(16))).toEqual(codes);
  });

  it('the norm takes the unrounded sum, whatever the rounding', () => {
    const a = floats('x', 'bf16', [1, 8], [1, 256, 1, 1, 1, 1, 1, 1]);
    const b = floats('r', 'bf16', [1, 8], [0, 0.75, 0, 0, 0, 0, 0, 0]);
    const got = run({ eps: 0 }, { x: a, w, r: b });
    const norm = f(256.75 * f(1 / Math.sqrt(f((7 + 256.75 ** 2) / 8))));
    expect(asF32(got.scale)[0]).toBe(f(norm * f(1 / 448)));
    expect(run({ eps: 0, residualRounding: 'truncate' }, { x: a, w, r: b }).y.bytes).toEqual(got.y.bytes);
  });

  it('there is no res_out without one', () => {
    expect(Object.keys(run({}, { x, w }))).toEqual(['y', 'scale']);
    expect(Object.keys(addRmsnormQuant.plan({}, { x, w, r }))).toEqual(['y', 'scale', 'res_out']);
    expect(addRmsnormQuant.plan({}, { x, w }).res_out).toBeUndefined();
  });
});

describe('add_rmsnorm_quant: shapes', () => {
  it('one scale a token, for any rank; groups in every order', () => {
    const x = floats('x', 'f16', [2, 3, 256], random(6 * 256, 8));
    const w = floats('w', 'f16', [256], random(256, 9));
    const token = run({}, { x, w });
    expect([token.scale.layout.shape, token.y.layout.shape]).toEqual([
      [2, 3, 1],
      [2, 3, 256],
    ]);
    const plain = run({ group: 64 }, { x, w });
    expect(plain.scale.layout.shape).toEqual([2, 3, 4]);
    const transposed = run({ group: 64, scaleStore: 'transposed-view' }, { x, w });
    expect(transposed.scale.layout.equals(scaleTransposedView([6, 4]))).toBe(true);
    expect(asF32(transposed.scale)[1]).toBe(asF32(plain.scale)[4]);
    const bytes = run({ group: 32, scaleType: 'e8m0' }, { x, w });
    const tiles = run({ group: 32, scaleType: 'e8m0', scaleStore: 'shuffled' }, { x, w });
    expect(tiles.scale.layout.equals(shuffleScale([6, 8]))).toBe(true);
    // AITER's mx_scale_shuffle_idx for row 5, group 6.
    expect(tiles.scale.bytes[2 * 64 + 5 * 4 + 2]).toBe(bytes.scale.bytes[5 * 8 + 6]);
    for (const got of [plain, transposed, tiles]) expect(got.y.layout.shape).toEqual([2, 3, 256]);
    expect(tiles.y.bytes).toEqual(bytes.y.bytes);
  });

  it('a row of any length up to 8192, a single one too', () => {
    for (const columns of [1, 7, 1000, 8192]) {
      const { y, scale } = run({}, normOf([1], columns));
      expect([y.layout.shape, scale.layout.shape]).toEqual([
        [1, columns],
        [1, 1],
      ]);
    }
  });
});

describe('add_rmsnorm_quant: bound', () => {
  it.each([
    [4, 256, { group: 128 }, 0],
    [3, 1000, {}, 1.9],
    [2, 4096, { group: 64, gemmaNorm: true }, -1.9],
    [1, 8192, { format: 'e4m3fnuz', eps: 1e-5 }, 1.9],
    [5, 512, { group: 32, scaleType: 'e8m0' }, -1],
    [2, 6144, { group: 192, scaleType: 'e8m0', format: 'e4m3fnuz' }, 1],
  ] as const)('%i x %i, %j: float32 in the worst order, %d ulp off', (rows, columns, params, slack) => {
    const x = floats('x', 'bf16', [rows, columns], random(rows * columns, columns, 12));
    const w = floats('w', 'bf16', [columns], random(columns, columns + 1));
    const bound = addRmsnormQuant.bound?.(params, { x, w });
    const { format = 'e4m3fn', scaleType = 'f32' } = params as AddRmsnormQuantParams;
    const { scales, codes } = serialNormQuant(floatValues(x), floatValues(w), params, slack);
    const ours = run(params, { x, w });
    const ourScales = scaleType === 'e8m0' ? Float32Array.from(ours.scale.bytes, e8m0ToF32) : asF32(ours.scale);
    for (const [y, scale] of [
      [codes, scales],
      [ours.y.bytes, ourScales],
    ] as const) {
      expect(outside(fp8Values(y, format), format, bound?.y)).toBe(0);
      expect(outside(scale, scaleType, bound?.scale)).toBe(0);
    }
    const moved = ours.y.bytes.map((code) => ((code & 0x7f) < 0x7e ? code + 1 : code - 1));
    expect(outside(fp8Values(moved, format), format, bound?.y)).toBeGreaterThan(rows * columns * 0.99);
    const doubled = ourScales.map((scale) => scale * (scaleType === 'e8m0' ? 2 : 1 + 2 ** -8));
    expect(outside(doubled, scaleType, bound?.scale)).toBe(doubled.length);
  });

  it('where amax lies at a power-of-two step, either scale passes, each with its codes', () => {
    const operands = normOf([448, 3, -448, 0.01], 32, 'f16');
    const params = { eps: 0, group: 32, scaleType: 'e8m0' } as const;
    const bound = addRmsnormQuant.bound?.(params, operands);
    for (const scale of [1, 2]) {
      const codes = [448, 3, -448, 0.01].map((value) => encode('e4m3fn', value / scale));
      const y = Uint8Array.from({ length: 32 }, (_, i) => codes[i] ?? 0);
      expect(outside(Float32Array.of(scale), 'e8m0', bound?.scale)).toBe(0);
      expect(outside(fp8Values(y), 'e4m3fn', bound?.y)).toBe(0);
    }
    expect(outside(Float32Array.of(4), 'e8m0', bound?.scale)).toBe(1);
    expect(outside(Float32Array.of(0.5), 'e8m0', bound?.scale)).toBe(1);
    const below = addRmsnormQuant.bound?.(params, normOf([440], 32, 'f16'));
    expect(outside(Float32Array.of(2), 'e8m0', below?.scale)).toBe(1);
  });

  it('promises nothing where float32 may overflow', () => {
    const operands = normOf([], 8);
    const w = floats('w', 'bf16', [8], new Float32Array(8).fill(3.38953139e38));
    const huge = { ...operands, x: floats('x', 'bf16', [1, 8], [16, 1, 1, 1, 1, 1, 1, 1]), w };
    const bound = addRmsnormQuant.bound?.({}, huge);
    expect(Array.from(bound?.scale?.error ?? [])).toEqual([Number.POSITIVE_INFINITY]);
    expect(outside(fp8Values(run({}, huge).y.bytes), 'e4m3fn', bound?.y)).toBe(0);
  });
});
