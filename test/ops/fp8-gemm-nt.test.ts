import { describe, expect, it } from 'vitest';
import {
  columnMajor,
  rowMajor,
  scaleTmaAligned,
  scaleTransposedView,
  shuffleWeight,
} from '../../src/layout/catalog.ts';
import { type Fp8GemmNtParams, fp8GemmNt } from '../../src/ops/fp8-gemm-nt.ts';
import { gemmA8w8Blockscale } from '../../src/ops/gemm-a8w8-blockscale.ts';
import type { BlockScaleMath } from '../../src/ops/shared/block-scale-math.ts';
import { LayoutMismatchError } from '../../src/tensor/errors.ts';
import { assume, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asI32 } from '../../src/tensor/views.ts';
import { blockOperands, packed, powersOfTwo, type RowScaledOperands, sm90, sm100 } from './fp8-gemm-support.ts';
import { outside, randomCodes, stored, valuesOf } from './gemm-moe-support.ts';

const MATHS = [
  'exact',
  'ck',
  'asm',
  'triton',
  'triton-unfused',
  'triton-preshuffle',
  'triton-preshuffle-unfused',
] as const satisfies readonly BlockScaleMath[];

function run(operands: RowScaledOperands, params: Fp8GemmNtParams = {}): Float32Array {
  return valuesOf(fp8GemmNt.reference(params, operands).y);
}

describe('fp8_gemm_nt with float scales', () => {
  it.each([
    [1, 64, 128],
    [5, 192, 384],
    [8, 64, 640],
  ])('gives what gemm_a8w8_blockscale gives, %i x %i x %i', (M, N, K) => {
    const plain = blockOperands(M, N, K);
    for (const math of MATHS) {
      for (const out of ['bf16', 'f32'] as const) {
        const want = gemmA8w8Blockscale.reference({ math, out }, plain).y;
        expect(fp8GemmNt.reference({ math, out }, sm90(plain)).y.bytes).toEqual(want.bytes);
      }
    }
    expect(fp8GemmNt.bound?.({}, sm90(plain)).y).toEqual(gemmA8w8Blockscale.bound?.({}, plain).y);
  });
});

describe('fp8_gemm_nt with packed scales', () => {
  it.each([
    [1, 64, 128],
    [6, 192, 640],
    [3, 64, 1152],
  ])('gives what the same powers of two give as floats, %i x %i x %i', (M, N, K) => {
    const plain = powersOfTwo(blockOperands(M, N, K));
    for (const math of MATHS) {
      const want = fp8GemmNt.reference({ math, out: 'f32' }, sm90(plain)).y;
      expect(fp8GemmNt.reference({ math, out: 'f32' }, sm100(plain)).y.bytes).toEqual(want.bytes);
    }
    expect(fp8GemmNt.bound?.({}, sm100(plain)).y).toEqual(fp8GemmNt.bound?.({}, sm90(plain)).y);
  });

  it('reads the words of get_mn_major_tma_aligned_packed_ue8m0_tensor', () => {
    // Three rows of five scales: two columns of four int32, the fourth row is padding.
    const rows = [2 ** -7, 2 ** -6, 1, 2, 4, 0.5, 0.25, 0.125, 1, 1, 1, 1, 1, 1, 1];
    const x_scale = packed('x_scale', Float32Array.from(rows), 5);
    const words = Array.from(asI32(x_scale), (word) => (word >>> 0).toString(16).padStart(8, '0'));
    expect(words.filter((_, at) => at % 4 !== 3)).toEqual([
      '807f7978',
      '7f7c7d7e',
      '7f7f7f7f',
      '00000081',
      '0000007f',
      '0000007f',
    ]);
    const [N, K] = [64, 640];
    const ones = (name: string, count: number): Tensor =>
      tensorFrom(name, 'e4m3fn', [count, K], new Uint8Array(count * K).fill(0x38));
    const w_scale = packed('w_scale', new Float32Array(N * 5).fill(1), 5);
    const y = run({ x: ones('x', 3), w: ones('w', N), x_scale, w_scale }, { out: 'f32' });
    const sums = [0, 1, 2].map((m) => 128 * rows.slice(m * 5, m * 5 + 5).reduce((sum, scale) => sum + scale, 0));
    expect([y[0], y[N], y[2 * N]]).toEqual(sums);
  });

  it('gives every row of w its own scale', () => {
    const plain = powersOfTwo(blockOperands(2, 64, 128));
    const scales = Float32Array.from({ length: 64 }, (_, n) => 2 ** ((n % 16) - 8));
    const operands = { ...sm100(plain), w_scale: packed('w_scale', scales, 1) };
    const unit = { ...sm100(plain), w_scale: packed('w_scale', new Float32Array(64).fill(1), 1) };
    const want = run(unit, { out: 'f32' }).map((value, i) => value * (scales[i % 64] ?? 0));
    expect(run(operands, { out: 'f32' })).toEqual(want);
  });

  it('takes byte 0 for zero and 255 for infinity, as the shift into the exponent field does', () => {
    const plain = powersOfTwo(blockOperands(4, 64, 128));
    plain.x.bytes.fill(0x38);
    plain.w.bytes.fill(0x38);
    const [one, zero, infinite] = [127, 0, 255];
    const x_scale = assume(tensorFrom('x_scale', 'i32', [4, 1], Int32Array.of(one, zero, infinite, one | (200 << 8))), {
      type: 'i32',
      layout: scaleTmaAligned([4, 1]),
      scaling: 'ue8m0-packed',
    });
    const w_scale = packed('w_scale', new Float32Array(64).fill(1), 1);
    const y = run({ ...plain, x_scale, w_scale }, { out: 'f32' });
    // The second byte of the last row belongs to a group that does not exist.
    expect([y[0], y[64], y[128], y[192]]).toEqual([128, 0, Number.POSITIVE_INFINITY, 128]);
  });
});

