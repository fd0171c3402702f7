import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { elementBits } from '../../../src/formats/element-type.ts';
import { memorySource, parseSafetensors, type TensorToWrite, writeSafetensors } from '../../../src/io/index.ts';
import { catalog, checkShape } from '../../../src/layout/index.ts';
import { type FileTensor, openTensorFile, type TensorFile } from '../../../src/visualizer/model/tensor-file.ts';
import {
  codesOf,
  firstReading,
  lengthProblem,
  readableTypes,
  scaleChoices,
  shapeAs,
  subjectData,
} from '../../../src/visualizer/model/tensor-view.ts';

async function open(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<TensorFile> {
  const bytes = writeSafetensors(tensors, metadata);
  return openTensorFile(memorySource(bytes, 'a.safetensors'));
}

function tensorOf(file: TensorFile, name: string): FileTensor {
  const found = file.tensors.find((tensor) => tensor.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

const zeros = (
  name: string,
  dtype: TensorToWrite['dtype'],
  shape: readonly number[],
  bytes: number,
): TensorToWrite => ({
  name,
  dtype,
  shape,
  bytes: new Uint8Array(bytes),
});

describe('first readings', () => {
  it('follow names: MX pairs of GPT-OSS in checkpoint order', async () => {
    const file = await open([
      zeros('mlp.experts.gate_up_proj_blocks', 'U8', [2, 64, 4, 16], 8192),
      zeros('mlp.experts.gate_up_proj_scales', 'U8', [2, 64, 4], 512),
    ]);
    const blocks = tensorOf(file, 'mlp.experts.gate_up_proj_blocks');
    expect(firstReading(file, blocks)).toEqual({
      type: 'e2m1',
      shape: [2, 64, 128],
      a: 'gate_up_interleaved',
      experts: 1,
    });
    const scales = tensorOf(file, 'mlp.experts.gate_up_proj_scales');
    expect(firstReading(file, scales)).toMatchObject({ type: 'e8m0', a: 'gate_up_interleaved' });
  });

  it('see packed fp4 beside its scales, and bf16 in words of 16 bits', async () => {
    const file = await open([
      zeros('w', 'U8', [64, 64], 4096),
      zeros('w_scale', 'U8', [64, 4], 256),
      zeros('x', 'I16', [4, 4], 32),
      zeros('bytes', 'U8', [8], 8),
    ]);
    expect(firstReading(file, tensorOf(file, 'w'))).toMatchObject({ type: 'e2m1', shape: [64, 128] });
    expect(firstReading(file, tensorOf(file, 'w_scale')).type).toBe('e8m0');
    expect(firstReading(file, tensorOf(file, 'x')).type).toBe('bf16');
    expect(firstReading(file, tensorOf(file, 'bytes')).type).toBe('u8');
  });

  it('take the layout of every golden shuffle from its case, with the length that it has', async () => {
    const bytes = readFileSync(new URL('../../golden/shuffle.safetensors', import.meta.url));
    const file = await openTensorFile(memorySource(bytes, 'shuffle.safetensors'));
    const hinted = file.tensors.filter(({ name }) => /\/[xy]$/.test(name) && !/xscale|wmma/.test(name));
    expect(hinted.length).toBeGreaterThan(40);
    for (const tensor of hinted) {
      const { type, shape, a, experts } = firstReading(file, tensor);
      const entry = catalog.find(({ id }) => id === a);
      const verdict = entry && checkShape(entry, shape, { bits: elementBits(type), experts });
      const length = verdict?.ok === true ? (verdict.layout.storageSize * elementBits(type)) / 8 : undefined;
      expect([tensor.name, length]).toEqual([tensor.name, tensor.bytes]);
      if (tensor.name.endsWith('/y')) expect([tensor.name, a]).not.toEqual([tensor.name, 'row-major']);
    }
  });
});

describe('scales', () => {
  it('are found by name and shape', async () => {
    const file = await open([
      zeros('l.weight', 'F8_E4M3', [256, 384], 256 * 384),
      zeros('l.weight_scale_inv', 'F32', [2, 3], 24),
      zeros('m.weight', 'F8_E4M3', [256, 384], 256 * 384),
      zeros('m.weight_scale', 'F32', [256, 1], 1024),
      zeros('n.weight', 'U8', [100, 176], 17_600),
      zeros('n.weight_scale', 'U8', [256, 16], 4096),
      zeros('p.weight', 'F8_E4M3', [8, 512], 4096),
      zeros('p.weight_scale', 'I32', [8, 1], 32),
    ]);
    const first = (name: string, type: Parameters<typeof scaleChoices>[2]) =>
      scaleChoices(file, tensorOf(file, name), type)[0];
    expect(first('l.weight', 'e4m3fn')).toMatchObject({ byName: true, choice: { block: [128, 128], type: 'f32' } });
    expect(first('m.weight', 'e4m3fn')?.choice).toEqual({ block: [1, 384], type: 'f32', layout: 'row-major' });
    expect(first('n.weight', 'e2m1')?.choice).toEqual({ block: [1, 32], type: 'e8m0', layout: 'shuffle_scale' });
    expect(first('p.weight', 'e4m3fn')?.choice).toEqual({ block: [1, 128], type: 'e8m0', layout: 'row-major' });
  });

  it('of bf16 become float32', () => {
    const tensor: FileTensor = { name: 's', dtype: 'BF16', type: 'bf16', shape: [1], bytes: 2 };
    const data = subjectData(tensor, new Uint8Array(2), 'e4m3fn', {
      tensor,
      bytes: Uint8Array.of(0xc0, 0x3f),
      type: 'f32',
    });
    expect(data.scaleCodeAt?.(0)).toBe(0x3fc00000);
  });
});

it('offers the types that bytes may be, and the shape that follows', () => {
  const words: FileTensor = { name: 's', dtype: 'I32', type: 'i32', shape: [8, 3], bytes: 96 };
  expect(readableTypes(words)).toEqual(['i32', 'f32', 'u32', 'e8m0', 'e4m3fn', 'e4m3fnuz', 'e2m1', 'u8']);
  expect(shapeAs(words, 'e8m0')).toEqual([8, 12]);
  const bytes: FileTensor = { name: 'w', dtype: 'U8', type: 'u8', shape: [4, 16], bytes: 64 };
  expect(shapeAs(bytes, 'e2m1')).toEqual([4, 32]);
  const complex: FileTensor = { name: 'c', dtype: 'C64', type: undefined, shape: [2], bytes: 16 };
  expect(readableTypes(complex)).toContain('u8');
  expect(shapeAs(complex, 'u8')).toEqual([16]);
});

it('reads codes of every width, and zeros beyond the end', () => {
  const bytes = Uint8Array.of(0x21, 0x43, 0xff, 0x80, 0, 0, 0xf0, 0x3f);
  expect([0, 1, 2, 15, 16].map(codesOf(bytes, 'e2m1'))).toEqual([1, 2, 3, 3, 0]);
  expect(codesOf(bytes, 'bf16')(1)).toBe(0x80ff);
  expect(codesOf(bytes, 'i32')(0)).toBe(0x80ff4321);
  expect(codesOf(bytes, 'f64')(0)).toBeCloseTo(1, 5);
  expect(codesOf(bytes, 'u64')(1)).toBe(0);
  expect(codesOf(bytes, 'e3m2')(2)).toBe(63);
});

it('says how many bytes a layout takes', () => {
  const layout = { id: 'row-major', shape: [4, 8], storageSize: 32 };
  expect(lengthProblem('"w"', 32, layout, 8)).toBeUndefined();
  expect(lengthProblem('"w"', 32, layout, 16)).toBe(
    '"w" has 32 bytes, but row-major of [4, 8] with 16-bit elements takes 64. Change the shape, the element type or the layout.',
  );
});

it('knows nothing of golden files without cases', async () => {
  const bytes = readFileSync(new URL('../../golden/shuffle.safetensors', import.meta.url));
  const parsed = parseSafetensors(bytes);
  const x = parsed.tensors.get('scale_100x11/y');
  if (x === undefined) throw new Error('no tensor');
  const file = await open([{ ...x, name: 'scale_100x11/y' }]);
  expect(firstReading(file, tensorOf(file, 'scale_100x11/y'))).toMatchObject({ a: 'row-major', type: 'u8' });
});
