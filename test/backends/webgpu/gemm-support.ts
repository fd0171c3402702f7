import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { type GoldenFile, openGoldenFile, runGolden } from '../../../src/golden/index.ts';
import { memorySource } from '../../../src/io/source.ts';
import { scaleTransposedView, shuffleScale, shuffleWeight } from '../../../src/layout/catalog.ts';
import type { OpDefinition } from '../../../src/ops/op.ts';
import { type OpName, type OpOperands, type OpParams, ops } from '../../../src/ops/registry.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { noise, outside, randomCodes, randomScales, stored, valuesOf } from '../../ops/gemm-moe-support.ts';

export type GemmOp = 'gemm_a8w8_blockscale' | 'gemm_a8w8_blockscale_bpreshuffle' | 'gemm_a4w4_bpreshuffle';
export type GemmOperands = { x: Tensor; w: Tensor; x_scale: Tensor; w_scale: Tensor };
export type Fp8 = 'e4m3fn' | 'e4m3fnuz';

/** Row-major fp8 operands without NaN. */
export function fp8Operands(
  M: number,
  N: number,
  K: number,
  type: Fp8 = 'e4m3fn',
  block: readonly number[] = [128, 128],
): GemmOperands {
  const [blockN = 128, blockK = 128] = block;
  const groups = Math.ceil(K / blockK);
  const rowBlocks = Math.ceil(N / blockN);
  return {
    x: tensorFrom('x', type, [M, K], randomCodes(type, M * K, M + 1)),
    w: tensorFrom('w', type, [N, K], randomCodes(type, N * K, N + 2)),
    x_scale: tensorFrom('x_scale', 'f32', [M, groups], randomScales(M * groups, K + 3), 'f32'),
    w_scale: tensorFrom('w_scale', 'f32', [rowBlocks, groups], randomScales(rowBlocks * groups, K + 4), 'f32'),
  };
}

/** The same numbers where the op wants them. Padding is poison: 0xff is a NaN scale. */
export function storedFor(op: GemmOp, plain: GemmOperands): GemmOperands {
  if (op === 'gemm_a8w8_blockscale') return plain;
  const { x, w, x_scale, w_scale } = plain;
  if (op === 'gemm_a8w8_blockscale_bpreshuffle') {
    return {
      x,
      w: stored(w, shuffleWeight(w.layout.shape, { bits: 8 })),
      x_scale: stored(x_scale, scaleTransposedView(x_scale.layout.shape)),
      w_scale,
    };
  }
  return {
    x,
    w: stored(w, shuffleWeight(w.layout.shape, { bits: 4 })),
    x_scale: stored(x_scale, shuffleScale(x_scale.layout.shape), 0xff),
    w_scale: stored(w_scale, shuffleScale(w_scale.layout.shape), 0xff),
  };
}

/** Row-major fp4 operands: all codes, scales 2^-5 to 2^5, or `spread` powers of two from 2^-5 on. */
export function fp4Operands(M: number, N: number, K: number, spread = 11): GemmOperands {
  const next = noise(M * 31 + N * 7 + K);
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => next() & 255);
  const scales = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => 122 + (next() % spread));
  return {
    x: tensorFrom('x', 'e2m1', [M, K], bytes((M * K) / 2)),
    w: tensorFrom('w', 'e2m1', [N, K], bytes((N * K) / 2)),
    x_scale: tensorFrom('x_scale', 'e8m0', [M, K / 32], scales((M * K) / 32)),
    w_scale: tensorFrom('w_scale', 'e8m0', [N, K / 32], scales((N * K) / 32)),
  };
}

/** Runs the op and expects every element within the op's error bound. */
export async function expectWithinBound<N extends GemmOp>(
  backend: Backend,
  op: N,
  params: OpParams<N>,
  operands: GemmOperands,
): Promise<Tensor> {
  const { y } = await backend.run(op, params, operands as OpOperands<N>);
  const bound = (ops[op] as unknown as OpDefinition).bound?.(params, operands).y;
  expect(outside(valuesOf(y), y.type, bound)).toBe(0);
  return y;
}

export function goldenFile(name: string): Promise<GoldenFile> {
  return openGoldenFile(memorySource(readFileSync(new URL(`../../golden/${name}`, import.meta.url)), name));
}

/** Every golden case of these ops passes, and there is one. */
export async function expectGolden(backend: Backend, file: string, only: readonly OpName[]): Promise<void> {
  const { results } = await runGolden(backend, [await goldenFile(file)], { ops: only });
  expect(results.length).toBeGreaterThan(0);
  expect(results.filter(({ status }) => status !== 'pass').map((result) => `${result.case}: ${result.reason}`)).toEqual(
    [],
  );
}
