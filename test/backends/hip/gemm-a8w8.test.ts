// The block-scaled fp8 multiplications with every tile, through koffi and the CPU runtime of the tests.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { GEMM_TILES, type GemmTileName, overrideGemmTiles } from '../../../backends/hip/kernels/gemm-tiles.ts';
import { decode } from '../../../src/formats/decode.ts';
import { roundTo } from '../../../src/golden/codes.ts';
import { runGolden } from '../../../src/golden/index.ts';
import type { OpDefinition } from '../../../src/ops/op.ts';
import { type OpOperands, ops } from '../../../src/ops/registry.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import { outside, randomCodes, valuesOf } from '../../ops/gemm-moe-support.ts';
import {
  expectGolden,
  expectWithinBound,
  fp8Operands,
  type GemmOperands,
  goldenFile,
  storedFor,
} from '../webgpu/gemm-support.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

const OPS = ['gemm_a8w8_blockscale', 'gemm_a8w8_blockscale_bpreshuffle'] as const;
type Op = (typeof OPS)[number];
const TILES = Object.keys(GEMM_TILES) as GemmTileName[];

let backend: Backend;
beforeAll(async () => {
  if (skipWithoutCpuRuntime) return;
  const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
  backend = await openHipBackend({ library: CPU_RUNTIME, environment });
});
afterAll(() => backend?.dispose());
afterEach(() => {
  overrideGemmTiles([]);
  vi.unstubAllEnvs();
});

function force(tile: GemmTileName, N: number, K: number, parts = 1): void {
  overrideGemmTiles([{ N, K, from: 1, to: 1 << 20, tile, parts, together: 2 }]);
}

async function values(op: Op, operands: GemmOperands, params = {}): Promise<Float32Array> {
  const { y } = await backend.run(op, { out: 'f32', ...params }, storedFor(op, operands));
  return valuesOf(y);
}

describe.skipIf(skipWithoutCpuRuntime)('block-scaled fp8 multiplication on HIP', () => {
  it('passes the golden cases', async () => {
    await expectGolden(backend, 'gemm.safetensors', ['gemm_a8w8_blockscale']);
    await expectGolden(backend, 'gfx950.safetensors', ['gemm_a8w8_blockscale_bpreshuffle']);
    for (const file of ['fp8-path.safetensors', 'fp8-incidents.safetensors']) {
      const only = [...OPS, 'gemm_a8w8_bpreshuffle', 'fp8_gemm_nt'] as const;
      const { results } = await runGolden(backend, [await goldenFile(file)], { ops: only });
      const left = results.filter(({ status }) => status !== 'pass');
      expect(left.filter((result) => !result.case.includes('fnuz'))).toEqual([]);
      expect(results.length - left.length).toBeGreaterThan(10);
    }
  });

  it('says what it leaves out', () => {
    const fnuz = fp8Operands(2, 16, 32, 'e4m3fnuz');
    expect(backend.supports('gemm_a8w8_blockscale', {}, fnuz)).toEqual({
      supported: false,
      reason: 'the matrix instructions of gfx950 know no fnuz formats: use the cpu backend.',
    });
    const narrow = fp8Operands(2, 16, 160, 'e4m3fn', [16, 32]);
    expect(backend.supports('gemm_a8w8_blockscale', { block: [16, 32] }, narrow)).toEqual({
      supported: false,
      reason: 'a scale for every 32 columns, but a matrix instruction adds up 128: use the cpu backend.',
    });
  });

  it.each([
    [1, 1, 1],
    [3, 130, 129],
    [65, 67, 127],
    [16, 65, 2],
  ])('pads ragged plain operands of %i x %i x %i', async (M, N, K) => {
    const operands = fp8Operands(M, N, K);
    for (const out of ['f32', 'bf16', 'f16'] as const) {
      const y = await expectWithinBound(backend, 'gemm_a8w8_blockscale', { out }, operands);
      expect(y.type).toBe(out);
    }
  });

  it('returns zeros for no columns, and nothing for no rows', async () => {
    const op = 'gemm_a8w8_blockscale';
    expect(await values(op, fp8Operands(2, 16, 0))).toEqual(new Float32Array(32));
    expect(await values(op, fp8Operands(0, 16, 32))).toEqual(new Float32Array(0));
  });

  it('reads nothing beyond a ragged row', async () => {
    const [M, N, K] = [3, 5, 131];
    const operands = fp8Operands(M, N, K);
    // All around row 1 of x and column 2 of w there is NaN.
    operands.x.bytes.fill(0x7f, 0, K);
    operands.x.bytes.fill(0x7f, 2 * K);
    operands.w.bytes.fill(0x7f, 0, 2 * K);
    operands.w.bytes.fill(0x7f, 3 * K);
    const y = await expectWithinBound(backend, 'gemm_a8w8_blockscale', { out: 'f32' }, operands);
    expect(Array.from(valuesOf(y), Number.isNaN)).toEqual(Array.from({ length: M * N }, (_, i) => i !== N + 2));
  });
});

