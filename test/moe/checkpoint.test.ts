import { describe, expect, it } from 'vitest';
import { describeW13 } from '../../src/layout/w13.ts';
import { stackExperts } from '../../src/moe/checkpoint-experts.ts';
import {
  type CheckpointTensor,
  type GptOssParts,
  gptOssExperts,
  readGptOssLayer,
} from '../../src/moe/checkpoint-gpt-oss.ts';
import { moeLayers, parseMoeName } from '../../src/moe/checkpoint-names.ts';
import { deinterleaveExperts } from '../../src/moe/gate-up.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { codeAt, raw } from './support.ts';

describe('parseMoeName', () => {
  it.each([
    ['model.layers.3.mlp.experts.gate_up_proj_blocks', 'gpt-oss-hf', 3, 'w13'],
    ['model.layers.35.mlp.experts.gate_up_proj_scales', 'gpt-oss-hf', 35, 'w13_scale'],
    ['model.layers.0.mlp.experts.gate_up_proj_bias', 'gpt-oss-hf', 0, 'w13_bias'],
    ['model.layers.0.mlp.experts.down_proj_blocks', 'gpt-oss-hf', 0, 'w2'],
    ['layers.0.mlp.experts.down_proj_bias', 'gpt-oss-hf', 0, 'w2_bias'],
    ['block.7.mlp.mlp1_weight.blocks', 'gpt-oss-openai', 7, 'w13'],
    ['block.7.mlp.mlp2_weight.scales', 'gpt-oss-openai', 7, 'w2_scale'],
    ['block.7.mlp.mlp2_bias', 'gpt-oss-openai', 7, 'w2_bias'],
  ])('%s', (name, format, layer, part) => expect(parseMoeName(name)).toEqual({ name, format, layer, part }));

  it.each([
    ['model.layers.1.mlp.experts.9.gate_up_proj.weight_scale', 'fused-per-expert', 'w13_scale', undefined],
    ['model.layers.1.mlp.experts.9.gate_proj.weight', 'projections-per-expert', 'w13', 'gate'],
    ['model.layers.1.mlp.experts.9.up_proj.weight_scale', 'projections-per-expert', 'w13_scale', 'up'],
    ['layers.1.ffn.experts.9.w3.scale', 'projections-per-expert', 'w13_scale', 'up'],
    ['layers.1.ffn.experts.9.w2.weight', 'projections-per-expert', 'w2', undefined],
  ])('%s', (name, format, part, half) =>
    expect(parseMoeName(name)).toEqual({ name, format, layer: 1, expert: 9, part, ...(half ? { half } : {}) }),
  );

  it.each([
    'model.layers.0.self_attn.q_proj.weight',
    'model.layers.0.mlp.router.weight',
    'block.0.mlp.gate.weight',
    '',
  ])('knows that "%s" is none', (name) => expect(parseMoeName(name)).toBeUndefined());
});

const [E, I, H] = [2, 32, 64];
const NAMES = {
  w13: ['gate_up_proj_blocks', 'U8', [E, 2 * I, H / 32, 16]],
  w13_scale: ['gate_up_proj_scales', 'U8', [E, 2 * I, H / 32]],
  w13_bias: ['gate_up_proj_bias', 'BF16', [E, 2 * I]],
  w2: ['down_proj_blocks', 'U8', [E, H, I / 32, 16]],
  w2_scale: ['down_proj_scales', 'U8', [E, H, I / 32]],
  w2_bias: ['down_proj_bias', 'BF16', [E, H]],
} as const;
const parts = Object.fromEntries(
  Object.entries(NAMES).map(([part, [name, dtype, shape]], seed) => [part, { name, tensor: raw(dtype, shape, seed) }]),
) as unknown as Required<GptOssParts>;

