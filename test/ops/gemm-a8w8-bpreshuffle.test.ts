import { describe, expect, it } from 'vitest';
import { openBackend } from '../../backends/registry.ts';
import { decode } from '../../src/formats/decode.ts';
import { f32Bits } from '../../src/formats/f32.ts';
import { columnMajor, rowMajor, shuffleWeight } from '../../src/layout/catalog.ts';
import { gemmA8w8Blockscale } from '../../src/ops/gemm-a8w8-blockscale.ts';
import { type GemmA8w8BpreshuffleParams, gemmA8w8Bpreshuffle } from '../../src/ops/gemm-a8w8-bpreshuffle.ts';
import { LayoutMismatchError } from '../../src/tensor/errors.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { type RowScaledOperands, rowScaledOperands, shuffledRowScaled } from './fp8-gemm-support.ts';
import { outside, randomCodes, stored, valuesOf } from './gemm-moe-support.ts';

const fl = Math.fround;

function run(operands: RowScaledOperands, params: GemmA8w8BpreshuffleParams = {}): Float32Array {
  return valuesOf(gemmA8w8Bpreshuffle.reference(params, operands).y);
}

/** One code each, so that P is the product of both. */
function single(x: number, w: number, xScale: number, wScale: number): RowScaledOperands {
  const codes = (code: number, rows: number): Uint8Array => {
    const bytes = new Uint8Array(rows * 32);
    bytes[0] = code;
    return bytes;
  };
  return {
    x: tensorFrom('x', 'e4m3fn', [1, 32], codes(x, 1)),
    w: stored(tensorFrom('w', 'e4m3fn', [16, 32], codes(w, 16)), shuffleWeight([16, 32], { bits: 8 })),
    x_scale: tensorFrom('x_scale', 'f32', [1, 1], Float32Array.of(xScale)),
    w_scale: tensorFrom('w_scale', 'f32', [16, 1], new Float32Array(16).fill(wScale)),
  };
}

