// AITER's kernels behind the backend: made-up code objects that say about themselves what AITER's say, and a runtime that keeps
// what it is told. What the real ones compute is not tested here.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KnownKernel } from '../../../../backends/hip/aiter/arguments.ts';
import { FP4_GEMM_TILES, knownFp4Gemm } from '../../../../backends/hip/aiter/fp4-gemm.ts';
import { FP8_GEMM_TILES, knownFp8Gemm } from '../../../../backends/hip/aiter/fp8-gemm.ts';
import { openHipBackend } from '../../../../backends/hip/backend.ts';
import { BackendUnavailableError } from '../../../../src/errors.ts';
import { rowMajor, scaleTransposedView, shuffleScale, shuffleWeight } from '../../../../src/layout/catalog.ts';
import type { Layout } from '../../../../src/layout/layout.ts';
import type { OpOperands } from '../../../../src/ops/registry.ts';
import { storageBytes, tensor } from '../../../../src/tensor/make.ts';
import type { Tensor } from '../../../../src/tensor/tensor.ts';
import { type Fake, inspect } from '../fake-device.ts';
import { skipWithoutClang, type Workshop, workshop } from '../toolchain.ts';
import { type Changes, writeObject } from './objects.ts';

const FP8 = FP8_GEMM_TILES[1] as (typeof FP8_GEMM_TILES)[number];
const FP4 = FP4_GEMM_TILES.find(({ m, n }) => m === 32 && n === 128) as (typeof FP4_GEMM_TILES)[number];

function zeros(name: string, type: Tensor['type'], layout: Layout, scaling?: Tensor['scaling']): Tensor {
  const bytes = new Uint8Array(storageBytes({ type, layout }));
  return scaling === undefined ? tensor(name, type, layout, bytes) : tensor(name, type, layout, bytes, scaling);
}

function fp8Operands(M: number, N: number, K: number): OpOperands<'gemm_a8w8_blockscale_bpreshuffle'> {
  return {
    x: zeros('x', 'e4m3fn', rowMajor([M, K])),
    w: zeros('w', 'e4m3fn', shuffleWeight([N, K], { bits: 8 })),
    x_scale: zeros('x_scale', 'f32', scaleTransposedView([M, Math.ceil(K / 128)]), 'f32'),
    w_scale: zeros('w_scale', 'f32', rowMajor([Math.ceil(N / 128), Math.ceil(K / 128)]), 'f32'),
  };
}

function fp4Operands(M: number, N: number, K: number): OpOperands<'gemm_a4w4_bpreshuffle'> {
  return {
    x: zeros('x', 'e2m1', rowMajor([M, K])),
    w: zeros('w', 'e2m1', shuffleWeight([N, K], { bits: 4 })),
    x_scale: zeros('x_scale', 'e8m0', shuffleScale([M, K / 32]), 'e8m0'),
    w_scale: zeros('w_scale', 'e8m0', shuffleScale([N, K / 32]), 'e8m0'),
  };
}

const truncate = { rounding: 'truncate' } as const;