describe('gptOssExperts', () => {
  const experts = gptOssExperts(parts);

  it('takes blocks and scales without a copy, in checkpoint order', () => {
    expect(experts.w13.bytes).toBe(parts.w13.tensor.bytes);
    expect(experts.w2_scale.bytes).toBe(parts.w2_scale.tensor.bytes);
    expect(experts.w13.layout.shape).toEqual([E, 2 * I, H]);
    expect(describeW13(experts.w13.layout)).toBe('L0');
    expect(describeW13(experts.w13_bias?.layout as never)).toBe('L0');
    expect(describeW13(deinterleaveExperts(experts).w13.layout)).toBe('L1');
  });

  it('finds element k of row gate i in byte k / 2 of stored row 2 i, even k in the low nibble', () => {
    const stored = (e: number, row: number, k: number): number => {
      const byte = experts.w13.bytes[(e * 2 * I + row) * (H / 2) + (k >> 1)] as number;
      return k % 2 === 0 ? byte & 15 : byte >> 4;
    };
    for (const [e, i, k] of [
      [0, 0, 0],
      [0, 3, 1],
      [1, 31, 63],
      [1, 7, 34],
    ] as const) {
      expect(codeAt(experts.w13, [e, i, k])).toBe(stored(e, 2 * i, k));
      expect(codeAt(experts.w13, [e, I + i, k])).toBe(stored(e, 2 * i + 1, k));
    }
  });

  it('widens bf16 biases to f32 and keeps f32 ones', () => {
    const bytes = parts.w2_bias.tensor.bytes;
    const first = new DataView(bytes.buffer).getUint16(2, true);
    const bits = new Uint32Array([first << 16]);
    expect(asF32(experts.w2_bias as never)[1]).toBe(new Float32Array(bits.buffer)[0]);
    const odd = new Uint8Array(bytes.length + 1);
    odd.set(bytes, 1);
    const shifted = { ...parts.w2_bias, tensor: { ...parts.w2_bias.tensor, bytes: odd.subarray(1) } };
    expect(gptOssExperts({ ...parts, w2_bias: shifted }).w2_bias?.bytes).toEqual(experts.w2_bias?.bytes);
    const f32 = raw('F32', [E, H]);
    expect(gptOssExperts({ ...parts, w2_bias: { name: 'b', tensor: f32 } }).w2_bias?.bytes).toBe(f32.bytes);
    const { w13_bias: _, w2_bias: __, ...plain } = parts;
    expect(Object.keys(gptOssExperts(plain))).toEqual(['w13', 'w13_scale', 'w2', 'w2_scale']);
  });

  const changed = (part: keyof typeof NAMES, tensor: Partial<CheckpointTensor>): GptOssParts => ({
    ...parts,
    [part]: { name: NAMES[part][0], tensor: { ...parts[part].tensor, ...tensor } },
  });
  it.each([
    [
      changed('w13', { shape: [E, 2 * I, 2, 8] }),
      '"gate_up_proj_blocks" has shape [2, 64, 2, 8], expected [*, *, *, 16] ([E, 2 I, H / 32, 16]). Pass the tensor of this name unchanged.',
    ],
    [
      changed('w13', { shape: [E, 65, 2, 16] }),
      '"gate_up_proj_blocks" has 65 rows an expert, expected an even number: gate and up rows alternate.',
    ],
    [
      changed('w2', { shape: [3, H, 1, 16] }),
      '"down_proj_blocks" has shape [3, 64, 1, 16], expected [2, 64, 1, 16] ([E, H, I / 32, 16] of "gate_up_proj_blocks").',
    ],
    [
      changed('w13_scale', { shape: [E, 2 * I, 3] }),
      '"gate_up_proj_scales" has shape [2, 64, 3], expected [2, 64, 2] ([E, 2 I, H / 32] of the blocks).',
    ],
    [
      changed('w2_scale', { dtype: 'BF16' }),
      '"down_proj_scales" is BF16, expected U8: packed e2m1 codes or e8m0 scale bytes.',
    ],
    [changed('w13_bias', { dtype: 'F16' }), '"gate_up_proj_bias" is F16, expected BF16 or F32.'],
    [
      changed('w2_bias', { shape: [E, 5] }),
      '"down_proj_bias" has shape [2, 5], expected [2, 64] ([E, H] of the blocks).',
    ],
  ])('%#: refuses a wrong tensor', (given, message) => expect(() => gptOssExperts(given)).toThrow(message));

  it('names a missing tensor in both spellings', () => {
    const { w2_scale: _, ...rest } = parts;
    expect(() => gptOssExperts(rest)).toThrow(
      '"down_proj_scales (mlp2_weight.scales)" is missing. Given: gate_up_proj_blocks, gate_up_proj_scales, gate_up_proj_bias, ' +
        'down_proj_blocks, down_proj_bias. Read it from the shard that holds it.',
    );
    expect(() => gptOssExperts({})).toThrow('Given: no tensors.');
  });
});

