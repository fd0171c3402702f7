import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { openGoldenFile, runGolden } from '../../src/golden/index.ts';
import { type TensorToWrite, writeSafetensors } from '../../src/io/safetensors-write.ts';
import { memorySource } from '../../src/io/source.ts';
import { scaleTransposedView } from '../../src/layout/activation-scale.ts';
import { permute } from '../../src/layout/permute.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { shuffleScale } from '../../src/layout/scales.ts';
import type { AddRmsnormQuantParams } from '../../src/ops/add-rmsnorm-quant.ts';
import { floatValues } from '../../src/ops/shared/rows.ts';
import { asBytes } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { goldenCases } from '../helpers/golden-edit.ts';
import { random, serialNormQuant } from '../ops/norm-support.ts';
import { floats } from '../ops/quant-support.ts';

type Part = Omit<TensorToWrite, 'name'>;
type Parts = Readonly<Record<string, Part>>;

const [rows, columns] = [5, 256];
const x = floats('x', 'bf16', [rows, columns], random(rows * columns, 1));
const r = floats('r', 'bf16', [rows, columns], random(rows * columns, 2));
const w = floats('w', 'bf16', [columns], random(columns, 3));

function part({ bytes, layout }: Tensor, dtype: Part['dtype']): Part {
  return { dtype, shape: layout.shape, bytes };
}

const inputs = { x: part(x, 'BF16'), w: part(w, 'BF16') };
const sum = floatValues(x).map((value, i) => value + (floatValues(r)[i] as number));

/** Codes, and one scale a group, row-major, as another float32 implementation has them. */
function quantised(
  values: Float32Array,
  params: AddRmsnormQuantParams,
): { readonly y: Part; readonly scales: Float32Array } {
  const { codes, scales } = serialNormQuant(values, floatValues(w), params, 1);
  return { y: { dtype: 'U8', shape: [rows, columns], bytes: codes }, scales };
}

function f32(values: Float32Array, shape: readonly number[]): Part {
  return { dtype: 'F32', shape, bytes: asBytes(values) };
}