describe('fp8_gemm_nt', () => {
  it('lets NaN spoil its row or column', () => {
    const plain = blockOperands(3, 64, 256);
    plain.x.bytes[256 + 7] = 0x7f;
    plain.w.bytes[9 * 256 + 255] = 0xff;
    valuesOf(plain.x_scale)[2 * 2 + 1] = Number.NaN;
    for (const math of MATHS) {
      const y = run(sm90(plain), { math });
      y.forEach((value, i) => {
        expect(Number.isNaN(value)).toBe(i >= 64 || i % 64 === 9);
      });
      expect(outside(y, 'bf16', fp8GemmNt.bound?.({}, sm90(plain)).y)).toBe(0);
    }
  });

  it('keeps zero scales', () => {
    const plain = blockOperands(2, 64, 128);
    valuesOf(plain.x_scale)[1] = 0;
    expect(Array.from(run(sm90(plain)).subarray(64), Math.abs)).toEqual(new Array(64).fill(0));
  });

  it('accepts that anything comes of blocks that overflow with opposite signs', () => {
    const plain = blockOperands(1, 64, 256);
    plain.x.bytes.fill(0x38);
    plain.w.bytes.set(Uint8Array.from({ length: 64 * 256 }, (_, i) => (i % 256 < 128 ? 0x38 : 0xb8)));
    plain.x_scale.bytes.set(new Uint8Array(Float32Array.of(2 ** 100, 2 ** 100).buffer));
    plain.w_scale.bytes.set(new Uint8Array(Float32Array.of(2 ** 100, 2 ** 100).buffer));
    const bound = fp8GemmNt.bound?.({ out: 'f32' }, sm90(plain)).y;
    expect(run(sm90(plain), { out: 'f32' })[0]).toBe(0);
    expect(run(sm90(plain), { out: 'f32', math: 'triton-unfused' })[0]).toBeNaN();
    for (const math of MATHS) expect(outside(run(sm90(plain), { math, out: 'f32' }), 'f32', bound)).toBe(0);
  });
});

