import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { decode } from '../../src/formats/decode.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { type BackendReport, openGoldenFile, runGolden } from '../../src/golden/index.ts';
import { type TensorToWrite, writeSafetensors } from '../../src/io/safetensors-write.ts';
import { memorySource } from '../../src/io/source.ts';
import { scaleTmaAligned, shuffleWeight } from '../../src/layout/catalog.ts';
import { asBytes } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import {
  blockOperands,
  powersOfTwo,
  type RowScaledOperands,
  rowScaledOperands,
  sm90,
  sm100,
} from '../ops/fp8-gemm-support.ts';
import { stored, valuesOf } from '../ops/gemm-moe-support.ts';

type Part = Omit<TensorToWrite, 'name'>;
type Parts = Readonly<Record<string, Part>>;

/** A golden file with one case, run on a backend. */
async function verify(backend: Backend, op: string, params: object, parts: Parts): Promise<BackendReport> {
  const tensors = Object.entries(parts).map(([name, part]) => ({ ...part, name: `one/${name}` }));
  const metadata = { 'case:one': JSON.stringify({ op, source: 'test', ...params }) };
  const source = memorySource(writeSafetensors(tensors, metadata), 'one.safetensors');
  return runGolden(backend, [await openGoldenFile(source)]);
}

function codes({ bytes, layout }: Tensor): Part {
  return { dtype: 'U8', shape: layout.shape, bytes };
}

function scales({ bytes, type }: Tensor, shape: readonly number[]): Part {
  return { dtype: type === 'i32' ? 'I32' : 'F32', shape, bytes };
}

/** The definition in float64: dequantised products, added up last to first. */
function product(plain: RowScaledOperands, block: readonly [number, number]): Float64Array {
  const [M = 0, K = 0] = plain.x.layout.shape;
  const [N = 0] = plain.w.layout.shape;
  const groups = Math.ceil(K / block[1]);
  const [a, b] = [valuesOf(plain.x_scale), valuesOf(plain.w_scale)];
  return Float64Array.from({ length: M * N }, (_, i) => {
    const [m, n] = [Math.floor(i / N), i % N];
    let sum = 0;
    for (let k = K - 1; k >= 0; k -= 1) {
      const g = Math.floor(k / block[1]);
      const x = decode('e4m3fn', plain.x.bytes[m * K + k] ?? 0) * (a[m * groups + g] ?? 0);
      sum += x * (decode('e4m3fn', plain.w.bytes[n * K + k] ?? 0) * (b[Math.floor(n / block[0]) * groups + g] ?? 0));
    }
    return sum;
  });
}

function results(values: Float64Array, shape: readonly number[]): { readonly y: Part; readonly y_f64: Part } {
  return {
    y: { dtype: 'BF16', shape, bytes: asBytes(encodeArray('bf16', values)) },
    y_f64: { dtype: 'F64', shape, bytes: asBytes(values) },
  };
}

describe.each(['cpu', 'webgpu'] as const)('on %s', (id) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend(id);
  });
  afterAll(() => backend.dispose());

  async function passes(op: string, params: object, parts: Parts): Promise<void> {
    const report = await verify(backend, op, params, parts);
    expect(report.results.map(({ status, reason }) => [status, reason])).toEqual([['pass', '']]);
  }

  async function fails(op: string, params: object, parts: Parts, reason: string): Promise<void> {
    const [result] = (await verify(backend, op, params, parts)).results;
    expect(result?.status).toBe('fail');
    expect(result?.reason).toContain(reason);
  }

  describe('gemm_a8w8_bpreshuffle', () => {
    const [M, N, K] = [5, 32, 96];
    const params = { M, N, K };
    const plain = rowScaledOperands(M, N, K);
    const parts = {
      x: codes(plain.x),
      x_scale: scales(plain.x_scale, [M, 1]),
      w_scale: scales(plain.w_scale, [1, N]),
      ...results(product(plain, [1, K]), [M, N]),
    };
    const w_shuffled = codes(stored(plain.w, shuffleWeight([N, K], { bits: 8 })));

    it('runs from a shuffled, a plain and a padded weight', async () => {
      await passes('gemm_a8w8_bpreshuffle', { ...params, math: 'ck' }, { ...parts, w_shuffled });
      const column = { ...parts, w_scale: scales(plain.w_scale, [N, 1]) };
      await passes('gemm_a8w8_bpreshuffle', params, { ...column, w: codes(plain.w) });
      const padded = { ...w_shuffled, shape: [N, 128] };
      padded.bytes = stored(plain.w, shuffleWeight([N, K], { bits: 8, padKTo: 128 })).bytes;
      await passes('gemm_a8w8_bpreshuffle', { ...params, math: 'flydsl' }, { ...parts, w_shuffled: padded });
    });

    it('fails on a weight that was not shuffled', async () => {
      const wrong = { ...parts, w_shuffled: codes(plain.w) };
      await fails('gemm_a8w8_bpreshuffle', params, wrong, `of ${M * N} elements differ from "y_f64"`);
    });

    it('says what a case lacks', async () => {
      const { y: _y, y_f64: _f64, ...rest } = parts;
      const message = 'neither of the tensors "y_f64", "y" is there; the case has nothing to compare with.';
      await fails('gemm_a8w8_bpreshuffle', params, { ...rest, w_shuffled }, message);
      await fails('gemm_a8w8_bpreshuffle', params, parts, 'tensor "one/w" is missing');
      const flat = { ...parts, w_shuffled, w_scale: scales(plain.w_scale, [N]) };
      await fails('gemm_a8w8_bpreshuffle', params, flat, 'has shape [32], expected [32, 1] or [1, 32]');
    });
  });

  describe('fp8_gemm_nt', () => {
    const [M, N, K] = [6, 192, 640];
    const params = { M, N, K };
    const plain = powersOfTwo(blockOperands(M, N, K));
    const { y } = results(product(plain, [128, 128]), [M, N]);
    const parts = { x: codes(plain.x), w: codes(plain.w), y };
    const floats = {
      x_scale: scales(sm90(plain).x_scale, [5, 8]),
      w_scale: scales(plain.w_scale, [2, 5]),
    };
    const packed = sm100(plain);
    const words = { x_scale: scales(packed.x_scale, [2, 8]), w_scale: scales(packed.w_scale, [2, 192]) };

    it('runs from float and from packed scales', async () => {
      await passes('fp8_gemm_nt', params, { ...parts, ...floats });
      await passes('fp8_gemm_nt', { ...params, math: 'ck' }, { ...parts, ...words });
    });

    it('fails on scales of both kinds, and on buffers in another order', async () => {
      const mixed = { ...parts, ...words, w_scale: floats.w_scale };
      await fails('fp8_gemm_nt', params, mixed, 'is f32, but "x_scale" is packed (i32)');
      const rows = stored(plain.x_scale, scaleTmaAligned([M, 5]));
      const message = 'tensor "x_scale" has shape [8, 5], expected the stored buffer [5, 8]';
      await fails('fp8_gemm_nt', params, { ...parts, ...floats, x_scale: scales(rows, [8, 5]) }, message);
    });
  });
});
