import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { roundTo } from '../../../src/golden/codes.ts';
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

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

type Op = 'gemm_a8w8_bpreshuffle' | 'fp8_gemm_nt' | 'gemm_a8w8_blockscale';

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
async function expectReference<N extends Op & OpName>(
  op: N,
  params: OpParams<N>,
  operands: RowScaledOperands,
): Promise<void> {
  const { y } = await backend.run(op, params, operands as OpOperands<N>);
  const want = (ops[op] as unknown as OpDefinition).reference(params, { ...operands }).y as Tensor;
  // Adding zeros of either sign leaves +0 on some devices.
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

describe('gemm_a8w8_bpreshuffle', () => {
  it.each([
    [1, 16, 32],
    [17, 48, 160],
    [70, 80, 416],
  ])('stays within the bound on %i x %i x %i', async (M, N, K) => {
    for (const type of ['e4m3fn', 'e4m3fnuz'] as const) {
      const operands = shuffledRowScaled(rowScaledOperands(M, N, K, type));
      for (const out of ['f32', 'bf16', 'f16'] as const)
        await expectWithinBound('gemm_a8w8_bpreshuffle', { out }, operands);
    }
  });

  it('finds every element and every scale, with w_scale as a column and as a row', async () => {
    const [M, N] = [37, 96];
    const plain = rowScaledOperands(M, N, N);
    const [x_scale, w_scale] = [counted('x_scale', [M, 1]), counted('w_scale', [N, 1])];
    const operands = shuffledRowScaled({ ...plain, w: unit('w', N), x_scale, w_scale });
    await expectReference('gemm_a8w8_bpreshuffle', { out: 'f32' }, operands);
    const row = assume(w_scale, { type: 'f32', layout: rowMajor([1, N]) });
    await expectReference('gemm_a8w8_bpreshuffle', { out: 'f32' }, { ...operands, w_scale: row });
    const tall = rowScaledOperands(N, M + 11, N);
    const [xs, ws] = [counted('x_scale', [N, 1]), counted('w_scale', [M + 11, 1])];
    const turned = shuffledRowScaled({ ...tall, x: unit('x', N), x_scale: xs, w_scale: ws });
    await expectReference('gemm_a8w8_bpreshuffle', { out: 'f32' }, turned);
  });

  it('reads nothing beyond the columns of x from a padded weight', async () => {
    for (const K of [100, 97, 64]) {
      const plain = rowScaledOperands(5, 32, K);
      const w = stored(plain.w, shuffleWeight([32, K], { bits: 8, padKTo: 128 }), 0x7f);
      const y = await expectWithinBound('gemm_a8w8_bpreshuffle', { out: 'f32' }, { ...plain, w });
      const wide = assume(w, { type: 'e4m3fn', layout: shuffleWeight([32, 128], { bits: 8 }) });
      const same = await expectWithinBound('gemm_a8w8_bpreshuffle', { out: 'f32' }, { ...plain, w: wide });
      expect(same.bytes).toEqual(y.bytes);
      expect(valuesOf(y).every(Number.isFinite)).toBe(true);
    }
  });

  it('truncates to bf16', async () => {
    const operands = shuffledRowScaled(rowScaledOperands(3, 16, 64));
    const exact = valuesOf(await expectWithinBound('gemm_a8w8_bpreshuffle', { out: 'f32' }, operands));
    const y = await expectWithinBound('gemm_a8w8_bpreshuffle', { rounding: 'truncate' }, operands);
    expect(valuesOf(y)).toEqual(exact.map((value) => roundTo('bf16', value, 'truncate')));
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

  it('stays within the bound where the scales multiply out of range', async () => {
    const scales = [2 ** 100, 2 ** -100, 2 ** -126, 2 ** 127, 1];
    const plain = rowScaledOperands(5, 16, 32);
    // The first rows of x and w have a dot product of zero: 0 * (2^100 * 2^100) need not be 0.
    plain.x.bytes.fill(0, 0, 32);
    valuesOf(plain.x_scale).set(scales);
    valuesOf(plain.w_scale).set(scales);
    await expectWithinBound('gemm_a8w8_bpreshuffle', { out: 'f32' }, shuffledRowScaled(plain));
  });
});

describe.each([
  ['float scales', sm90, false],
  ['packed scales', sm100, true],
] as const)('fp8_gemm_nt with %s', (_, store, exponents) => {
  const operandsOf = (M: number, N: number, K: number): RowScaledOperands => {
    const plain = blockOperands(M, N, K);
    return store(exponents ? powersOfTwo(plain) : plain);
  };

  it.each([
    [1, 64, 128],
    [6, 192, 384],
    [33, 64, 640],
  ])('stays within the bound on %i x %i x %i', async (M, N, K) => {
    for (const out of ['f32', 'bf16'] as const) await expectWithinBound('fp8_gemm_nt', { out }, operandsOf(M, N, K));
  });

  it('finds every element and every scale', async () => {
    const [M, K] = [13, 640];
    const plain = { ...blockOperands(M, K, K), w: unit('w', K) };
    const scale = (name: string, rows: number): Tensor => {
      const { bytes } = counted(name, [rows, 5]);
      const numbers = new Float32Array(bytes.buffer);
      if (exponents) numbers.set(numbers.map((value) => 2 ** ((value % 23) - 11)));
      return tensorFrom(name, 'f32', [rows, 5], numbers);
    };
    const scaled = { ...plain, x_scale: scale('x_scale', M), w_scale: scale('w_scale', 5) };
    await expectReference('fp8_gemm_nt', { out: 'f32' }, store(scaled));
  });
});

describe('fp8_gemm_nt', () => {
  it('gives every row of w its own packed scale', async () => {
    const plain = { ...powersOfTwo(blockOperands(5, 128, 128)), w: unit('w', 128) };
    const scales = Float32Array.from({ length: 128 }, (_, n) => 2 ** ((n % 19) - 9));
    await expectReference('fp8_gemm_nt', { out: 'f32' }, { ...sm100(plain), w_scale: packed('w_scale', scales, 1) });
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

  it('gives the same bytes in parts on a small device', async () => {
    const small = await openWebGpu({ limits: { maxStorageBufferBindingSize: 4096 } });
    try {
      for (const operands of [sm90(blockOperands(37, 64, 256)), sm100(powersOfTwo(blockOperands(37, 64, 256)))]) {
        const { y } = await small.run('fp8_gemm_nt', {}, operands);
        expect(y.bytes).toEqual((await backend.run('fp8_gemm_nt', {}, operands)).y.bytes);
      }
      const operands = shuffledRowScaled(rowScaledOperands(37, 64, 160));
      const { y } = await small.run('gemm_a8w8_bpreshuffle', {}, operands);
      expect(y.bytes).toEqual((await backend.run('gemm_a8w8_bpreshuffle', {}, operands)).y.bytes);
    } finally {
      await small.dispose();
    }
  });
});

it('gemm_a8w8_blockscale reads column-major scales for the Triton order', async () => {
  const plain = blockOperands(6, 48, 384);
  const operands = { ...plain, x_scale: stored(plain.x_scale, scaleColumnMajor([6, 3])) };
  const y = await expectWithinBound('gemm_a8w8_blockscale', { math: 'triton', out: 'f32' }, operands);
  const same = await expectWithinBound('gemm_a8w8_blockscale', { math: 'triton', out: 'f32' }, plain);
  expect(y.bytes).toEqual(same.bytes);
});
