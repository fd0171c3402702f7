import { describe, expect, it } from 'vitest';
import { decode } from '../../src/formats/decode.ts';
import { columnMajor, scaleTransposedView, shuffleWeight } from '../../src/layout/catalog.ts';
import { gemmA8w8Blockscale } from '../../src/ops/gemm-a8w8-blockscale.ts';
import type { BlockScaleGemmParams } from '../../src/ops/shared/block-scale-gemm.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asU16 } from '../../src/tensor/views.ts';
import { goldenCases, noise, outside, randomCodes, randomScales, stored, valuesOf } from './gemm-moe-support.ts';

type Operands = { x: Tensor; w: Tensor; x_scale: Tensor; w_scale: Tensor };

function operandsOf(M: number, N: number, K: number, seed = 1, type: 'e4m3fn' | 'e4m3fnuz' = 'e4m3fn'): Operands {
  const groups = Math.ceil(K / 128);
  const rowBlocks = Math.ceil(N / 128);
  return {
    x: tensorFrom('x', type, [M, K], randomCodes(type, M * K, seed)),
    w: tensorFrom('w', type, [N, K], randomCodes(type, N * K, seed + 1)),
    x_scale: tensorFrom('x_scale', 'f32', [M, groups], randomScales(M * groups, seed + 2), 'f32'),
    w_scale: tensorFrom('w_scale', 'f32', [rowBlocks, groups], randomScales(rowBlocks * groups, seed + 3), 'f32'),
  };
}

/** The definition, element by element, in another order than the op's: dequantised products, last to first. */
function naive(operands: Operands): number[] {
  const [M = 0, K = 0] = operands.x.layout.shape;
  const [N = 0] = operands.w.layout.shape;
  const groups = Math.ceil(K / 128);
  const type = operands.x.type as 'e4m3fn';
  const xScale = valuesOf(operands.x_scale);
  const wScale = valuesOf(operands.w_scale);
  const y: number[] = [];
  for (let m = 0; m < M; m += 1) {
    for (let n = 0; n < N; n += 1) {
      let sum = 0;
      for (let k = K - 1; k >= 0; k -= 1) {
        const g = k >> 7;
        const a = decode(type, operands.x.bytes[m * K + k]!) * xScale[m * groups + g]!;
        sum += a * (decode(type, operands.w.bytes[n * K + k]!) * wScale[(n >> 7) * groups + g]!);
      }
      y.push(sum);
    }
  }
  return y;
}

/** A float32 kernel: dequantises in float32, then adds in an order drawn at random. */
function float32Kernel(operands: Operands, seed: number): Float32Array {
  const f = Math.fround;
  const [M = 0, K = 0] = operands.x.layout.shape;
  const [N = 0] = operands.w.layout.shape;
  const groups = Math.ceil(K / 128);
  const xScale = valuesOf(operands.x_scale);
  const wScale = valuesOf(operands.w_scale);
  const next = noise(seed);
  const order = Array.from({ length: K }, (_, k) => k).sort(() => (next() & 1) - 0.5);
  const y = new Float32Array(M * N);
  for (let m = 0; m < M; m += 1) {
    for (let n = 0; n < N; n += 1) {
      let sum = 0;
      for (const k of order) {
        const g = k >> 7;
        const a = f(decode('e4m3fn', operands.x.bytes[m * K + k]!) * xScale[m * groups + g]!);
        const b = f(decode('e4m3fn', operands.w.bytes[n * K + k]!) * wScale[(n >> 7) * groups + g]!);
        sum = f(sum + f(a * b));
      }
      y[m * N + n] = sum;
    }
  }
  return y;
}

function run(operands: Operands, params: BlockScaleGemmParams = {}): Float32Array {
  return valuesOf(gemmA8w8Blockscale.reference(params, operands).y);
}

describe('gemm_a8w8_blockscale on golden cases', () => {
  it.each(goldenCases('gemm.safetensors', 'gemm_a8w8_blockscale'))('$name', (golden) => {
    const operands = {
      x: golden.read('x', 'e4m3fn'),
      w: golden.read('w', 'e4m3fn'),
      x_scale: golden.read('x_scale', 'f32'),
      w_scale: golden.read('w_scale', 'f32'),
    };
    const bound = gemmA8w8Blockscale.bound!({}, operands).y;
    const f64 = new Float64Array(golden.bytes('y_f64').buffer);
    const worst = f64.reduce(
      (max, value, i) => Math.max(max, Math.abs(value - bound!.exact[i]!) / bound!.error[i]!),
      0,
    );
    expect(worst).toBeLessThan(2 ** -20);
    // AITER's Triton kernel, compiled with contraction, agrees bit for bit with its order of operations.
    const triton = golden.read('y_triton', 'bf16');
    const { y } = gemmA8w8Blockscale.reference({ math: 'triton' }, operands);
    expect(asU16(y)).toEqual(asU16(triton));
    expect(outside(valuesOf(triton), 'bf16', bound)).toBe(0);
    expect(outside(run(operands), 'bf16', bound)).toBe(0);
    // The bound is no blank cheque: the same bytes read as a shuffled weight lie outside nearly everywhere.
    const misread = { ...operands, w: golden.read('w_shuffled', 'e4m3fn', undefined, 'w') };
    expect(outside(run(misread), 'bf16', bound)).toBeGreaterThan(0.9 * f64.length);
  });
});