describe('gemm_a8w8_bpreshuffle', () => {
  it.each([
    [1, 16, 32],
    [3, 48, 160],
    [5, 16, 128],
  ])('gives what gemm_a8w8_blockscale with block [1, K] gives, %i x %i x %i', (M, N, K) => {
    for (const type of ['e4m3fn', 'e4m3fnuz'] as const) {
      const plain = rowScaledOperands(M, N, K, type);
      const params = { block: [1, K], out: 'f32' } as const;
      const want = gemmA8w8Blockscale.reference(params, plain).y;
      const operands = shuffledRowScaled(plain);
      expect(gemmA8w8Bpreshuffle.reference({ out: 'f32' }, operands).y.bytes).toEqual(want.bytes);
      expect(gemmA8w8Bpreshuffle.bound?.({}, operands).y).toEqual(gemmA8w8Blockscale.bound?.(params, plain).y);
    }
  });

  it('scales by the weight first in the order of CK, and by the product in that of FlyDSL', () => {
    const plain = rowScaledOperands(4, 32, 256);
    const operands = shuffledRowScaled(plain);
    // With unit scales y is the exact dot product rounded to float32.
    const ones = (name: string, rows: number): Tensor =>
      tensorFrom(name, 'f32', [rows, 1], new Float32Array(rows).fill(1));
    const dots = run({ ...operands, x_scale: ones('x_scale', 4), w_scale: ones('w_scale', 32) }, { out: 'f32' });
    const a = valuesOf(plain.x_scale);
    const b = valuesOf(plain.w_scale);
    const ck = dots.map((dot, i) => fl(fl(dot * b[i % 32]!) * a[i >> 5]!));
    const flydsl = dots.map((dot, i) => fl(dot * fl(a[i >> 5]! * b[i % 32]!)));
    expect(run(operands, { math: 'ck', out: 'f32' })).toEqual(ck);
    expect(run(operands, { math: 'flydsl', out: 'f32' })).toEqual(flydsl);
    const apart = ck.map((value, i) => Math.abs(f32Bits(value) - f32Bits(flydsl[i]!)));
    expect(Math.max(...apart)).toBe(1);
    const bound = gemmA8w8Bpreshuffle.bound?.({ out: 'f32' }, operands).y;
    for (const math of ['exact', 'ck', 'flydsl'] as const)
      expect(outside(run(operands, { math, out: 'f32' }), 'f32', bound)).toBe(0);
  });

  it('tells the two orders apart by what overflows', () => {
    // (0 * 2^100) * 2^100 is 0; 0 * (2^100 * 2^100) is 0 * infinity.
    const large = single(0x01, 0x38, 2 ** 100, 2 ** 100);
    expect(run(large, { math: 'ck', out: 'f32' })[0]).toBe(Number.POSITIVE_INFINITY);
    const zero = single(0x00, 0x38, 2 ** 100, 2 ** 100);
    expect(run(zero, { math: 'ck', out: 'f32' })[0]).toBe(0);
    expect(run(zero, { math: 'flydsl', out: 'f32' })[0]).toBeNaN();
    const small = single(0x38, 0x38, 2 ** -100, 2 ** 120);
    expect(run(small, { math: 'ck', out: 'f32' })[0]).toBe(2 ** 20);
    // What is left of the last one depends on the order. All of it is within the bound.
    for (const operands of [large, zero, small, single(0x7e, 0x7e, 2 ** 100, 2 ** -140)]) {
      const bound = gemmA8w8Bpreshuffle.bound?.({ out: 'f32' }, operands).y;
      for (const math of ['exact', 'ck', 'flydsl'] as const)
        expect(outside(run(operands, { math, out: 'f32' }), 'f32', bound)).toBe(0);
    }
  });

  it('adds over all columns before it scales', () => {
    // 128 * 448^2 and its negative cancel exactly, whatever the scales are.
    const [M, N, K] = [1, 16, 256];
    const x = new Uint8Array(K).fill(0x7e);
    const w = Uint8Array.from({ length: N * K }, (_, i) => (i % K < 128 ? 0x7e : 0xfe));
    w[255] = 0x78; // -448 becomes 256
    const operands = shuffledRowScaled({
      ...rowScaledOperands(M, N, K),
      x: tensorFrom('x', 'e4m3fn', [M, K], x),
      w: tensorFrom('w', 'e4m3fn', [N, K], w),
    });
    const y = run(operands, { math: 'ck', out: 'f32' });
    const a = valuesOf(operands.x_scale)[0]!;
    expect(y[0]).toBe(fl(fl(448 * (448 + 256) * valuesOf(operands.w_scale)[0]!) * a));
    expect(Array.from(y.subarray(1))).toEqual(new Array(15).fill(0));
  });

  it('takes w_scale as a row, too', () => {
    const operands = shuffledRowScaled(rowScaledOperands(3, 32, 64));
    const row = assume(operands.w_scale, { type: 'f32', layout: rowMajor([1, 32]) });
    expect(run({ ...operands, w_scale: row })).toEqual(run(operands));
  });

  it('reads the columns of x from a weight that was padded before the shuffle, under either shape', () => {
    const plain = rowScaledOperands(3, 32, 100);
    const want = valuesOf(gemmA8w8Blockscale.reference({ block: [1, 100] }, plain).y);
    const padded = stored(plain.w, shuffleWeight([32, 100], { bits: 8, padKTo: 128 }), 0x7f);
    expect(run({ ...plain, w: padded })).toEqual(want);
    const wide = assume(padded, { type: 'e4m3fn', layout: shuffleWeight([32, 128], { bits: 8 }) });
    expect(run({ ...plain, w: wide })).toEqual(want);
  });

  it('rounds to bf16, f16 and truncated bf16', () => {
    const operands = single(0x38, 0x38, 1.99999988079071, 1);
    expect(run(operands)[0]).toBe(2);
    expect(run(operands, { out: 'f16' })[0]).toBe(2);
    expect(run(operands, { rounding: 'truncate' })[0]).toBe(1.9921875);
    expect(run(operands, { rounding: 'truncate', math: 'ck' })[0]).toBe(1.9921875);
    expect(gemmA8w8Bpreshuffle.plan({}, operands).y).toMatchObject({ type: 'bf16' });
  });

  it('lets NaN spoil a row or a column, and a zero scale a row', () => {
    const plain = rowScaledOperands(3, 16, 64);
    plain.x.bytes[64] = 0x7f;
    plain.w.bytes[5 * 64 + 63] = 0xff;
    valuesOf(plain.x_scale)[2] = 0;
    valuesOf(plain.w_scale)[7] = Number.NaN;
    const operands = shuffledRowScaled(plain);
    for (const math of ['exact', 'ck', 'flydsl'] as const) {
      const y = run(operands, { math });
      y.forEach((value, i) => {
        const [m, n] = [i >> 4, i & 15];
        expect(Number.isNaN(value)).toBe(m === 1 || n === 5 || n === 7);
        if (m === 2 && !Number.isNaN(value)) expect(Math.abs(value)).toBe(0);
      });
      expect(outside(y, 'bf16', gemmA8w8Bpreshuffle.bound?.({}, operands).y)).toBe(0);
    }
  });

  it('has a bound that a float32 chain keeps and a forgotten shuffle does not', () => {
    const [M, N, K] = [2, 16, 512];
    const plain = rowScaledOperands(M, N, K);
    const operands = shuffledRowScaled(plain);
    const bound = gemmA8w8Bpreshuffle.bound?.({ out: 'f32' }, operands).y;
    const decoded = (codes: Tensor, at: number): number => decode('e4m3fn', codes.bytes[at]!);
    const chain = Float32Array.from({ length: M * N }, (_, i) => {
      const [m, n] = [Math.floor(i / N), i % N];
      let dot = 0;
      for (let k = 0; k < K; k += 1) dot = fl(dot + decoded(plain.x, m * K + k) * decoded(plain.w, n * K + k));
      return fl(fl(dot * valuesOf(plain.w_scale)[n]!) * valuesOf(plain.x_scale)[m]!);
    });
    expect(outside(chain, 'f32', bound)).toBe(0);
    const misread = { ...operands, w: assume(plain.w, { type: 'e4m3fn', layout: operands.w.layout }) };
    expect(outside(run(misread), 'bf16', bound)).toBeGreaterThan(28);
  });
});