describe('layers of a checkpoint', () => {
  it('reads a GPT-OSS layer by either spelling', async () => {
    const hf = moeLayers([
      'model.embed_tokens.weight',
      ...Object.values(NAMES).map(([name]) => `model.layers.2.mlp.experts.${name}`),
      'model.layers.1.mlp.experts.gate_up_proj_blocks',
    ]);
    expect(hf.map(({ layer, format, tensors }) => [layer, format, tensors.length])).toEqual([
      [1, 'gpt-oss-hf', 1],
      [2, 'gpt-oss-hf', 6],
    ]);
    const read = (name: string): CheckpointTensor =>
      Object.values(parts).find((part) => name.endsWith(part.name))?.tensor as CheckpointTensor;
    const experts = await readGptOssLayer(hf[1]?.tensors ?? [], read);
    expect(experts.w13.bytes).toBe(parts.w13.tensor.bytes);
    const openai = moeLayers(['block.0.mlp.mlp1_weight.blocks', 'block.0.mlp.mlp2_bias']);
    expect(openai[0]?.format).toBe('gpt-oss-openai');
  });

  it('refuses a layer with two formats, or without gate and up', () => {
    expect(() =>
      moeLayers(['model.layers.0.mlp.experts.gate_up_proj_blocks', 'model.layers.0.mlp.experts.0.gate_proj.weight']),
    ).toThrow(
      '"layer 0" names its gate and up projections in two ways: gpt-oss-hf and projections-per-expert. Give one checkpoint at a time.',
    );
    expect(() => moeLayers(['model.layers.4.mlp.experts.0.down_proj.weight'])).toThrow(
      '"layer 4" has a down projection but no gate and up projections. Give the names of all shards of the checkpoint.',
    );
  });
});