describe('gemm_a8w8_blockscale', () => {
  it.each([
    [1, 1, 1],
    [3, 130, 129],
    [2, 257, 300],
    [5, 16, 127],
  ])('agrees with the definition on ragged %i x %i x %i', (M, N, K) => {
    const operands = operandsOf(M, N, K);
    const expected = naive(operands);
    const exact = gemmA8w8Blockscale.bound?.({ out: 'f32' }, operands).y?.exact ?? [];
    const y = run(operands, { out: 'f32' });
    expected.forEach((value, i) => {
      expect(Math.abs(exact[i]! - value)).toBeLessThan(1e-9);
      expect(y[i]).toBe(Math.fround(exact[i]!));
    });
  });

  it.each([
    'exact',
    'ck',
    'asm',
    'triton',
    'triton-unfused',
    'triton-preshuffle',
    'triton-preshuffle-unfused',
  ] as const)('order %s stays within the bound, and so does any float32 order', (math) => {
    const operands = operandsOf(4, 130, 700, 11);
    const bound = gemmA8w8Blockscale.bound?.({ out: 'f32' }, operands).y;
    expect(outside(run(operands, { math, out: 'f32' }), 'f32', bound)).toBe(0);
    expect(outside(float32Kernel(operands, 5), 'f32', bound)).toBe(0);
  });

  it('decodes e4m3fnuz, where the same codes are worth half', () => {
    const fn = operandsOf(2, 16, 128, 21);
    const codes = Uint8Array.from({ length: 16 * 128 }, (_, i) => 1 + (i % 126));
    const fnuz = {
      ...fn,
      x: tensorFrom('x', 'e4m3fnuz', [2, 128], codes.slice(0, 256)),
      w: tensorFrom('w', 'e4m3fnuz', [16, 128], codes),
    };
    const same = {
      ...fn,
      x: tensorFrom('x', 'e4m3fn', [2, 128], codes.slice(0, 256)),
      w: tensorFrom('w', 'e4m3fn', [16, 128], codes),
    };
    const half = run(fnuz, { out: 'f32' });
    expect(Array.from(run(same, { out: 'f32' }))).toEqual(Array.from(half, (value) => value * 4));
  });

  it('puts each element of x and w where one-hot operands ask for it', () => {
    const [M, N, K] = [3, 131, 260];
    const zeros = operandsOf(M, N, K);
    for (const [m, n, k] of [
      [0, 0, 0],
      [2, 130, 259],
      [1, 128, 127],
      [1, 5, 128],
    ] as const) {
      const x = new Uint8Array(M * K);
      const w = new Uint8Array(N * K);
      x[m * K + k] = 0x38; // 1.0
      w[n * K + k] = 0xc4; // -3.0
      const xScale = valuesOf(zeros.x_scale)[m * 3 + (k >> 7)]!;
      const wScale = valuesOf(zeros.w_scale)[(n >> 7) * 3 + (k >> 7)]!;
      const y = run(
        { ...zeros, x: tensorFrom('x', 'e4m3fn', [M, K], x), w: tensorFrom('w', 'e4m3fn', [N, K], w) },
        { out: 'f32' },
      );
      const expected = new Float32Array(M * N);
      expected[m * N + n] = Math.fround(-3 * xScale * wScale);
      expect(y).toEqual(expected);
    }
  });

  it('lets a NaN code spoil its row, a NaN scale its block, and nothing else', () => {
    const operands = operandsOf(3, 4, 130, 31);
    operands.x.bytes[1 * 130 + 7] = 0x7f;
    const y = run(operands);
    expect(Array.from(y, Number.isNaN)).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    const bound = gemmA8w8Blockscale.bound?.({}, operands).y;
    expect(outside(y, 'bf16', bound)).toBe(0);
    expect(
      outside(
        y.map((value) => (Number.isNaN(value) ? 0 : value)),
        'bf16',
        bound,
      ),
    ).toBe(4);
  });

  it('truncates toward zero on request', () => {
    const one = (code: number, scale: number): Operands => ({
      x: tensorFrom('x', 'e4m3fn', [1, 1], Uint8Array.of(0x38)),
      w: tensorFrom('w', 'e4m3fn', [1, 1], Uint8Array.of(code)),
      x_scale: tensorFrom('x_scale', 'f32', [1, 1], Float32Array.of(scale)),
      w_scale: tensorFrom('w_scale', 'f32', [1, 1], Float32Array.of(1)),
    });
    const almost = 1.99999988079071; // the largest float32 below 2
    for (const code of [0x38, 0xb8]) {
      const sign = code === 0x38 ? 1 : -1;
      expect(run(one(code, almost))[0]).toBe(sign * 2);
      expect(run(one(code, almost), { rounding: 'truncate' })[0]).toBe(sign * 1.9921875);
      expect(run(one(code, almost), { rounding: 'truncate', math: 'asm' })[0]).toBe(sign * 1.9921875);
    }
  });

  it('takes other block sizes', () => {
    const x = tensorFrom('x', 'e4m3fn', [1, 3], Uint8Array.of(0x38, 0x38, 0x38));
    const w = tensorFrom('w', 'e4m3fn', [2, 3], Uint8Array.of(0x38, 0x38, 0x38, 0x38, 0x38, 0x38));
    const x_scale = tensorFrom('x_scale', 'f32', [1, 2], Float32Array.of(1, 10));
    const w_scale = tensorFrom('w_scale', 'f32', [2, 2], Float32Array.of(1, 2, 3, 4));
    expect(Array.from(run({ x, w, x_scale, w_scale }, { block: [1, 2], out: 'f32' }))).toEqual([22, 46]);
  });
});