describe.each(['cpu', 'webgpu'] as const)('on %s', (id) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend(id);
  });
  afterAll(() => backend.dispose());

  async function results(bytes: Uint8Array): Promise<readonly (readonly [string, string])[]> {
    const report = await runGolden(backend, [await openGoldenFile(memorySource(bytes, 'norm.safetensors'))]);
    return report.results.map(({ status, reason }) => [status, reason] as const);
  }

  function verify(op: string, params: object, parts: Parts): Promise<readonly (readonly [string, string])[]> {
    const tensors = Object.entries(parts).map(([name, one]) => ({ ...one, name: `one/${name}` }));
    return results(writeSafetensors(tensors, { 'case:one': JSON.stringify({ op, source: 'test', ...params }) }));
  }

  async function passes(op: string, params: object, parts: Parts): Promise<void> {
    expect(await verify(op, params, parts)).toEqual([['pass', '']]);
  }

  async function fails(op: string, params: object, parts: Parts, reason: string): Promise<void> {
    const [[status, text] = ['', '']] = await verify(op, params, parts);
    expect(status).toBe('fail');
    expect(text).toContain(reason);
  }

  it('rmsnorm_quant: one scale a token, in one or two dimensions', async () => {
    const { y, scales } = quantised(floatValues(x), {});
    for (const shape of [[rows], [rows, 1]])
      await passes('rmsnorm_quant', {}, { ...inputs, y, scale: f32(scales, shape) });
    const other = quantised(floatValues(x), { eps: 0.5, format: 'e4m3fnuz', gemmaNorm: true });
    const params = { eps: 0.5, format: 'e4m3fnuz', gemma_norm: true, src: 'bf16' };
    await passes('rmsnorm_quant', params, { ...inputs, y: other.y, scale: f32(other.scales, [rows]) });
    await fails('rmsnorm_quant', {}, { ...inputs, y: other.y, scale: f32(other.scales, [rows]) }, 'differ from "y"');
  });

  it('rmsnorm_quant: scales of groups in every type and order', async () => {
    const { y, scales } = quantised(floatValues(x), { group: 32 });
    const shape = [rows, 8];
    const ordered = (bytes: Uint8Array, layout: ReturnType<typeof scaleTransposedView>, bits: 8 | 32): Uint8Array =>
      permute(bytes, rowMajor(shape), layout, bits);
    const plain = f32(scales, shape);
    const transposed = { ...plain, bytes: ordered(plain.bytes, scaleTransposedView(shape), 32) };
    await passes('rmsnorm_quant', { group: 32 }, { ...inputs, y, scale: plain });
    await passes('rmsnorm_quant', { group: 32, shuffle_scale: true }, { ...inputs, y, scale: transposed });
    await fails(
      'rmsnorm_quant',
      { group: 32, shuffle_scale: true },
      { ...inputs, y, scale: plain },
      'differ from "scale"',
    );
    const powers = quantised(floatValues(x), { group: 32, scaleType: 'e8m0' });
    const bytes = encodeArray('e8m0', powers.scales);
    const tiles = shuffleScale(shape);
    const tiled = permute(bytes, rowMajor(shape), tiles, 8, { fill: 0xaa });
    await passes('rmsnorm_quant', { group: 32 }, { ...inputs, y: powers.y, scale: { dtype: 'U8', shape, bytes } });
    await passes(
      'rmsnorm_quant',
      { group: 32, shuffle_scale: true },
      { ...inputs, y: powers.y, scale: { dtype: 'U8', shape: [256, 8], bytes: tiled } },
    );
  });

  it('add_rmsnorm_quant: residual, rounded either way', async () => {
    const { y, scales } = quantised(sum, {});
    const parts = { ...inputs, r: part(r, 'BF16'), y, scale: f32(scales, [rows, 1]) };
    const nearest: Part = { dtype: 'BF16', shape: [rows, columns], bytes: asBytes(encodeArray('bf16', sum)) };
    const words = new Uint32Array(sum.buffer);
    const cut = { ...nearest, bytes: asBytes(Uint16Array.from(words, (word) => word >>> 16)) };
    await passes('add_rmsnorm_quant', {}, { ...parts, res_out: nearest });
    await passes('add_rmsnorm_quant', { residual_rounding: 'truncate' }, { ...parts, res_out: cut });
    await fails('add_rmsnorm_quant', {}, { ...parts, res_out: cut }, 'differ from "res_out"');
    const { r: _r, ...without } = parts;
    await fails('add_rmsnorm_quant', {}, without, 'tensor "one/r" is missing');
  });

  it('says which groups the kernel does not have', async () => {
    const { y, scales } = quantised(floatValues(x), { group: 128 });
    const parts = { ...inputs, y, scale: f32(scales, [rows, 2]) };
    await passes('rmsnorm_quant', { group: 128 }, parts);
    const thirds = { ...parts, scale: f32(new Float32Array(rows * 11), [rows, 11]) };
    await fails('rmsnorm_quant', { group: 24 }, thirds, 'parameter "group": is 24, but threads take 8 elements each');
  });

  it('fused_rms_fp8_group_quant: a second input', async () => {
    const golden = goldenCases('fused.safetensors', 'rms_group_17x1536_res1');
    const name = 'rms_group_17x1536_res1';
    const second = floats('x2', 'bf16', [17, 96], random(17 * 96, 4));
    const weight = floats('w2', 'bf16', [96], random(96, 5));
    const values = floatValues(second);
    const y2 = values.map((value, i) => {
      const row = values.subarray(i - (i % 96), i - (i % 96) + 96);
      return (
        (value / Math.sqrt(row.reduce((total, each) => total + each * each, 0) / 96 + 0.25)) *
        (floatValues(weight)[i % 96] as number)
      );
    });
    const add = (key: string, one: Part): unknown =>
      golden.tensors.set(`${name}/${key}`, { ...one, name: `${name}/${key}` });
    add('x2', part(second, 'BF16'));
    add('w2', part(weight, 'BF16'));
    add('y2', part(floats('y2', 'bf16', [17, 96], y2), 'BF16'));
    const meta = JSON.parse(golden.metadata[`case:${name}`] ?? '') as object;
    golden.metadata[`case:${name}`] = JSON.stringify({ ...meta, eps2: 0.25 });
    expect(await results(golden.bytes())).toEqual([['pass', '']]);
    golden.metadata[`case:${name}`] = JSON.stringify(meta);
    const [[status, reason] = ['', '']] = await results(golden.bytes());
    expect([status, reason.includes('differ from "y2"')]).toEqual(['fail', true]);
    golden.tensors.delete(`${name}/w2`);
    expect((await results(golden.bytes()))[0]?.[1]).toContain(`tensor "${name}/w2" is missing`);
  });
});
