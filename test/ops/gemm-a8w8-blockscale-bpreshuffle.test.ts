import { describe, expect, it } from 'vitest';
import { columnMajor, scaleTransposedView, shuffleWeight } from '../../src/layout/catalog.ts';
import { gemmA8w8Blockscale } from '../../src/ops/gemm-a8w8-blockscale.ts';
import { gemmA8w8BlockscaleBpreshuffle } from '../../src/ops/gemm-a8w8-blockscale-bpreshuffle.ts';
import { LayoutMismatchError } from '../../src/tensor/errors.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asU16 } from '../../src/tensor/views.ts';
import { goldenCases, outside, randomCodes, randomScales, stored, valuesOf } from './gemm-moe-support.ts';

function plainOperands(M: number, N: number, K: number): { x: Tensor; w: Tensor; x_scale: Tensor; w_scale: Tensor } {
  const groups = Math.ceil(K / 128);
  const rowBlocks = Math.ceil(N / 128);
  return {
    x: tensorFrom('x', 'e4m3fn', [M, K], randomCodes('e4m3fn', M * K, 1)),
    w: tensorFrom('w', 'e4m3fn', [N, K], randomCodes('e4m3fn', N * K, 2)),
    x_scale: tensorFrom('x_scale', 'f32', [M, groups], randomScales(M * groups, 3)),
    w_scale: tensorFrom('w_scale', 'f32', [rowBlocks, groups], randomScales(rowBlocks * groups, 4)),
  };
}

function shuffledOperands(M: number, N: number, K: number): ReturnType<typeof plainOperands> {
  const plain = plainOperands(M, N, K);
  return {
    ...plain,
    w: stored(plain.w, shuffleWeight([N, K], { bits: 8 })),
    x_scale: stored(plain.x_scale, scaleTransposedView(plain.x_scale.layout.shape)),
  };
}

describe('gemm_a8w8_blockscale_bpreshuffle on golden cases', () => {
  it.each(goldenCases('gfx950.safetensors', 'gemm_a8w8_blockscale_bpreshuffle'))('$name is bit-exact', (golden) => {
    const [M = 0, K = 0] = golden.shape('x');
    const [N = 0] = golden.shape('w_shuffled');
    const [groups = 0] = golden.shape('x_scale');
    const operands = {
      x: golden.read('x', 'e4m3fn'),
      w: golden.read('w_shuffled', 'e4m3fn', shuffleWeight([N, K], { bits: 8 }), 'w'),
      x_scale: golden.read('x_scale', 'f32', scaleTransposedView([M, groups])),
      w_scale: golden.read('w_scale', 'f32'),
    };
    const params = { math: 'asm', rounding: 'truncate' } as const;
    const expected = golden.read('y', 'bf16');
    expect(asU16(gemmA8w8BlockscaleBpreshuffle.reference(params, operands).y)).toEqual(asU16(expected));
    expect(outside(valuesOf(expected), 'bf16', gemmA8w8BlockscaleBpreshuffle.bound?.(params, operands).y)).toBe(0);
  });

  it.each(goldenCases('gemm.safetensors', 'gemm_a8w8_blockscale'))(
    '$name gives what the row-major op gives',
    (golden) => {
      const [M = 0, K = 0] = golden.shape('x');
      const [N = 0] = golden.shape('w');
      const x = golden.read('x', 'e4m3fn');
      const x_scale = golden.read('x_scale', 'f32');
      const w_scale = golden.read('w_scale', 'f32');
      const plain = { x, w: golden.read('w', 'e4m3fn'), x_scale, w_scale };
      const shuffled = {
        x,
        w: golden.read('w_shuffled', 'e4m3fn', shuffleWeight([N, K], { bits: 8 }), 'w'),
        x_scale: stored(x_scale, scaleTransposedView([M, Math.ceil(K / 128)])),
        w_scale,
      };
      const want = gemmA8w8Blockscale.reference({}, plain).y;
      expect(gemmA8w8BlockscaleBpreshuffle.reference({}, shuffled).y.bytes).toEqual(want.bytes);
      const wantBound = gemmA8w8Blockscale.bound?.({}, plain).y;
      expect(gemmA8w8BlockscaleBpreshuffle.bound?.({}, shuffled).y).toEqual(wantBound);
    },
  );
});

