// The row-scaled fp8 multiplication and DeepGEMM's, through koffi and the CPU runtime of the tests.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { GEMM_TILES, type GemmTileName, overrideGemmTiles } from '../../../backends/hip/kernels/gemm-tiles.ts';
import { rowMajor, scaleColumnMajor, scaleTmaAligned, shuffleWeight } from '../../../src/layout/catalog.ts';
import type { OpDefinition } from '../../../src/ops/op.ts';
import { type OpName, type OpOperands, type OpParams, ops } from '../../../src/ops/registry.ts';
import { assume, tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import {
  blockOperands,
  packed,
  powersOfTwo,
  type RowScaledOperands,
  rowScaledOperands,
  shuffledRowScaled,
  sm90,
  sm100,
} from '../../ops/fp8-gemm-support.ts';
import { outside, stored, valuesOf } from '../../ops/gemm-moe-support.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

type Op = 'gemm_a8w8_bpreshuffle' | 'fp8_gemm_nt' | 'gemm_a8w8_blockscale';

let backend: Backend;
beforeAll(async () => {
  if (skipWithoutCpuRuntime) return;
  const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
  backend = await openHipBackend({ library: CPU_RUNTIME, environment });
});
afterAll(() => backend?.dispose());
afterEach(() => {
  overrideGemmTiles([]);
});

function force(tile: GemmTileName, { x, w }: RowScaledOperands, parts = 1): void {
  const [, K = 0] = x.layout.shape;
  // Tiles go by the padded sizes.
  const entry = { N: w.layout.shape[0] ?? 0, K: Math.ceil(K / 16) * 16, from: 1, to: 1 << 20, tile, parts };
  overrideGemmTiles([entry]);
}

/** Runs the op and expects every element within its bound. */
async function expectWithinBound<N extends Op & OpName>(
  op: N,
  params: OpParams<N>,
  operands: RowScaledOperands,
): Promise<Tensor> {
  const { y } = await backend.run(op, params, operands as OpOperands<N>);
  const bound = (ops[op] as unknown as OpDefinition).bound?.(params, { ...operands }).y;
  expect(outside(valuesOf(y), y.type, bound)).toBe(0);
  return y;
}

/** x or w is the unit matrix and scales are small integers, so that every float operation is exact and the CPU's bytes are due. */
async function expectReference<N extends Op & OpName>(op: N, operands: RowScaledOperands): Promise<void> {
  const params = { out: 'f32' } as OpParams<N>;
  const { y } = await backend.run(op, params, operands as OpOperands<N>);
  const want = (ops[op] as unknown as OpDefinition).reference(params, { ...operands }).y as Tensor;
  expect(valuesOf(y).map((value) => value + 0)).toEqual(valuesOf(want).map((value) => value + 0));
}

function unit(name: string, size: number): Tensor {
  const codes = new Uint8Array(size * size);
  for (let i = 0; i < size; i += 1) codes[i * size + i] = 0x38;
  return tensorFrom(name, 'e4m3fn', [size, size], codes);
}

/** Numbers that tell every scale from every other. */
function counted(name: string, shape: readonly number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return tensorFrom(
    name,
    'f32',
    shape,
    Float32Array.from({ length: count }, (_, i) => i + 1),
  );
}

function tilesFor(scaling: 'blocks' | 'columns' | 'rows'): GemmTileName[] {
  return (Object.keys(GEMM_TILES) as GemmTileName[]).filter((name) => GEMM_TILES[name].scalings.includes(scaling));
}

describe.skipIf(skipWithoutCpuRuntime)('gemm_a8w8_bpreshuffle on HIP', () => {
  it.each(tilesFor('rows'))('stays within the bound with tiles of %s', async (tile) => {
    for (const [M, N, K] of [
      [1, 16, 32],
      [17, 48, 160],
      [70, 80, 416],
      [257, 304, 768],
    ] as const) {
      const operands = shuffledRowScaled(rowScaledOperands(M, N, K));
      for (const parts of K > 256 ? [1, 3] : [1]) {
        force(tile, operands, parts);
        await expectWithinBound('gemm_a8w8_bpreshuffle', { out: 'f32' }, operands);
        await expectWithinBound('gemm_a8w8_bpreshuffle', { out: 'bf16' }, operands);
      }
    }
    expect(tile).toBeDefined();
  });

  it.each(tilesFor('rows'))('finds every element and every scale with tiles of %s', async (tile) => {
    const [M, N] = [37, 96];
    const plain = rowScaledOperands(M, N, N);
    const [x_scale, w_scale] = [counted('x_scale', [M, 1]), counted('w_scale', [N, 1])];
    const operands = shuffledRowScaled({ ...plain, w: unit('w', N), x_scale, w_scale });
    force(tile, operands);
    await expectReference('gemm_a8w8_bpreshuffle', operands);
    const row = assume(w_scale, { type: 'f32', layout: rowMajor([1, N]) });
    await expectReference('gemm_a8w8_bpreshuffle', { ...operands, w_scale: row });
  });

  it('reads nothing beyond the columns of x from a padded weight', async () => {
    for (const tile of ['16x32', '64x128', '256x256'] as const) {
      for (const K of [100, 97, 64]) {
        const plain = rowScaledOperands(5, 32, K);
        const w = stored(plain.w, shuffleWeight([32, K], { bits: 8, padKTo: 128 }), 0x7f);
        force(tile, plain);
        const y = await expectWithinBound('gemm_a8w8_bpreshuffle', { out: 'f32' }, { ...plain, w });
        const wide = assume(w, { type: 'e4m3fn', layout: shuffleWeight([32, 128], { bits: 8 }) });
        const same = await expectWithinBound('gemm_a8w8_bpreshuffle', { out: 'f32' }, { ...plain, w: wide });
        expect(same.bytes).toEqual(y.bytes);
        expect(valuesOf(y).every(Number.isFinite)).toBe(true);
      }
    }
  });

  it('spreads NaN codes and scales over their row or column', async () => {
    const plain = rowScaledOperands(5, 32, 64);
    plain.x.bytes[64] = 0x7f;
    plain.w.bytes[5 * 64 + 63] = 0xff;
    valuesOf(plain.x_scale)[2] = Number.NaN;
    valuesOf(plain.x_scale)[3] = 0;
    valuesOf(plain.w_scale)[7] = Number.NaN;
    const y = valuesOf(await expectWithinBound('gemm_a8w8_bpreshuffle', {}, shuffledRowScaled(plain)));
    y.forEach((value, i) => {
      const [m, n] = [i >> 5, i & 31];
      expect(Number.isNaN(value)).toBe(m === 1 || m === 2 || n === 5 || n === 7);
    });
  });
});

describe.skipIf(skipWithoutCpuRuntime).each([
  ['float scales', sm90, 'blocks'],
  ['packed scales', sm100, 'columns'],
] as const)('fp8_gemm_nt with %s on HIP', (_, store, scaling) => {
  const operandsOf = (M: number, N: number, K: number): RowScaledOperands => {
    const plain = blockOperands(M, N, K);
    return store(scaling === 'columns' ? powersOfTwo(plain) : plain);
  };

  it.each(tilesFor(scaling))('stays within the bound with tiles of %s', async (tile) => {
    for (const [M, N, K] of [
      [1, 64, 128],
      [6, 192, 384],
      [133, 320, 640],
    ] as const) {
      const operands = operandsOf(M, N, K);
      force(tile, operands, K > 256 ? 2 : 1);
      for (const out of ['f32', 'bf16'] as const) await expectWithinBound('fp8_gemm_nt', { out }, operands);
    }
    expect(tile).toBeDefined();
  });

  it.each(tilesFor(scaling))('finds every element and every scale with tiles of %s', async (tile) => {
    const [M, K] = [13, 640];
    const plain = { ...blockOperands(M, K, K), w: unit('w', K) };
    const scale = (name: string, rows: number): Tensor => {
      const { bytes } = counted(name, [rows, 5]);
      const numbers = new Float32Array(bytes.buffer);
      if (scaling === 'columns') numbers.set(numbers.map((value) => 2 ** ((value % 23) - 11)));
      return tensorFrom(name, 'f32', [rows, 5], numbers);
    };
    const operands = store({ ...plain, x_scale: scale('x_scale', M), w_scale: scale('w_scale', 5) });
    force(tile, operands);
    await expectReference('fp8_gemm_nt', operands);
  });
});

describe.skipIf(skipWithoutCpuRuntime)('fp8_gemm_nt on HIP', () => {
  it('gives every row of w its own packed scale', async () => {
    const plain = { ...powersOfTwo(blockOperands(5, 128, 128)), w: unit('w', 128) };
    const scales = Float32Array.from({ length: 128 }, (_, n) => 2 ** ((n % 19) - 9));
    const operands = { ...sm100(plain), w_scale: packed('w_scale', scales, 1) };
    for (const tile of tilesFor('columns')) {
      force(tile, operands);
      await expectReference('fp8_gemm_nt', operands);
    }
    expect(tilesFor('columns').length).toBeGreaterThan(1);
  });

  it('takes byte 0 for zero, not for 2^-127', async () => {
    const plain = powersOfTwo(blockOperands(4, 64, 128));
    plain.x.bytes.fill(0x7e);
    plain.w.bytes.fill(0x7e);
    const words = tensorFrom('x_scale', 'i32', [4, 1], Int32Array.of(127, 0, 1, 254));
    const x_scale = assume(words, { type: 'i32', layout: scaleTmaAligned([4, 1]), scaling: 'ue8m0-packed' });
    // With 2^100 of the weight, 2^-127 would be seen.
    const w_scale = packed('w_scale', new Float32Array(64).fill(2 ** 100), 1);
    const y = valuesOf(await expectWithinBound('fp8_gemm_nt', { out: 'f32' }, { ...plain, x_scale, w_scale }));
    expect([y[64], y[127]]).toEqual([0, 0]);
    expect(y[128]).toBe(448 * 448 * 128 * 2 ** -26);
  });

  it('has a sibling that reads column-major scales for the Triton order', async () => {
    const plain = blockOperands(6, 48, 384);
    const operands = { ...plain, x_scale: stored(plain.x_scale, scaleColumnMajor([6, 3])) };
    const y = await expectWithinBound('gemm_a8w8_blockscale', { math: 'triton', out: 'f32' }, operands);
    const same = await expectWithinBound('gemm_a8w8_blockscale', { math: 'triton', out: 'f32' }, plain);
    expect(y.bytes).toEqual(same.bytes);
  });
});
