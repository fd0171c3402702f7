import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { decode } from '../../../src/formats/decode.ts';
import { packNibbles, unpackNibbles } from '../../../src/formats/pack.ts';
import { roundTo } from '../../../src/golden/codes.ts';
import { gemmA4w4Bpreshuffle } from '../../../src/ops/gemm-a4w4-bpreshuffle.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import { valuesOf } from '../../ops/gemm-moe-support.ts';
import { expectGolden, expectWithinBound, fp4Operands, type GemmOperands, storedFor } from './gemm-support.ts';

const OP = 'gemm_a4w4_bpreshuffle';
const ONE = 2;

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

async function values(plain: GemmOperands): Promise<Float32Array> {
  return valuesOf((await backend.run(OP, { out: 'f32' }, storedFor(OP, plain))).y);
}

/** Scales 2^-8 to 2^8 that change with row and block, at different rates. */
function codedScales(rows: number, groups: number): Uint8Array {
  return Uint8Array.from(
    { length: rows * groups },
    (_, i) => 119 + ((Math.floor(i / groups) * 5 + (i % groups) * 3) % 17),
  );
}

describe(OP, () => {
  it('passes the golden cases', async () => {
    await expectGolden(backend, 'gfx950.safetensors', [OP]);
  });

  it.each([
    [1, 16, 64],
    [16, 80, 192],
    [17, 48, 320],
    [70, 144, 256],
    [3, 288, 576],
  ])('stays within the bound on %i x %i x %i, and is exact where binary32 is', async (M, N, K) => {
    for (const out of ['f32', 'bf16', 'f16'] as const) {
      await expectWithinBound(backend, OP, { out }, storedFor(OP, fp4Operands(M, N, K)));
    }
    // With scales this close to each other binary32 holds every bit of the sums, whatever their order.
    const near = storedFor(OP, fp4Operands(M, N, K, 3));
    const { y } = await backend.run(OP, { out: 'f32' }, near);
    expect(y.bytes).toEqual(gemmA4w4Bpreshuffle.reference({ out: 'f32' }, near).y.bytes);
  });

  it('finds every element of w, both nibbles, and every scale', async () => {
    // x is the unit matrix, so that y is w transposed.
    const [N, K] = [80, 320];
    const groups = K / 32;
    const unit = new Uint8Array(K * K);
    for (let k = 0; k < K; k += 1) unit[k * K + k] = ONE;
    const { w } = fp4Operands(1, N, K);
    const xScale = codedScales(K, groups);
    const wScale = codedScales(N, groups);
    const y = await values({
      x: tensorFrom('x', 'e2m1', [K, K], packNibbles(unit)),
      w,
      x_scale: tensorFrom('x_scale', 'e8m0', [K, groups], xScale),
      w_scale: tensorFrom('w_scale', 'e8m0', [N, groups], wScale),
    });
    const codes = unpackNibbles(w.bytes);
    const expected = Float32Array.from({ length: K * N }, (_, i) => {
      const [k, n] = [Math.floor(i / N), i % N];
      const g = k >> 5;
      return decode('e2m1', codes[n * K + k]!) * 2 ** (xScale[k * groups + g]! + wScale[n * groups + g]! - 254) + 0;
    });
    expect(y).toEqual(expected);
  });

  it('finds every element of x', async () => {
    const [M, K] = [37, 192];
    const unit = new Uint8Array(K * K);
    for (let k = 0; k < K; k += 1) unit[k * K + k] = ONE;
    const { x } = fp4Operands(M, 16, K);
    const y = await values({
      x,
      w: tensorFrom('w', 'e2m1', [K, K], packNibbles(unit)),
      x_scale: tensorFrom('x_scale', 'e8m0', [M, 6], new Uint8Array(M * 6).fill(127)),
      w_scale: tensorFrom('w_scale', 'e8m0', [K, 6], new Uint8Array(K * 6).fill(127)),
    });
    expect(y).toEqual(Float32Array.from(unpackNibbles(x.bytes), (code) => decode('e2m1', code) + 0));
  });

  it('reads scale byte 255 as NaN, for its row or column only', async () => {
    const [M, N, K] = [19, 80, 128];
    const operands = fp4Operands(M, N, K);
    operands.x_scale.bytes[18 * 4 + 3] = 255;
    operands.w_scale.bytes[65 * 4] = 255;
    const y = await values(operands);
    const poisoned = Array.from(y, (_, i) => Math.floor(i / N) === 18 || i % N === 65);
    expect(Array.from(y, Number.isNaN)).toEqual(poisoned);
    // A zero times NaN is NaN, too.
    operands.x.bytes.fill(0);
    const zeros = await values(operands);
    expect(zeros).toEqual(Float32Array.from(poisoned, (nan) => (nan ? Number.NaN : 0)));
  });

  it('applies scales whose factors are subnormal, and those that leave the range', async () => {
    const [M, N, K] = [6, 16, 64];
    const operands = fp4Operands(M, N, K);
    operands.x.bytes.fill(0x22);
    operands.w.bytes.fill(0x22);
    const put = (x: readonly number[], w: number): void => {
      for (const [m, scale] of x.entries()) operands.x_scale.bytes.fill(scale, m * 2, m * 2 + 2);
      operands.w_scale.bytes.fill(w);
    };
    // 2^-127 is no normal number, 2^-127 * 2^127 is 1.
    put([0, 1, 2, 64, 120, 127], 254);
    expect(Array.from((await values(operands)).filter((_, i) => i % N === 0))).toEqual(
      [0, 1, 2, 64, 120, 127].map((scale) => 64 * 2 ** scale).map(Math.fround),
    );
    // Results around the smallest normal number, where devices may flush, down to zero.
    put([127, 122, 121, 105, 98, 0], 0);
    const small = await values(operands);
    expect([0, 5].map((m) => small[m * N])).toEqual([2 ** -121, 0]);
    await expectWithinBound(backend, OP, { out: 'f32' }, storedFor(OP, operands));
    put([254, 253, 200, 127, 126, 0], 254);
    expect((await values(operands))[0]).toBe(Number.POSITIVE_INFINITY);
  });

  it('rounds to bf16 and f16 as the formats do', async () => {
    const plain = fp4Operands(33, 48, 128);
    for (let m = 0; m < 33; m += 1) plain.x_scale.bytes.fill(100 + m, m * 4, m * 4 + 4);
    const exact = await values(plain);
    const operands = storedFor(OP, plain);
    for (const out of ['bf16', 'f16'] as const) {
      expect(valuesOf((await backend.run(OP, { out }, operands)).y)).toEqual(exact.map((value) => roundTo(out, value)));
    }
    const { y } = await backend.run(OP, { rounding: 'truncate' }, operands);
    expect(valuesOf(y)).toEqual(exact.map((value) => roundTo('bf16', value, 'truncate')));
  });

  it('gives the same bytes in parts on a small device', async () => {
    const operands = storedFor(OP, fp4Operands(70, 144, 576));
    const small = await openWebGpu({
      limits: { maxStorageBufferBindingSize: 12_288, maxComputeWorkgroupsPerDimension: 2 },
    });
    try {
      for (const out of ['bf16', 'f32'] as const) {
        const { y } = await small.run(OP, { out }, operands);
        expect(y.bytes).toEqual((await backend.run(OP, { out }, operands)).y.bytes);
      }
    } finally {
      await small.dispose();
    }
  });
});