describe('gemm_a8w8_blockscale_bpreshuffle', () => {
  it('takes scales whose bytes are column by column, under either name', () => {
    const operands = shuffledOperands(5, 32, 256);
    const plain = plainOperands(5, 32, 256);
    const want = gemmA8w8Blockscale.reference({}, plain).y.bytes;
    expect(gemmA8w8BlockscaleBpreshuffle.reference({}, operands).y.bytes).toEqual(want);
    const honest = { ...operands, x_scale: stored(plain.x_scale, columnMajor([5, 2])) };
    expect(gemmA8w8BlockscaleBpreshuffle.reference({}, honest).y.bytes).toEqual(want);
  });

  it('reads [[a, b, c], [d, e, f]] from a d b e c f', () => {
    const scales = tensorFrom('x_scale', 'f32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(Array.from(asF32(stored(scales, scaleTransposedView([2, 3]))))).toEqual([1, 4, 2, 5, 3, 6]);
    // Row-major bytes declared as transposed: row 0 is read as (a, c, e), row 1 as (b, d, f).
    const w = tensorFrom('w', 'e4m3fn', [16, 384], new Uint8Array(16 * 384).fill(0x38));
    const w_scale = tensorFrom('w_scale', 'f32', [1, 3], Float32Array.of(1, 10, 100));
    const x = tensorFrom('x', 'e4m3fn', [2, 384], new Uint8Array(2 * 384).fill(0x38));
    const lie = assume(scales, { type: 'f32', layout: scaleTransposedView([2, 3]) });
    const operands = { x, w: stored(w, shuffleWeight([16, 384], { bits: 8 })), x_scale: lie, w_scale };
    const y = valuesOf(gemmA8w8BlockscaleBpreshuffle.reference({ out: 'f32' }, operands).y);
    expect([y[0], y[16]]).toEqual([128 * 531, 128 * 642]);
  });

  it('refuses row-major activation scales', () => {
    const operands = { ...shuffledOperands(5, 32, 256), x_scale: plainOperands(5, 32, 256).x_scale };
    const plan = (): unknown => gemmA8w8BlockscaleBpreshuffle.plan({}, operands);
    expect(plan).toThrow(LayoutMismatchError);
    expect(plan).toThrow(
      /^gemm_a8w8_blockscale_bpreshuffle: tensor "x_scale" is stored as row-major \[5, 2\], but this op reads \S+\. Permute it to scaleTransposedView\(\[5, 2\]\), or call gemm_a8w8_blockscale, which reads row-major scales\.$/,
    );
  });

  it('takes row-major scales of a single row: the bytes are the same', () => {
    const operands = { ...shuffledOperands(1, 32, 256), x_scale: plainOperands(1, 32, 256).x_scale };
    const want = gemmA8w8Blockscale.reference({}, plainOperands(1, 32, 256)).y.bytes;
    expect(gemmA8w8BlockscaleBpreshuffle.reference({}, operands).y.bytes).toEqual(want);
  });

  it('refuses a plain weight', () => {
    const operands = { ...shuffledOperands(5, 32, 256), w: plainOperands(5, 32, 256).w };
    expect(() => gemmA8w8BlockscaleBpreshuffle.plan({}, operands)).toThrow(
      /^gemm_a8w8_blockscale_bpreshuffle: tensor "w" is stored as row-major \[32, 256\], but this op reads shuffle_weight\S*\. Permute it to shuffleWeight\(\[32, 256\], \{ bits: 8 \}\), or call gemm_a8w8_blockscale, which reads plain weights\.$/,
    );
  });

  it.each([
    [17, 128],
    [16, 144],
  ])('refuses a weight [%i, %i] that has no whole tiles', (N, K) => {
    expect(() => gemmA8w8BlockscaleBpreshuffle.plan({}, plainOperands(2, N, K))).toThrow(
      `gemm_a8w8_blockscale_bpreshuffle: operand "w": has shape [${N}, ${K}], but shuffled weights come in tiles of ` +
        '16 rows by 32 columns. Pad N to a multiple of 16 and K to a multiple of 32 with zeros, or use gemm_a8w8_blockscale.',
    );
  });
});