describe('gemm_a8w8_blockscale refuses', () => {
  const good = operandsOf(2, 16, 128);
  const refuse =
    (operands: Partial<Operands>, params: object = {}): (() => unknown) =>
    () =>
      gemmA8w8Blockscale.plan(params as BlockScaleGemmParams, { ...good, ...operands } as Operands);

  it('a missing operand', () => {
    const { w_scale: _, ...rest } = good;
    expect(() => gemmA8w8Blockscale.plan({}, rest as Operands)).toThrow(
      'gemm_a8w8_blockscale: operand "w_scale": missing. Given: x, w, x_scale. Pass a tensor under this name.',
    );
  });

  it('types that differ', () => {
    expect(refuse({ w: operandsOf(2, 16, 128, 1, 'e4m3fnuz').w })).toThrow(
      'gemm_a8w8_blockscale: operand "w": is e4m3fnuz, expected e4m3fn. Convert it with encode, or assume() the type if the bytes are right.',
    );
  });

  it('shapes that do not fit', () => {
    expect(refuse({ w: operandsOf(2, 16, 129).w })).toThrow(
      'gemm_a8w8_blockscale: operand "w": has shape [16, 129], expected [*, 128] (N, K = 128 of x).',
    );
    expect(refuse({ x_scale: operandsOf(2, 16, 256).x_scale })).toThrow(
      'gemm_a8w8_blockscale: operand "x_scale": has shape [2, 2], expected [2, 1] (M, ceil(K / 128)).',
    );
    expect(refuse({ w_scale: operandsOf(2, 129, 128).w_scale })).toThrow(
      'gemm_a8w8_blockscale: operand "w_scale": has shape [2, 1], expected [1, 1] (ceil(N / 128), ceil(K / 128)).',
    );
  });

  it('scales in another encoding', () => {
    const x_scale = tensorFrom('x_scale', 'f32', [2, 1], new Float32Array(2), 'ue8m0-packed');
    expect(refuse({ x_scale })).toThrow(
      'gemm_a8w8_blockscale: operand "x_scale": holds ue8m0-packed scales, expected f32 or ue8m0-f32. ' +
        'Reading one as the other gives finite nonsense; convert the scales first.',
    );
  });

  it('a shuffled weight', () => {
    expect(refuse({ w: stored(good.w, shuffleWeight([16, 128], { bits: 8 })) })).toThrow(
      /^gemm_a8w8_blockscale: tensor "w" is stored as shuffle_weight\S* \[16, 128\], but this op reads row-major\. Permute it to rowMajor\(\[16, 128\]\), or call gemm_a8w8_blockscale_bpreshuffle, which reads shuffled weights\.$/,
    );
  });

  it('transposed activation scales, except where the order makes no difference', () => {
    const wide = operandsOf(2, 16, 256);
    const transposed = { ...wide, x_scale: stored(wide.x_scale, scaleTransposedView([2, 2])) };
    expect(() => gemmA8w8Blockscale.plan({}, transposed)).toThrow(
      /Permute it to rowMajor\(\[2, 2\]\), or call gemm_a8w8_blockscale_bpreshuffle, which reads transposed scales\.$/,
    );
    expect(refuse({ x_scale: stored(good.x_scale, scaleTransposedView([2, 1])) })).not.toThrow();
    expect(refuse({ x: stored(good.x, columnMajor([2, 128])) })).toThrow(/tensor "x" is stored as/);
  });

  it.each([
    [{ out: 'f64' }, 'parameter "out": is "f64", expected bf16, f16, f32.'],
    [{ rounding: 'up' }, 'parameter "rounding": is "up", expected nearest-even, truncate.'],
    [
      { rounding: 'truncate', out: 'f16' },
      'parameter "rounding": is truncate with out f16, but only bf16 results are truncated. Use out bf16 or nearest-even.',
    ],
    [
      { math: 'fast' },
      'parameter "math": is "fast", expected exact, ck, asm, triton, triton-unfused, triton-preshuffle, triton-preshuffle-unfused.',
    ],
    [{ block: [128] }, 'parameter "block": is [128], expected two positive integers [rows of w, columns].'],
    [{ block: [128, 0] }, 'parameter "block": is [128,0], expected two positive integers [rows of w, columns].'],
  ])('%j', (params, message) => {
    expect(refuse({}, params)).toThrow(`gemm_a8w8_blockscale: ${message}`);
  });
});
