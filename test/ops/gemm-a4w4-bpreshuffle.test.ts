import { describe, expect, it } from 'vitest';
import { decode } from '../../src/formats/decode.ts';
import { packNibbles, unpackNibbles } from '../../src/formats/pack.ts';
import { shuffleScale, shuffleWeight } from '../../src/layout/catalog.ts';
import { type GemmA4w4Params, gemmA4w4Bpreshuffle } from '../../src/ops/gemm-a4w4-bpreshuffle.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asU16 } from '../../src/tensor/views.ts';
import { goldenCases, noise, outside, stored, valuesOf } from './gemm-moe-support.ts';

type Operands = { x: Tensor; w: Tensor; x_scale: Tensor; w_scale: Tensor };

/** Row-major operands: random codes, scale exponents from 2^-5 to 2^5. */
function plainOperands(M: number, N: number, K: number, seed: number): Operands {
  const next = noise(seed);
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => next() & 255);
  const scales = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => 122 + (next() % 11));
  return {
    x: tensorFrom('x', 'e2m1', [M, K], bytes((M * K) / 2)),
    w: tensorFrom('w', 'e2m1', [N, K], bytes((N * K) / 2)),
    x_scale: tensorFrom('x_scale', 'e8m0', [M, K / 32], scales((M * K) / 32)),
    w_scale: tensorFrom('w_scale', 'e8m0', [N, K / 32], scales((N * K) / 32)),
  };
}

/** As the kernel reads them. The padding of the scales is NaN, so that reading it cannot go unseen. */
function shuffled(plain: Operands): Operands {
  return {
    x: plain.x,
    w: stored(plain.w, shuffleWeight(plain.w.layout.shape, { bits: 4 })),
    x_scale: stored(plain.x_scale, shuffleScale(plain.x_scale.layout.shape), 0xff),
    w_scale: stored(plain.w_scale, shuffleScale(plain.w_scale.layout.shape), 0xff),
  };
}

function naive({ x, w, x_scale, w_scale }: Operands): number[] {
  const [M = 0, K = 0] = x.layout.shape;
  const [N = 0] = w.layout.shape;
  const a = unpackNibbles(x.bytes);
  const b = unpackNibbles(w.bytes);
  const y: number[] = [];
  for (let m = 0; m < M; m += 1) {
    for (let n = 0; n < N; n += 1) {
      let sum = 0;
      for (let k = 0; k < K; k += 1) {
        const scale =
          decode('e8m0', x_scale.bytes[(m * K + k) >> 5]!) * decode('e8m0', w_scale.bytes[(n * K + k) >> 5]!);
        sum += decode('e2m1', a[m * K + k]!) * decode('e2m1', b[n * K + k]!) * scale;
      }
      y.push(sum);
    }
  }
  return y;
}

const run = (operands: Operands, params: GemmA4w4Params = {}): Float32Array =>
  valuesOf(gemmA4w4Bpreshuffle.reference(params, operands).y);