describe.skipIf(skipWithoutClang)("AITER's kernels", () => {
  let shop: Workshop;
  let library: string;
  let fake: Fake;
  let made = 0;
  beforeAll(async () => {
    shop = workshop();
    library = shop.fakeRuntime();
    fake = await inspect(library);
  });
  afterAll(() => shop.clean());

  /** A folder "hsa" with these objects. */
  function install(objects: readonly (readonly [{ readonly object: string }, KnownKernel, Changes?])[]): string {
    made += 1;
    const folder = path.join(shop.folder, `aiter${made}`, 'hsa');
    for (const [{ object }, known, changes] of objects) {
      writeObject(path.join(folder, 'gfx950', object), known, changes);
    }
    return folder;
  }

  const open = (folder: string): ReturnType<typeof openHipBackend> =>
    openHipBackend({ library, kernel: 'aiter-asm', environment: { AITER_ASM_DIR: folder }, root: shop.folder });

  it('multiply fp8', async () => {
    const backend = await open(install([[FP8, knownFp8Gemm(FP8)]]));
    expect(backend.device.facts['AITER kernels']).toMatch(/aiter1\/hsa\/gfx950$/);
    const { y } = await backend.run('gemm_a8w8_blockscale_bpreshuffle', truncate, fp8Operands(33, 256, 384));
    expect(y.layout.shape).toEqual([33, 256]);
    const { grid, block, shared, bytes } = fake.last();
    expect([grid, block, shared, bytes.length]).toEqual([[2, 2, 1], [256, 1, 1], 0, 256]);
    const view = new DataView(bytes.buffer);
    const numbers = Array.from({ length: 10 }, (_, index) => view.getUint32(96 + 16 * index, true));
    expect(numbers).toEqual([33, 256, 384, 384, 384, 512, 1, 33, 2, 3]);
    const pointers = Array.from({ length: 6 }, (_, index) => view.getBigUint64(16 * index, true));
    expect(new Set(pointers).size).toBe(6);
    expect(pointers.every((pointer) => pointer > 0n)).toBe(true);
    await backend.dispose();
    expect(fake.live()).toBe(0);
  });

  it('multiply fp4 into whole blocks of 32 rows', async () => {
    const backend = await open(install([[FP4, knownFp4Gemm(FP4)]]));
    let before = fake.launches();
    await backend.run('gemm_a4w4_bpreshuffle', {}, fp4Operands(64, 256, 512));
    expect(fake.launches()).toBe(before + 1);
    const { grid, bytes } = fake.last();
    expect([grid, bytes.length]).toEqual([[2, 2, 1], 384]);
    const view = new DataView(bytes.buffer);
    expect([128, 160, 192, 224, 240, 256, 304, 336, 368].map((at) => view.getUint32(at, true))).toEqual([
      256, 512, 512, 64, 256, 512, 16, 16, 0,
    ]);
    expect([64, 80].map((at) => view.getFloat32(at, true))).toEqual([1, 0]);
    before = fake.launches();
    // 33 rows go to memory of 64, and from there to the result.
    await backend.run('gemm_a4w4_bpreshuffle', {}, fp4Operands(33, 256, 512));
    expect(fake.launches()).toBe(before + 2);
    await backend.dispose();
    expect(fake.live()).toBe(0);
  });

  it('leave variants out that they do not do', async () => {
    const backend = await open(
      install([
        [FP8, knownFp8Gemm(FP8)],
        [FP4, knownFp4Gemm(FP4)],
      ]),
    );
    const advice = "Open the backend without kernel: 'aiter-asm' to use this package's kernels.";
    const fp8 = 'gemm_a8w8_blockscale_bpreshuffle';
    const ask = (params: object, operands = fp8Operands(16, 256, 384)): unknown =>
      backend.supports(fp8, params, operands);
    const refused = (family: string, problem: string): object => ({
      supported: false,
      reason: `AITER's ${family} does not do this: ${problem}. ${advice}`,
    });
    expect(ask(truncate)).toEqual({ supported: true });
    expect(ask({})).toEqual(
      refused('fp8gemm_blockscale', 'it cuts sums off to bf16: ask for rounding "truncate", not "nearest-even"'),
    );
    expect(ask({ out: 'f16' })).toEqual(refused('fp8gemm_blockscale', 'it writes bf16, asked for is f16'));
    expect(ask(truncate, fp8Operands(16, 144, 384))).toEqual(
      refused('fp8gemm_blockscale', 'N = 144 and K = 384 must be multiples of 128'),
    );
    expect(ask({ ...truncate, block: [64, 128] })).toEqual(
      refused('fp8gemm_blockscale', 'it has blocks of 128 x 128, asked for is [64, 128]'),
    );
    const fp4 = (params: object, operands = fp4Operands(16, 256, 512)): unknown =>
      backend.supports('gemm_a4w4_bpreshuffle', params, operands);
    expect(fp4({})).toEqual({ supported: true });
    expect(fp4(truncate)).toEqual(refused('f4gemm', 'it rounds to the nearest, asked for is "truncate"'));
    expect(fp4({}, fp4Operands(16, 160, 512))).toEqual(refused('f4gemm', 'N = 160 is no multiple of a tile (128)'));
    expect(fp4({}, fp4Operands(16, 256, 320))).toEqual(refused('f4gemm', 'K = 320 must be a multiple of 256'));
    await expect(backend.run(fp8, {}, fp8Operands(16, 256, 384))).rejects.toThrow('it cuts sums off to bf16');
    await backend.dispose();
  });

  it.each<readonly [Changes, string]>([
    [{ kernel: 'other' }, `has no kernel ${FP8.kernel}`],
    [{ kernargBytes: 272 }, `${FP8.kernel} takes 272 bytes of arguments, expected 256`],
    [{ threads: 512 }, `${FP8.kernel} takes 512 threads, expected 256`],
    [{ ldsBytes: 32768 }, `${FP8.kernel} takes 32768 bytes of LDS, expected 65536`],
    [{ without: 'KS' }, `${FP8.kernel} has 15 arguments, expected 16`],
    [
      { rename: { SA: 'SB', SB: 'SA' } },
      `${FP8.kernel} has the argument SB (global_buffer, 8 bytes) at 48, expected SA (global_buffer, 8 bytes) at 48`,
    ],
  ])('that are others than those known are refused: %j', async (changes, problem) => {
    const backend = await open(install([[FP8, knownFp8Gemm(FP8), changes]]));
    const before = fake.launches();
    await expect(backend.run('gemm_a8w8_blockscale_bpreshuffle', truncate, fp8Operands(16, 256, 384))).rejects.toThrow(
      `gemm_a8w8_blockscale_bpreshuffle: HIP kernel ${FP8.object}/${FP8.kernel}: code object "${FP8.object}": ${problem}. ` +
        "This AITER is another one than this version knows. Open the backend without kernel: 'aiter-asm' to use this package's kernels.",
    );
    expect(fake.launches()).toBe(before);
    await backend.dispose();
  });

  it('of another architecture are refused', async () => {
    const folder = path.join(shop.folder, 'wrong', 'hsa');
    writeObject(path.join(folder, 'gfx950', FP8.object), knownFp8Gemm(FP8), {}, 'gfx942');
    const backend = await open(folder);
    await expect(backend.run('gemm_a8w8_blockscale_bpreshuffle', truncate, fp8Operands(16, 256, 384))).rejects.toThrow(
      'is for gfx942, and HIP device 0 (Fake GPU 0) is gfx950. Build it for gfx950.',
    );
    await backend.dispose();
  });

  it('that are not there are said to be missing', async () => {
    const folder = path.join(shop.folder, 'empty', 'hsa');
    mkdirSync(path.join(folder, 'gfx950'), { recursive: true });
    const backend = await open(folder);
    expect(backend.supports('gemm_a8w8_blockscale_bpreshuffle', truncate, fp8Operands(1, 128, 128))).toMatchObject({
      reason: expect.stringContaining(`${folder}/gfx950 has no fp8gemm_blockscale`) as string,
    });
    await backend.dispose();
  });

  it('are found in a Python package, and nowhere else', async () => {
    const packages = path.join(shop.folder, 'usr', 'lib', 'python3.12', 'dist-packages');
    const missing = path.join(shop.folder, 'none', 'gfx950');
    const failed: unknown = await open(path.join(shop.folder, 'none')).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(BackendUnavailableError);
    expect((failed as BackendUnavailableError).message).toBe(
      'backend "hip" is not available: no AITER install was found. AITER_ASM_DIR names its folder "hsa"; else it is the Python ' +
        "package aiter_meta. Open the backend without kernel: 'aiter-asm' to use this package's kernels.\nTried:\n" +
        `  - ${missing}: not found`,
    );
    const folder = path.join(packages, 'aiter_meta', 'hsa');
    writeObject(path.join(folder, 'gfx950', FP8.object), knownFp8Gemm(FP8));
    const backend = await openHipBackend({ library, kernel: 'aiter-asm', environment: {}, root: shop.folder });
    expect(backend.device.facts['AITER kernels']).toBe(path.join(folder, 'gfx950'));
    await backend.dispose();
  });

  it('are off unless asked for', async () => {
    const folder = install([[FP8, knownFp8Gemm(FP8)]]);
    const backend = await openHipBackend({ library, environment: { AITER_ASM_DIR: folder } });
    expect(backend.device.facts).not.toHaveProperty(['AITER kernels']);
    await backend.dispose();
  });

  it('run on gfx950 only', async () => {
    const older = shop.fakeRuntime({ ARCH: 'gfx942' });
    await expect(openHipBackend({ library: older, kernel: 'aiter-asm', environment: {} })).rejects.toThrow(
      "AITER's kernels run on gfx950 only, and this is gfx942.",
    );
  });
});
