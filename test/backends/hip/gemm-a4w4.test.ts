// gemm_a4w4_bpreshuffle through the CPU runtime of the tests, against the CPU reference.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { decode } from '../../../src/formats/decode.ts';
import { packNibbles, unpackNibbles } from '../../../src/formats/pack.ts';
import { gemmA4w4Bpreshuffle } from '../../../src/ops/gemm-a4w4-bpreshuffle.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { valuesOf } from '../../ops/gemm-moe-support.ts';
import { expectGolden, expectWithinBound, fp4Operands, type GemmOperands, storedFor } from '../webgpu/gemm-support.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

const OP = 'gemm_a4w4_bpreshuffle';
const ONE = 2;

let backend: Backend;
beforeAll(async () => {
  if (skipWithoutCpuRuntime) return;
  const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
  backend = await openHipBackend({ library: CPU_RUNTIME, environment });
});
afterAll(() => backend?.dispose());

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

describe.skipIf(skipWithoutCpuRuntime)(`${OP} on HIP`, () => {
  it('passes the golden cases', () => expectGolden(backend, 'gfx950.safetensors', [OP]));

  it.each([
    [1, 16, 64],
    [7, 96, 512],
    [16, 80, 192],
    [17, 48, 320],
    [33, 272, 256],
    [70, 144, 256],
    [200, 64, 64],
    [257, 48, 128],
    [3, 288, 1600],
  ])('stays within the bound on %i x %i x %i, and is exact where binary32 is', async (M, N, K) => {
    for (const out of ['f32', 'bf16', 'f16'] as const) {
      await expectWithinBound(backend, OP, { out }, storedFor(OP, fp4Operands(M, N, K)));
    }
    await expectWithinBound(backend, OP, { rounding: 'truncate' }, storedFor(OP, fp4Operands(M, N, K)));
    // With scales this close to each other binary32 holds every bit of the sums, whatever their order.
    const near = storedFor(OP, fp4Operands(M, N, K, 3));
    const { y } = await backend.run(OP, { out: 'f32' }, near);
    expect(y.bytes).toEqual(gemmA4w4Bpreshuffle.reference({ out: 'f32' }, near).y.bytes);
  });

  it('multiplies blocks of 128 rows where there are enough of them', async () => {
    const [M, N, K, copies] = [300, 256, 64, 86];
    const plain = fp4Operands(M, N, K, 3);
    const repeated = (name: 'w' | 'w_scale', width: number): Tensor => {
      const bytes = new Uint8Array(plain[name].bytes.length * copies);
      for (let i = 0; i < copies; i += 1) bytes.set(plain[name].bytes, i * plain[name].bytes.length);
      return tensorFrom(name, plain[name].type, [N * copies, width], bytes);
    };
    const have = await values({ ...plain, w: repeated('w', K), w_scale: repeated('w_scale', K / 32) });
    const once = valuesOf(gemmA4w4Bpreshuffle.reference({ out: 'f32' }, storedFor(OP, plain)).y);
    const wrong = have.findIndex(
      (value, i) => value !== once[Math.floor(i / (N * copies)) * N + ((i % (N * copies)) % N)],
    );
    expect(wrong).toBe(-1);
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
      const scale = 2 ** ((xScale[k * groups + g] as number) + (wScale[n * groups + g] as number) - 254);
      return decode('e2m1', codes[n * K + k] as number) * scale + 0;
    });
    expect(y).toEqual(expected);
  });

  it('finds every element of x', async () => {
    for (const M of [5, 23, 37]) {
      const K = 192;
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
    }
  });

  it('reads scale byte 255 as NaN, for its row or column only', async () => {
    for (const M of [16, 19, 70]) {
      const [N, K] = [80, 128];
      const operands = fp4Operands(M, N, K);
      operands.x_scale.bytes[(M - 1) * 4 + 3] = 255;
      operands.w_scale.bytes[65 * 4] = 255;
      const y = await values(operands);
      const poisoned = Array.from(y, (_, i) => Math.floor(i / N) === M - 1 || i % N === 65);
      expect(Array.from(y, Number.isNaN)).toEqual(poisoned);
      // A zero times NaN is NaN, too.
      operands.x.bytes.fill(0);
      const zeros = await values(operands);
      expect(zeros).toEqual(Float32Array.from(poisoned, (nan) => (nan ? Number.NaN : 0)));
    }
  });
});