describe('fp8_gemm_nt refuses', () => {
  const plain = powersOfTwo(blockOperands(6, 64, 640));
  const floats = sm90(plain);
  const packedOnes = sm100(plain);
  const refuse =
    (operands: Partial<RowScaledOperands>, params: object = {}): (() => unknown) =>
    () =>
      fp8GemmNt.plan(params, { ...floats, ...operands });

  it('row-major activation scales, with the mending step', () => {
    expect(refuse({ x_scale: plain.x_scale })).toThrow(LayoutMismatchError);
    expect(refuse({ x_scale: plain.x_scale })).toThrow(
      'fp8_gemm_nt: tensor "x_scale" is stored as row-major [6, 5], but this op reads scale-tma-aligned. Permute it to ' +
        'scaleTmaAligned([6, 5]): the op "permute", or DeepGEMM\'s transform_sf_into_required_layout.',
    );
    // Column by column, but not padded to 16 bytes.
    expect(refuse({ x_scale: stored(plain.x_scale, columnMajor([6, 5])) })).toThrow(LayoutMismatchError);
  });

  it('row-major packed scales', () => {
    const rows = tensorFrom('w_scale', 'i32', [64, 2], new Int32Array(128), 'ue8m0-packed');
    expect(refuse({ ...packedOnes, w_scale: rows })).toThrow(
      'tensor "w_scale" is stored as row-major [64, 2], but this op reads scale-tma-aligned. Permute it to scaleTmaAligned([64, 2])',
    );
  });

  it('a transposed view, whose strides lie', () => {
    const eight = blockOperands(8, 64, 640);
    const x_scale = stored(eight.x_scale, scaleTransposedView([8, 5]));
    expect(refuse({ ...sm90(eight), x_scale })).toThrow(
      'tensor "x_scale" is stored as scale-tv [8, 5], but this op reads scale-tma-aligned. The kernel goes by strides, and those of a ' +
        'transposed view are row-major while its bytes are not. Relabel it as column-major without a copy: ' +
        "assume(x_scale, { type: 'f32', layout: scaleColumnMajor([8, 5]) }), in torch x_scale.as_strided((8, 5), (1, 8)).",
    );
    expect(refuse({ ...sm90(eight), x_scale: stored(eight.x_scale, columnMajor([8, 5])) })).not.toThrow();
  });

  it('one kind of scale for x and another for w', () => {
    expect(refuse({ x_scale: packedOnes.x_scale })).toThrow(
      'fp8_gemm_nt: operand "w_scale": is f32, but "x_scale" is packed (i32). DeepGEMM reads both as f32 (SM90) or both as four ' +
        'exponents an int32 (SM100), and a float read as exponents is finite nonsense. Round it with ceil_to_ue8m0, requantise w, ' +
        'and pack one row of scales for each row of w.',
    );
    expect(refuse({ w_scale: packedOnes.w_scale })).toThrow(
      'fp8_gemm_nt: operand "w_scale": is packed (i32), but "x_scale" holds f32 scales. DeepGEMM reads both as f32 (SM90) or both as ' +
        'four exponents an int32 (SM100), and a float read as exponents is finite nonsense. Pack "x_scale", too, or pass the float ' +
        'scales of w.',
    );
  });

  it('labels that contradict the type', () => {
    expect(refuse({ x_scale: { ...floats.x_scale, scaling: 'ue8m0-packed' } })).toThrow(
      'fp8_gemm_nt: operand "x_scale": holds ue8m0-packed scales, expected f32 or ue8m0-f32.',
    );
    for (const scaling of ['f32', 'ue8m0-f32', 'e8m0'] as const) {
      expect(refuse({ ...packedOnes, x_scale: { ...packedOnes.x_scale, scaling } })).toThrow(
        `fp8_gemm_nt: operand "x_scale": holds ${scaling} scales, expected ue8m0-packed.`,
      );
    }
    const bytes = tensorFrom('x_scale', 'e8m0', [6, 5], new Uint8Array(30), 'e8m0');
    expect(refuse({ x_scale: bytes })).toThrow('operand "x_scale": is e8m0, expected f32 or i32.');
  });

  it('floats under an integer type, by their number', () => {
    const x_scale = assume(floats.x_scale, { type: 'i32', layout: floats.x_scale.layout, scaling: 'ue8m0-packed' });
    expect(refuse({ ...packedOnes, x_scale })).toThrow(
      'fp8_gemm_nt: operand "x_scale": has shape [6, 5], expected [6, 2] (M, ceil(K / 512)): an int32 holds four exponents. One number ' +
        'a group looks like float scales under an integer type: pack them with pack_ue8m0_to_int.',
    );
    const w_scale = tensorFrom('w_scale', 'i32', [1, 2], new Int32Array(2));
    expect(refuse({ ...packedOnes, w_scale })).toThrow(
      'operand "w_scale": has shape [1, 2], expected [64, 2] (N, ceil(K / 512)).',
    );
  });

  it.each([
    [32, 128],
    [96, 256],
    [64, 192],
  ])('a weight [%i, %i], which SGLang gives to its Triton kernel', (N, K) => {
    expect(() => fp8GemmNt.plan({}, sm90(blockOperands(2, N, K)))).toThrow(
      `fp8_gemm_nt: operand "w": has shape [${N}, ${K}], but DeepGEMM needs N in multiples of 64 and K in multiples of 128. SGLang ` +
        "falls back to its Triton kernel here: call gemm_a8w8_blockscale with math 'triton' and float scales (packed ones unpacked first).",
    );
  });

  it('other types, shapes and layouts', () => {
    expect(refuse({ x: tensorFrom('x', 'e4m3fnuz', [6, 640], randomCodes('e4m3fnuz', 3840, 1)) })).toThrow(
      'fp8_gemm_nt: operand "x": is e4m3fnuz, expected e4m3fn.',
    );
    expect(refuse({ w: blockOperands(6, 64, 512).w })).toThrow(
      'operand "w": has shape [64, 512], expected [*, 640] (N, K = 640 of x).',
    );
    expect(refuse({ w: stored(plain.w, shuffleWeight([64, 640], { bits: 8 })) })).toThrow(
      /reads row-major\. Permute it to rowMajor\(\[64, 640\]\): DeepGEMM reads plain weights/,
    );
    expect(refuse({ w_scale: assume(plain.w_scale, { type: 'f32', layout: rowMajor([5, 1]) }) })).toThrow(
      'operand "w_scale": has shape [5, 1], expected [1, 5] (ceil(N / 128), ceil(K / 128)).',
    );
    const { w_scale: _, ...rest } = floats;
    expect(() => fp8GemmNt.plan({}, rest as RowScaledOperands)).toThrow('operand "w_scale": missing.');
  });

  it.each([
    [{ out: 'f16' }, 'parameter "out": is "f16", expected bf16, f32.'],
    [{ math: 'flydsl' }, 'parameter "math": is "flydsl", expected exact, ck, asm,'],
  ])('%j', (params, message) => {
    expect(refuse({}, params)).toThrow(`fp8_gemm_nt: ${message}`);
  });
});