describe('stackExperts', () => {
  const prefix = 'model.layers.5.mlp.experts';
  const files = new Map<string, CheckpointTensor>();
  for (let e = 0; e < E; e += 1) {
    for (const [at, name] of ['gate_proj', 'up_proj'].entries()) {
      files.set(`${prefix}.${e}.${name}.weight`, raw('U8', [I, H / 2], 10 * e + at));
      files.set(`${prefix}.${e}.${name}.weight_scale`, raw('U8', [I, H / 32], 10 * e + at + 3));
      files.set(`${prefix}.${e}.${name}.bias`, raw('BF16', [I], 10 * e + at + 5));
    }
    files.set(`${prefix}.${e}.down_proj.weight`, raw('U8', [H, I / 2], 10 * e + 2));
    files.set(`${prefix}.${e}.down_proj.weight_scale`, raw('U8', [H, I / 32], 10 * e + 6));
  }
  const read = (name: string): CheckpointTensor => files.get(name) as CheckpointTensor;
  const layerOf = (names: Iterable<string>) => {
    const [layer] = moeLayers(names);
    if (layer === undefined) throw new Error('no layer');
    return layer;
  };
  const layer = layerOf(files.keys());

  it('puts the gate rows of an expert before its up rows', async () => {
    const experts = await stackExperts(layer, read);
    expect(describeW13(experts.w13.layout)).toBe('L1');
    const gate = (I * H) / 2;
    expect(experts.w13.bytes.subarray(2 * gate, 3 * gate)).toEqual(read(`${prefix}.1.gate_proj.weight`).bytes);
    expect(experts.w13.bytes.subarray(3 * gate)).toEqual(read(`${prefix}.1.up_proj.weight`).bytes);
    expect(experts.w13_scale.layout.shape).toEqual([E, 2 * I, H / 32]);
    expect(experts.w13_bias?.layout.shape).toEqual([E, 2 * I]);
    expect(experts.w2.layout.shape).toEqual([E, H, I]);
    expect(experts.w2_bias).toBeUndefined();
  });

  const fused = new Map<string, CheckpointTensor>();
  for (const e of [0, 1]) {
    fused.set(`${prefix}.${e}.gate_up_proj.weight`, raw('U8', [2 * I, H / 2], e));
    fused.set(`${prefix}.${e}.gate_up_proj.weight_scale`, raw('U8', [2 * I, H / 32], e + 3));
    fused.set(`${prefix}.${e}.down_proj.weight`, raw('U8', [H, I / 2], e + 4));
    fused.set(`${prefix}.${e}.down_proj.weight_scale`, raw('U8', [H, I / 32], e + 5));
  }

  it('asks for the row order of fused tensors', async () => {
    const own = layerOf(fused.keys());
    const get = (name: string): CheckpointTensor => fused.get(name) as CheckpointTensor;
    expect(own.format).toBe('fused-per-expert');
    await expect(stackExperts(own, get)).rejects.toThrow(
      '"layer 5" has fused gate_up tensors, whose names do not tell the row order. Give rowOrder: "separated" or "interleaved"; if ' +
        'unsure, compare adjacent rows: interleaved ones alternate between two statistics.',
    );
    expect(describeW13((await stackExperts(own, get, { rowOrder: 'interleaved' })).w13.layout)).toBe('L0');
    const separated = await stackExperts(own, get, { rowOrder: 'separated' });
    expect(describeW13(separated.w13.layout)).toBe('L1');
    expect(separated.w13.bytes.subarray(0, 2 * I * (H / 2))).toEqual(get(`${prefix}.0.gate_up_proj.weight`).bytes);
  });

  const without = (name: string): Map<string, CheckpointTensor> => {
    const rest = new Map(files);
    rest.delete(`${prefix}.${name}`);
    return rest;
  };
  const withTensor = (name: string, tensor: CheckpointTensor) => (wanted: string) =>
    wanted === `${prefix}.${name}` ? tensor : read(wanted);
  it.each([
    [
      layerOf(without('1.up_proj.weight').keys()),
      read,
      '"layer 5" has no up half of w13 for expert 1 of 2. Give the names of all shards.',
    ],
    [layerOf(without('0.down_proj.weight_scale').keys()), read, 'has no w2_scale for expert 0 of 2.'],
    [layerOf(without('1.up_proj.bias').keys()), read, 'has no up half of w13_bias for expert 1 of 2.'],
    [
      layer,
      withTensor('1.up_proj.weight', raw('U8', [I, 16])),
      '"model.layers.5.mlp.experts.1.up_proj.weight" is U8 [32, 16], expected U8 [32, 32] as "model.layers.5.mlp.experts.0.gate_proj.weight".',
    ],
    [
      layer,
      withTensor('0.gate_proj.weight', raw('BF16', [I, H])),
      '"model.layers.5.mlp.experts.0.gate_proj.weight" is BF16, expected U8 or F4.',
    ],
    [
      layer,
      withTensor('0.gate_proj.weight', raw('U8', [I])),
      '"model.layers.5.mlp.experts.0.gate_proj.weight" has shape [32], expected [rows, columns] of one expert.',
    ],
  ])('%#: refuses a wrong layer', async (given, reader, message) => {
    await expect(stackExperts(given, reader)).rejects.toThrow(message);
  });

  it('refuses matrices that do not fit together', async () => {
    const other = (name: string): CheckpointTensor =>
      name.endsWith('down_proj.weight') ? raw('U8', [H, I]) : read(name);
    await expect(stackExperts(layer, other)).rejects.toThrow(
      '"layer 5" has gate and up of 64 rows by 64 columns and down of 64 by 64, expected 2 I by H and H by I.',
    );
    const scales = (name: string): CheckpointTensor =>
      name.endsWith('down_proj.weight_scale') ? raw('U8', [H, 2]) : read(name);
    await expect(stackExperts(layer, scales)).rejects.toThrow(
      '"model.layers.5.mlp.experts.0.down_proj.weight_scale" gives 64 rows of 2, expected 64 of 1 for the weights of this layer.',
    );
  });

  it('sends GPT-OSS layers to the other reader, and back', async () => {
    const gptOss = layerOf(['block.0.mlp.mlp1_weight.blocks']);
    await expect(stackExperts(gptOss, read)).rejects.toThrow(
      '"layer 0" has all experts in one tensor (gpt-oss-openai). Read it with readGptOssLayer.',
    );
    await expect(readGptOssLayer(layer.tensors, read)).rejects.toThrow(
      'is named as projections-per-expert; expected GPT-OSS names. Read it with stackExperts.',
    );
  });
});
