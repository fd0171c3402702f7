import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { decode } from '../../../src/formats/decode.ts';
import { f32FromBits } from '../../../src/formats/f32.ts';
import { roundTo } from '../../../src/golden/codes.ts';
import type { OpName } from '../../../src/ops/registry.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import { randomCodes, valuesOf } from '../../ops/gemm-moe-support.ts';
import {
  expectGolden,
  expectWithinBound,
  type Fp8,
  fp8Operands,
  type GemmOperands,
  storedFor,
} from './gemm-support.ts';

const OPS = ['gemm_a8w8_blockscale', 'gemm_a8w8_blockscale_bpreshuffle'] as const;
type Op = (typeof OPS)[number];

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

/** Scales that tell every block from every other, and whose products are exact. */
function codedScales(rows: number, groups: number, step: number): Float32Array {
  return Float32Array.from({ length: rows * groups }, (_, i) => 1 + i * step);
}

function one(type: Fp8): number {
  return type === 'e4m3fn' ? 0x38 : 0x40;
}

async function values(op: Op, operands: GemmOperands, params = {}): Promise<Float32Array> {
  const { y } = await backend.run(op, { out: 'f32', ...params }, storedFor(op, operands));
  return valuesOf(y);
}

describe('golden cases', () => {
  it.each([
    ['gemm.safetensors', 'gemm_a8w8_blockscale'],
    ['gfx950.safetensors', 'gemm_a8w8_blockscale_bpreshuffle'],
  ] as const satisfies readonly (readonly [string, OpName])[])('%s %s', async (file, op) => {
    await expectGolden(backend, file, [op]);
  });
});