describe('gemm_a8w8_bpreshuffle refuses', () => {
  const good = shuffledRowScaled(rowScaledOperands(3, 32, 256));
  const refuse =
    (operands: Partial<RowScaledOperands> & { bias?: Tensor }, params: object = {}): (() => unknown) =>
    () =>
      gemmA8w8Bpreshuffle.plan(params, { ...good, ...operands });

  it('a plain weight', () => {
    const w = rowScaledOperands(3, 32, 256).w;
    expect(refuse({ w })).toThrow(LayoutMismatchError);
    expect(refuse({ w })).toThrow(
      /^gemm_a8w8_bpreshuffle: tensor "w" is stored as row-major \[32, 256\], but this op reads shuffle_weight\S*\. Permute it to shuffleWeight\(\[32, 256\], \{ bits: 8 \}\), or call gemm_a8w8_blockscale with block \[1, 256\], which reads plain weights\.$/,
    );
  });

  it('a weight without whole tiles', () => {
    const plain = rowScaledOperands(3, 32, 144);
    expect(() => gemmA8w8Bpreshuffle.plan({}, plain)).toThrow(
      'gemm_a8w8_bpreshuffle: operand "w": has shape [32, 144], but shuffled weights come in tiles of 16 rows by 32 columns. ' +
        'Pad N to a multiple of 16 and K to a multiple of 32 with zeros (padKTo of shuffleWeight; x stays as it is), ' +
        'or use gemm_a8w8_blockscale with block [1, 144].',
    );
    expect(() => gemmA8w8Bpreshuffle.plan({}, rowScaledOperands(3, 17, 128))).toThrow('has shape [17, 128]');
  });

  it('a weight with fewer columns than x', () => {
    const { w } = shuffledRowScaled(rowScaledOperands(3, 32, 224));
    expect(refuse({ w })).toThrow(
      'gemm_a8w8_bpreshuffle: operand "w": has 224 columns, but x has 256: a weight may be padded beyond the columns of x, never cut. ' +
        'Shuffle the whole weight [32, 256], or pass the 224 columns of x that belong to this one.',
    );
  });

  it('block scales', () => {
    const x_scale = tensorFrom('x_scale', 'f32', [3, 2], new Float32Array(6));
    expect(refuse({ x_scale })).toThrow(
      'gemm_a8w8_bpreshuffle: operand "x_scale": has shape [3, 2], expected [3, 1] (one scale a row of x). Scales for every 128 columns ' +
        'belong to gemm_a8w8_blockscale_bpreshuffle; for this op quantise with per_token_quant.',
    );
    expect(refuse({ x_scale: tensorFrom('x_scale', 'f32', [3], new Float32Array(3)) })).toThrow(
      'operand "x_scale": has shape [3], expected [3, 1] (M, 1: one scale a row of x).',
    );
  });

  it.each([[[1, 1]], [[32]], [[2, 16]]])('w_scale %j', (shape) => {
    const count = shape.reduce((product, size) => product * size, 1);
    expect(refuse({ w_scale: tensorFrom('w_scale', 'f32', shape, new Float32Array(count)) })).toThrow(
      `gemm_a8w8_bpreshuffle: operand "w_scale": has shape [${shape.join(', ')}], expected [32, 1] or [1, 32] (one scale a row of w). ` +
        'Kernels read 32 numbers from its address whatever its shape: repeat a scale of the whole weight for every row.',
    );
  });

  it('a bias', () => {
    expect(refuse({ bias: tensorFrom('bias', 'f32', [32], new Float32Array(32)) })).toThrow(
      'gemm_a8w8_bpreshuffle: operand "bias": AITER asserts that the bias of this multiplication is None. ' +
        'Add it to y afterwards, as SGLang does: that sum is rounded a second time.',
    );
  });

  it('other types, encodings and orders', () => {
    expect(refuse({ w: shuffledRowScaled(rowScaledOperands(3, 32, 256, 'e4m3fnuz')).w })).toThrow(
      'operand "w": is e4m3fnuz, expected e4m3fn.',
    );
    expect(refuse({ x: tensorFrom('x', 'i8', [3, 256], randomCodes('e4m3fn', 768, 1)) })).toThrow(
      'operand "x": is i8, expected e4m3fn or e4m3fnuz.',
    );
    expect(refuse({ w_scale: tensorFrom('w_scale', 'bf16', [32, 1], new Uint16Array(32)) })).toThrow(
      'operand "w_scale": is bf16, expected f32.',
    );
    const x_scale = tensorFrom('x_scale', 'f32', [3, 1], new Float32Array(3), 'ue8m0-packed');
    expect(refuse({ x_scale })).toThrow('holds ue8m0-packed scales, expected f32 or ue8m0-f32.');
    expect(refuse({ x: stored(good.x, columnMajor([3, 256])) })).toThrow(/tensor "x" is stored as column-major/);
  });

  it.each([
    [{ out: 'i8' }, 'parameter "out": is "i8", expected bf16, f16, f32.'],
    [{ math: 'triton' }, 'parameter "math": is "triton", expected exact, ck, flydsl.'],
    [{ rounding: 'truncate', out: 'f32' }, 'parameter "rounding": is truncate with out f32'],
  ])('%j', (params, message) => {
    expect(refuse({}, params)).toThrow(`gemm_a8w8_bpreshuffle: ${message}`);
  });
});

it('is known to the CPU backend', async () => {
  const backend = await openBackend('cpu');
  const operands = shuffledRowScaled(rowScaledOperands(2, 16, 32));
  const { y } = await backend.run('gemm_a8w8_bpreshuffle', {}, operands);
  expect(y.bytes).toEqual(gemmA8w8Bpreshuffle.reference({}, operands).y.bytes);
  await backend.dispose();
});