describe('gemm_a4w4_bpreshuffle', () => {
  it.each(goldenCases('gfx950.safetensors', 'gemm_a4w4_bpreshuffle'))('reproduces $name bit for bit', (golden) => {
    const [M = 0, packed = 0] = golden.shape('x');
    const [N = 0] = golden.shape('w_shuffled');
    const K = packed * 2;
    const operands = {
      x: golden.read('x', 'e2m1'),
      w: golden.read('w_shuffled', 'e2m1', shuffleWeight([N, K], { bits: 4 }), 'w'),
      x_scale: golden.read('x_scale_shuffled', 'e8m0', shuffleScale([M, K / 32]), 'x_scale'),
      w_scale: golden.read('w_scale_shuffled', 'e8m0', shuffleScale([N, K / 32]), 'w_scale'),
    };
    const expected = golden.read('y', 'bf16');
    expect(asU16(gemmA4w4Bpreshuffle.reference({}, operands).y)).toEqual(asU16(expected));
    expect(outside(valuesOf(expected), 'bf16', gemmA4w4Bpreshuffle.bound?.({}, operands).y)).toBe(0);
  });

  it.each([
    [1, 16, 64],
    [3, 48, 192],
    [33, 32, 320],
  ])('agrees with the definition on %i x %i x %i', (M, N, K) => {
    const plain = plainOperands(M, N, K, 7);
    const operands = shuffled(plain);
    expect(run(operands, { out: 'f32' })).toEqual(Float32Array.from(naive(plain)));
    const bound = gemmA4w4Bpreshuffle.bound?.({ out: 'f32' }, operands).y;
    expect(outside(Float32Array.from(naive(plain)), 'f32', bound)).toBe(0);
  });

  it('finds each element with one-hot operands', () => {
    const [M, N, K] = [2, 32, 128];
    for (const [m, n, k] of [
      [0, 0, 0],
      [1, 31, 127],
      [1, 16, 63],
      [0, 15, 64],
    ] as const) {
      const plain = plainOperands(M, N, K, 3);
      const x = new Uint8Array(M * K);
      const w = new Uint8Array(N * K);
      x[m * K + k] = 5; // 3
      w[n * K + k] = 0xf; // -6
      const operands = shuffled({
        ...plain,
        x: tensorFrom('x', 'e2m1', [M, K], packNibbles(x)),
        w: tensorFrom('w', 'e2m1', [N, K], packNibbles(w)),
      });
      const expected = new Float32Array(M * N);
      const exponent = plain.x_scale.bytes[(m * K + k) >> 5]! + plain.w_scale.bytes[(n * K + k) >> 5]! - 254;
      expected[m * N + n] = -18 * 2 ** exponent;
      expect(run(operands, { out: 'f32' })).toEqual(expected);
    }
  });

  it('reads scale byte 255 as NaN and 0 as 2^-127', () => {
    const plain = plainOperands(2, 16, 64, 5);
    plain.x_scale.bytes.set([255, 127, 0, 0]);
    plain.w_scale.bytes.fill(254);
    plain.x.bytes.fill(0x22); // 1.0
    plain.w.bytes.fill(0x22);
    const y = run(shuffled(plain), { out: 'f32' });
    expect(Array.from(y.subarray(0, 16)).every(Number.isNaN)).toBe(true);
    expect(Array.from(y.subarray(16))).toEqual(new Array(16).fill(64));
  });

  it('is far from what swapped nibbles or unshuffled scales give', () => {
    const plain = plainOperands(16, 32, 256, 9);
    const operands = shuffled(plain);
    const bound = gemmA4w4Bpreshuffle.bound?.({}, operands).y;
    const swapped = {
      ...operands,
      x: tensorFrom(
        'x',
        'e2m1',
        [16, 256],
        plain.x.bytes.map((byte) => (byte >> 4) | (byte << 4)),
      ),
    };
    expect(outside(run(operands), 'bf16', bound)).toBe(0);
    expect(outside(run(swapped), 'bf16', bound)).toBeGreaterThan(500);
  });
});

describe('gemm_a4w4_bpreshuffle refuses', () => {
  const plain = plainOperands(2, 16, 64, 1);
  const good = shuffled(plain);
  const plan =
    (operands: Partial<Operands>, params: GemmA4w4Params = {}): (() => unknown) =>
    () =>
      gemmA4w4Bpreshuffle.plan(params, { ...good, ...operands });

  it('a plain weight and plain scales', () => {
    expect(plan({ w: plain.w })).toThrow(
      /^gemm_a4w4_bpreshuffle: tensor "w" is stored as row-major \[16, 64\], but this op reads shuffle_weight\S*\. Permute it to shuffleWeight\(\[16, 64\], \{ bits: 4 \}\)\.$/,
    );
    for (const [name, rows] of [
      ['x_scale', 2],
      ['w_scale', 16],
    ] as const) {
      expect(plan({ [name]: plain[name] })).toThrow(
        new RegExp(
          `^gemm_a4w4_bpreshuffle: tensor "${name}" is stored as row-major \\[${rows}, 2\\], but this op reads shuffle_scale\\S*\\. ` +
            `Permute it to shuffleScale\\(\\[${rows}, 2\\]\\)\\.$`,
        ),
      );
    }
  });

  it('a weight without whole tiles', () => {
    const ragged = plainOperands(2, 16, 96, 1);
    expect(plan({ x: ragged.x, w: ragged.w })).toThrow(
      'gemm_a4w4_bpreshuffle: operand "w": has shape [16, 96], but shuffled fp4 weights come in tiles of 16 rows by ' +
        '64 columns (32 bytes). Pad N to a multiple of 16 and K to a multiple of 64 with zeros.',
    );
  });

  it('other types and shapes', () => {
    expect(plan({ x: tensorFrom('x', 'e4m3fn', [2, 64], new Uint8Array(128)) })).toThrow(
      'gemm_a4w4_bpreshuffle: operand "x": is e4m3fn, expected e2m1. Convert it with encode, or assume() the type if the bytes are right.',
    );
    expect(plan({ x_scale: shuffled(plainOperands(3, 16, 64, 1)).x_scale })).toThrow(
      'gemm_a4w4_bpreshuffle: operand "x_scale": has shape [3, 2], expected [2, 2] (M, K / 32).',
    );
    expect(plan({}, { rounding: 'truncate', out: 'f32' })).toThrow(
      'gemm_a4w4_bpreshuffle: parameter "rounding": is truncate with out f32, but only bf16 results are truncated. Use out bf16 or nearest-even.',
    );
  });
});