describe.skipIf(skipWithoutCpuRuntime).each(OPS)('%s on HIP', (op) => {
  it.each([
    [1, 16, 32],
    [7, 256, 512],
    [33, 144, 416],
    [200, 272, 384],
    [257, 304, 640],
  ])('stays within the bound on %i x %i x %i with every tile', async (M, N, K) => {
    const operands = storedFor(op, fp8Operands(M, N, K));
    const bound = (ops[op] as unknown as OpDefinition).bound?.({}, { ...operands }).y;
    // Copies into LDS that arrive as late as they may, and waves in any order.
    vi.stubEnv('PRESHUFFLE_HIP_CPU_DMA', 'lazy');
    for (const [index, tile] of TILES.entries()) {
      vi.stubEnv('PRESHUFFLE_HIP_CPU_ORDER', `random:${index}`);
      for (const parts of K < 384 ? [1] : [1, 2]) {
        force(tile, N, K, parts);
        const { y } = await backend.run(op, { out: 'f32' }, operands as OpOperands<typeof op>);
        expect(outside(valuesOf(y), y.type, bound), tile).toBe(0);
        const short = await backend.run(op, { out: 'f16' }, operands as OpOperands<typeof op>);
        expect(valuesOf(short.y)).toEqual(valuesOf(y).map((value) => roundTo('f16', value)));
      }
    }
  });

  it.each(TILES)('finds every element and every scale with tiles of %s', async (tile) => {
    // x is the unit matrix, so that y is w transposed.
    const [N, K] = [144, 288];
    const x = new Uint8Array(K * K);
    for (let k = 0; k < K; k += 1) x[k * K + k] = 0x38;
    const w = randomCodes('e4m3fn', N * K, 5);
    const xScale = Float32Array.from({ length: K * 3 }, (_, i) => 1 + i);
    const wScale = Float32Array.from({ length: 6 }, (_, i) => 1 + 2 * i);
    force(tile, N, K);
    const y = await values(op, {
      x: tensorFrom('x', 'e4m3fn', [K, K], x),
      w: tensorFrom('w', 'e4m3fn', [N, K], w),
      x_scale: tensorFrom('x_scale', 'f32', [K, 3], xScale, 'f32'),
      w_scale: tensorFrom('w_scale', 'f32', [2, 3], wScale, 'f32'),
    });
    const expected = Float32Array.from({ length: K * N }, (_, i) => {
      const [k, n] = [Math.floor(i / N), i % N];
      const g = k >> 7;
      // Adding zeros of either sign leaves +0.
      return decode('e4m3fn', w[n * K + k]!) * xScale[k * 3 + g]! * wScale[(n >> 7) * 3 + g]! + 0;
    });
    expect(y).toEqual(expected);
  });

  it.each(TILES)('spreads NaN over its row or column only with tiles of %s', async (tile) => {
    const [M, N, K] = [19, 80, 160];
    const operands = fp8Operands(M, N, K);
    // The first and last elements of a row have another row's as neighbours.
    operands.x.bytes[3 * K] = 0x7f;
    operands.x.bytes[18 * K + K - 1] = 0x7f;
    operands.w.bytes[65 * K + 130] = 0xff;
    valuesOf(operands.x_scale)[7 * 2 + 1] = Number.NaN;
    force(tile, N, K);
    const y = await values(op, operands);
    y.forEach((value, i) => {
      const [m, n] = [Math.floor(i / N), i % N];
      expect(Number.isNaN(value)).toBe(m === 3 || m === 7 || m === 18 || n === 65);
    });
  });

  it.each(['16x32', '128x256', '256x256'] as const)('rounds as the formats do with tiles of %s', async (tile) => {
    const plain = fp8Operands(33, 48, 128);
    // From f16 subnormals to beyond its largest number.
    plain.x_scale.bytes.set(new Uint8Array(Float32Array.from({ length: 33 }, (_, m) => 1.2345 * 2 ** (m - 33)).buffer));
    force(tile, 48, 128);
    const exact = await values(op, plain);
    for (const out of ['bf16', 'f16'] as const) {
      expect(await values(op, plain, { out })).toEqual(exact.map((value) => roundTo(out, value)));
    }
    const cut = await values(op, plain, { out: 'bf16', rounding: 'truncate' });
    expect(cut).toEqual(exact.map((value) => roundTo('bf16', value, 'truncate')));
  });

  it('takes blocks of any number of rows, and of all columns', async () => {
    for (const tile of ['16x32', '16x64', '128x128', '256x256'] as const) {
      for (const block of [
        [16, 128],
        [1, 128],
        [192, 128],
        [200, 1000],
        [128, 416],
      ]) {
        const operands = storedFor(op, fp8Operands(37, 272, 416, 'e4m3fn', block));
        force(tile, 272, 416);
        const y = await expectWithinBound(backend, op, { block, out: 'f32' }, operands);
        expect(y.layout.shape).toEqual([37, 272]);
      }
    }
  });

  it('gives the same bits for all kinds of tiles of one accumulation order', async () => {
    const [M, N, K] = [70, 304, 512];
    const operands = fp8Operands(M, N, K);
    const results = [];
    for (const tile of ['64x128', '128x128', '128x256', '256x256'] as const) {
      force(tile, N, K);
      results.push(await values(op, operands));
    }
    for (const result of results) expect(result).toEqual(results[0]);
  });
});
