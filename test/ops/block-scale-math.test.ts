import { describe, expect, it } from 'vitest';
import { f32Bits, f32FromBits } from '../../src/formats/f32.ts';
import { type BlockScaleMath, COMBINE, multiply } from '../../src/ops/shared/block-scale-math.ts';

describe('order of scaling and adding', () => {
  const orders: readonly BlockScaleMath[] = ['ck', 'triton-unfused', 'triton-preshuffle-unfused', 'triton'];
  const vectors = [
    {
      dots: [-225.5, 285],
      a: [0x3bd86fc8, 0x3c7fb317],
      b: [0x3a900220, 0x39c8e70f],
      expected: [0x388e79a6, 0x388e7990, 0x388e79a0, 0x388e7997],
    },
    {
      dots: [242.375, -308.25],
      a: [0x3c378a90, 0x3c1cca65],
      b: [0x3afb823c, 0x3afab9db],
      expected: [0xb9e2da8e, 0xb9e2daa0, 0xb9e2da90, 0xb9e2da9c],
    },
  ];

  it.each(vectors)('gives four different float32 results for P = $dots', ({ dots, a, b, expected }) => {
    const x = Float32Array.from(a, f32FromBits);
    const w = Float32Array.from(b, f32FromBits);
    expect(orders.map((order) => f32Bits(COMBINE[order](Float64Array.from(dots), x, 0, w, 0)))).toEqual(expected);
  });

  it('names the fused product alike for CK, the assembly kernels and the fused Triton preshuffle kernel', () => {
    expect(COMBINE.asm).toBe(COMBINE.ck);
    expect(COMBINE['triton-preshuffle']).toBe(COMBINE.ck);
  });

  it('reads the scales from the given starts', () => {
    const combine = COMBINE.exact;
    expect(combine(Float64Array.of(2), Float32Array.of(100, 3), 1, Float32Array.of(100, 100, 5), 2)).toBe(30);
  });
});

describe('multiply', () => {
  it.each([
    [1, 1, 1],
    [2, 3, 5],
    [3, 5, 8],
    [2, 9, 13],
  ])('agrees with the definition on %i x %i x %i with ragged blocks of 4 by 4', (M, N, K) => {
    const x = Float32Array.from({ length: M * K }, (_, i) => ((i * 7) % 11) - 5);
    const w = Float32Array.from({ length: N * K }, (_, i) => ((i * 5) % 13) - 6);
    const groups = Math.ceil(K / 4);
    const xScale = Float32Array.from({ length: M * groups }, (_, i) => 2 ** (i % 5));
    const wScale = Float32Array.from({ length: Math.ceil(N / 4) * groups }, (_, i) => 3 * 2 ** (i % 7));
    const y = multiply({ M, N, K, blockN: 4, blockK: 4, x, w, xScale, wScale }, COMBINE.exact);
    const expected: number[] = [];
    for (let m = 0; m < M; m += 1) {
      for (let n = 0; n < N; n += 1) {
        let sum = 0;
        for (let k = 0; k < K; k += 1) {
          const scale = xScale[m * groups + (k >> 2)]! * wScale[(n >> 2) * groups + (k >> 2)]!;
          sum += x[m * K + k]! * w[n * K + k]! * scale;
        }
        expected.push(sum);
      }
    }
    expect(Array.from(y)).toEqual(expected);
  });
});