describe.each(OPS)('%s', (op) => {
  it.each([
    [1, 16, 32],
    [1, 256, 512],
    [17, 48, 160],
    [70, 144, 416],
  ])('stays within the bound on %i x %i x %i', async (M, N, K) => {
    for (const type of ['e4m3fn', 'e4m3fnuz'] as const) {
      const operands = storedFor(op, fp8Operands(M, N, K, type));
      await expectWithinBound(backend, op, { out: 'f32' }, operands);
      await expectWithinBound(backend, op, { out: 'bf16' }, operands);
    }
  });

  it.each(['e4m3fn', 'e4m3fnuz'] as const)('finds every element of %s w and every scale', async (type) => {
    // x is the unit matrix, so that y is w transposed.
    const [N, K] = [144, 288];
    const groups = 3;
    const x = new Uint8Array(K * K);
    for (let k = 0; k < K; k += 1) x[k * K + k] = one(type);
    const w = randomCodes(type, N * K, 5);
    const xScale = codedScales(K, groups, 1);
    const wScale = codedScales(2, groups, 2);
    const y = await values(op, {
      x: tensorFrom('x', type, [K, K], x),
      w: tensorFrom('w', type, [N, K], w),
      x_scale: tensorFrom('x_scale', 'f32', [K, groups], xScale, 'f32'),
      w_scale: tensorFrom('w_scale', 'f32', [2, groups], wScale, 'f32'),
    });
    const expected = Float32Array.from({ length: K * N }, (_, i) => {
      const [k, n] = [Math.floor(i / N), i % N];
      const g = k >> 7;
      // Adding zeros of either sign leaves +0.
      return decode(type, w[n * K + k]!) * xScale[k * groups + g]! * wScale[(n >> 7) * groups + g]! + 0;
    });
    expect(y).toEqual(expected);
  });

  it('finds every element of x', async () => {
    const [M, K] = [75, 160];
    const w = new Uint8Array(K * K);
    for (let k = 0; k < K; k += 1) w[k * K + k] = one('e4m3fn');
    const x = randomCodes('e4m3fn', M * K, 6);
    const y = await values(op, {
      x: tensorFrom('x', 'e4m3fn', [M, K], x),
      w: tensorFrom('w', 'e4m3fn', [K, K], w),
      x_scale: tensorFrom('x_scale', 'f32', [M, 2], new Float32Array(M * 2).fill(1), 'f32'),
      w_scale: tensorFrom('w_scale', 'f32', [2, 2], new Float32Array(4).fill(1), 'f32'),
    });
    expect(y).toEqual(Float32Array.from(x, (code) => decode('e4m3fn', code) + 0));
  });

  it.each([
    ['e4m3fn', 0x7f],
    ['e4m3fn', 0xff],
    ['e4m3fnuz', 0x80],
  ] as const)('spreads the %s NaN code %i over its row or column only', async (type, code) => {
    const [M, N, K] = [19, 80, 160];
    const operands = fp8Operands(M, N, K, type);
    // The first and last elements of a row have another row's as neighbours.
    operands.x.bytes[3 * K] = code;
    operands.x.bytes[18 * K + K - 1] = code;
    operands.w.bytes[65 * K + 130] = code;
    const y = await values(op, operands);
    y.forEach((value, i) => {
      const [m, n] = [Math.floor(i / N), i % N];
      expect(Number.isNaN(value)).toBe(m === 3 || m === 18 || n === 65);
    });
    await expectWithinBound(backend, op, {}, storedFor(op, operands));
  });

  it('spreads NaN scales over what they scale only', async () => {
    const operands = fp8Operands(5, 272, 160);
    valuesOf(operands.x_scale)[2 * 2 + 1] = Number.NaN;
    valuesOf(operands.w_scale)[1 * 2] = Number.NaN;
    const y = await values(op, operands);
    const expected = Array.from(y, (_, i) => Math.floor(i / 272) === 2 || (i % 272) >> 7 === 1);
    expect(Array.from(y, Number.isNaN)).toEqual(expected);
  });

  it('rounds to bf16 and f16 as the formats do', async () => {
    const plain = fp8Operands(33, 48, 128);
    // From f16 subnormals to beyond its largest number.
    plain.x_scale.bytes.set(new Uint8Array(Float32Array.from({ length: 33 }, (_, m) => 1.2345 * 2 ** (m - 33)).buffer));
    const operands = storedFor(op, plain);
    const exact = await values(op, plain);
    for (const out of ['bf16', 'f16'] as const) {
      const { y } = await backend.run(op, { out }, operands);
      expect(valuesOf(y)).toEqual(exact.map((value) => roundTo(out, value)));
    }
    const { y } = await backend.run(op, { rounding: 'truncate' }, operands);
    expect(valuesOf(y)).toEqual(exact.map((value) => roundTo('bf16', value, 'truncate')));
  });

  it('keeps scales in binary32, far beyond f16', async () => {
    const operands = fp8Operands(4, 16, 128);
    valuesOf(operands.x_scale).set([1e-30, 1e30, 70000.5, 2 ** -126]);
    valuesOf(operands.w_scale).set([1.1]);
    await expectWithinBound(backend, op, { out: 'f32' }, storedFor(op, operands));
    valuesOf(operands.x_scale).set([f32FromBits(1), f32FromBits(0x7fffff), 0, 1]);
    await expectWithinBound(backend, op, { out: 'f32' }, storedFor(op, operands));
  });

  it('takes other blocks', async () => {
    for (const block of [
      [16, 32],
      [1, 6],
      [200, 1000],
    ]) {
      await expectWithinBound(
        backend,
        op,
        { block, out: 'f32' },
        storedFor(op, fp8Operands(5, 32, 160, 'e4m3fn', block)),
      );
    }
  });

  it('gives the same bytes in parts on a small device', async () => {
    const operands = storedFor(op, fp8Operands(70, 144, 288));
    const limits = { maxStorageBufferBindingSize: 12_288, maxComputeWorkgroupsPerDimension: 2 };
    const small = await openWebGpu({ limits });
    try {
      for (const out of ['bf16', 'f32'] as const) {
        const { y } = await small.run(op, { out }, operands);
        expect(y.bytes).toEqual((await backend.run(op, { out }, operands)).y.bytes);
      }
    } finally {
      await small.dispose();
    }
  });

  it('says what does not fit the device', async () => {
    const small = await openWebGpu({ limits: { maxStorageBufferBindingSize: 2048 } });
    try {
      await expect(small.run(op, {}, storedFor(op, fp8Operands(1, 16, 4096)))).rejects.toThrow('of its rows take');
      await expect(small.run(op, {}, storedFor(op, fp8Operands(1024, 16, 32)))).rejects.toThrow(
        'buffer "x_scale" of 4096 bytes: scales are bound whole, and one binding of this device takes 2048 bytes. ' +
          'Multiply fewer rows at a time, or use the cpu backend.',
      );
    } finally {
      await small.dispose();
    }
  });
});

describe('gemm_a8w8_blockscale with plain weights', () => {
  it.each([
    [1, 1, 1],
    [3, 130, 129],
    [2, 257, 300],
    [65, 67, 127],
    [16, 65, 2],
  ])('stays within the bound on ragged %i x %i x %i', async (M, N, K) => {
    const operands = fp8Operands(M, N, K);
    for (const out of ['f32', 'bf16', 'f16'] as const)
      await expectWithinBound(backend, 'gemm_a8w8_blockscale', { out }, operands);
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

  it('gives the same bytes in parts where rows begin between words', async () => {
    const operands = fp8Operands(37, 35, 301);
    const small = await openWebGpu({
      limits: { maxStorageBufferBindingSize: 2048, maxComputeWorkgroupsPerDimension: 3 },
    });
    try {
      for (const out of ['bf16', 'f32'] as const) {
        const { y } = await small.run('gemm_a8w8_blockscale', { out }, operands);
        expect(y.bytes).toEqual((await backend.run('gemm_a8w8_blockscale', { out }, operands)).y.bytes);
      }
    } finally {
      await small.dispose();
    }
  });
});
