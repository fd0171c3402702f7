import { decodeArray } from '../formats/decode.ts';
import type { RawTensor } from '../io/safetensors-read.ts';
import { gateUpInterleaved } from '../layout/gate-up.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { MoePart, MoeTensorName } from './checkpoint-names.ts';
import { requireFiniteScales } from './checks.ts';
import { CheckpointError } from './errors.ts';
import { type ExpertWeights, MX_BLOCK } from './expert-weights.ts';

/** A tensor as a checkpoint file gives it. */
export type CheckpointTensor = Pick<RawTensor, 'dtype' | 'shape' | 'bytes'>;

/** The tensors of a GPT-OSS layer by part, with the names that errors mention. */
export type GptOssParts = Readonly<
  Partial<Record<MoePart, { readonly name: string; readonly tensor: CheckpointTensor }>>
>;

const HALF_BLOCK = MX_BLOCK / 2;

/**
 * GPT-OSS expert weights as they lie in the checkpoint. Weights and scales share the bytes of the file, biases become f32.
 *
 * w13 is e2m1 `[E, 2 I, H]` in checkpoint order (L0: rows g0, u0, g1, u1, …), with scales and bias in the same order; w2 is
 * row-major `[E, H, I]`. In a row, element k is the low nibble of byte k / 2 for even k, the high one for odd k.
 * Source: openai/gpt-oss gpt_oss/torch/weights.py.
 *
 * @throws CheckpointError for a missing tensor, dtype or shape
 */
export function gptOssExperts(parts: GptOssParts): ExpertWeights {
  const blocks = need(parts, 'w13');
  const [experts, rows, groups] = dims(blocks, 4, '[E, 2 I, H / 32, 16]', [
    undefined,
    undefined,
    undefined,
    HALF_BLOCK,
  ]);
  const hidden = groups * MX_BLOCK;
  if (rows % 2 !== 0)
    throw new CheckpointError(
      blocks.name,
      `has ${rows} rows an expert, expected an even number: gate and up rows alternate.`,
    );
  const inter = rows / 2;
  const down = need(parts, 'w2');
  const downShape = [experts, hidden, inter / MX_BLOCK, HALF_BLOCK];
  dims(down, 4, `[E, H, I / 32, 16] of "${blocks.name}"`, downShape);
  const w13Bias = bias(parts, 'w13_bias', [experts, rows], '[E, 2 I]', gateUpInterleaved([experts, rows]));
  const w2Bias = bias(parts, 'w2_bias', [experts, hidden], '[E, H]', rowMajor([experts, hidden]));
  return {
    w13: tensor('w13', 'e2m1', gateUpInterleaved([experts, rows, hidden]), bytesOf(blocks)),
    w13_scale: scale(parts, 'w13_scale', [experts, rows, groups], '[E, 2 I, H / 32]', gateUpInterleaved),
    ...(w13Bias === undefined ? {} : { w13_bias: w13Bias }),
    w2: tensor('w2', 'e2m1', rowMajor([experts, hidden, inter]), bytesOf(down)),
    w2_scale: scale(parts, 'w2_scale', [experts, hidden, inter / MX_BLOCK], '[E, H, I / 32]', rowMajor),
    ...(w2Bias === undefined ? {} : { w2_bias: w2Bias }),
  };
}

/**
 * `gptOssExperts` for one layer of `moeLayers`.
 * @param read gives the tensor of a name, e.g. `(name) => file.read(name)`
 * @throws CheckpointError for another format, and as `gptOssExperts`
 */
export async function readGptOssLayer(
  tensors: readonly MoeTensorName[],
  read: (name: string) => CheckpointTensor | Promise<CheckpointTensor>,
): Promise<ExpertWeights> {
  const parts: Partial<Record<MoePart, { name: string; tensor: CheckpointTensor }>> = {};
  for (const { name, part, format } of tensors) {
    if (format !== 'gpt-oss-hf' && format !== 'gpt-oss-openai')
      throw new CheckpointError(name, `is named as ${format}; expected GPT-OSS names. Read it with stackExperts.`);
    parts[part] = { name, tensor: await read(name) };
  }
  return gptOssExperts(parts);
}

interface Named {
  readonly name: string;
  readonly tensor: CheckpointTensor;
}

const MISSING: Readonly<Record<MoePart, string>> = {
  w13: 'gate_up_proj_blocks (mlp1_weight.blocks)',
  w13_scale: 'gate_up_proj_scales (mlp1_weight.scales)',
  w13_bias: 'gate_up_proj_bias (mlp1_bias)',
  w2: 'down_proj_blocks (mlp2_weight.blocks)',
  w2_scale: 'down_proj_scales (mlp2_weight.scales)',
  w2_bias: 'down_proj_bias (mlp2_bias)',
};

function need(parts: GptOssParts, part: MoePart): Named {
  const found = parts[part];
  if (found !== undefined) return found;
  const given = Object.values(parts).map(({ name }) => name);
  throw new CheckpointError(
    MISSING[part],
    `is missing. Given: ${given.length === 0 ? 'no tensors' : given.join(', ')}. Read it from the shard that holds it.`,
  );
}

function dims(
  { name, tensor: given }: Named,
  rank: number,
  meaning: string,
  expected: readonly (number | undefined)[],
): readonly [number, number, number] {
  const { shape } = given;
  const fits = shape.length === rank && expected.every((size, axis) => size === undefined || size === shape[axis]);
  if (!fits) {
    const wanted = expected.map((size) => size ?? '*').join(', ');
    throw new CheckpointError(
      name,
      `has shape [${shape.join(', ')}], expected [${wanted}] (${meaning}). Pass the tensor of this name unchanged.`,
    );
  }
  const [first = 0, second = 0, third = 0] = shape;
  return [first, second, third];
}

function bytesOf({ name, tensor: given }: Named): Uint8Array {
  if (given.dtype === 'U8') return given.bytes;
  throw new CheckpointError(name, `is ${given.dtype}, expected U8: packed e2m1 codes or e8m0 scale bytes.`);
}

function scale(
  parts: GptOssParts,
  part: 'w13_scale' | 'w2_scale',
  shape: readonly [number, number, number],
  meaning: string,
  layout: (shape: readonly number[]) => Layout,
): Tensor {
  const found = need(parts, part);
  dims(found, 3, `${meaning} of the blocks`, shape);
  const scales = tensor(part, 'e8m0', layout(shape), bytesOf(found), 'e8m0');
  requireFiniteScales(found.name, scales);
  return scales;
}

function bias(
  parts: GptOssParts,
  part: 'w13_bias' | 'w2_bias',
  shape: readonly [number, number],
  meaning: string,
  layout: Layout,
): Tensor | undefined {
  const found = parts[part];
  if (found === undefined) return undefined;
  dims(found, 2, `${meaning} of the blocks`, shape);
  return tensor(part, 'f32', layout, biasBytes(found));
}

/** bf16 bias as f32: AITER rejects bf16 ones, other kernels lose precision without a word. */
function biasBytes({ name, tensor: { dtype, bytes } }: Named): Uint8Array {
  if (dtype === 'F32') return bytes;
  if (dtype !== 'BF16') throw new CheckpointError(name, `is ${dtype}, expected BF16 or F32.`);
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return asBytes(decodeArray('bf16', new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)));
}
