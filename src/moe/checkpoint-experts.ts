import { decodeArray } from '../formats/decode.ts';
import { rowMajor } from '../layout/plain.ts';
import { w13Layout } from '../layout/w13.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { CheckpointTensor } from './checkpoint-gpt-oss.ts';
import type { MoeLayerNames, MoePart, MoeTensorName } from './checkpoint-names.ts';
import { requireFiniteScales } from './checks.ts';
import { CheckpointError } from './errors.ts';
import { type ExpertWeights, MX_BLOCK } from './expert-weights.ts';

export interface StackExpertsOptions {
  /**
   * Row order of a fused gate_up tensor. Required for it, because its name does not tell: Quark checkpoints of GPT-OSS are described
   * as separated, while vLLM's loader cuts them in row pairs as if interleaved. Separate projections are separated by nature.
   */
  readonly rowOrder?: 'separated' | 'interleaved';
}

/**
 * Stacks a layer with one tensor an expert (Quark, DeepSeek, Kimi, Qwen): w13 e2m1 `[E, 2 I, H]` with the gate rows before the up
 * rows (L1), or in the given order; w2 `[E, H, I]`; scales alike; biases as f32. The bytes are copied, expert by expert.
 *
 * @param layer one of `moeLayers`
 * @param read gives the tensor of a name: weights U8 `[rows, columns / 2]`, scales U8 or F8_E8M0 `[rows, columns / 32]`
 * @throws CheckpointError for missing experts or tensors, and other dtypes or shapes
 */
export async function stackExperts(
  layer: MoeLayerNames,
  read: (name: string) => CheckpointTensor | Promise<CheckpointTensor>,
  options: StackExpertsOptions = {},
): Promise<ExpertWeights> {
  const { rowOrder } = options;
  const label = `layer ${layer.layer}`;
  if (layer.format === 'gpt-oss-hf' || layer.format === 'gpt-oss-openai')
    throw new CheckpointError(label, `has all experts in one tensor (${layer.format}). Read it with readGptOssLayer.`);
  if (layer.format === 'fused-per-expert' && rowOrder === undefined)
    throw new CheckpointError(
      label,
      'has fused gate_up tensors, whose names do not tell the row order. Give rowOrder: "separated" or "interleaved"; ' +
        'if unsure, compare adjacent rows: interleaved ones alternate between two statistics.',
    );
  const experts = 1 + Math.max(...layer.tensors.map(({ expert = -1 }) => expert));
  const find = (part: MoePart, expert: number, half?: 'gate' | 'up'): MoeTensorName | undefined =>
    layer.tensors.find((name) => name.part === part && name.expert === expert && name.half === half);
  const halves = layer.format === 'fused-per-expert' ? ([undefined] as const) : (['gate', 'up'] as const);
  const deinterleaved = rowOrder === 'interleaved' && halves.length === 1 ? 0 : 1;

  const gather = async (part: MoePart): Promise<Stack | undefined> => {
    const parts = part.startsWith('w13') ? halves : ([undefined] as const);
    const stack = new Stack(part, experts, parts.length);
    for (let expert = 0; expert < experts; expert += 1) {
      for (const [at, half] of parts.entries()) {
        const name = find(part, expert, half);
        if (name !== undefined) stack.add(name.name, await read(name.name), expert * parts.length + at);
        else if (!part.endsWith('bias') || stack.isStarted)
          throw new CheckpointError(
            label,
            `has no ${half === undefined ? part : `${half} half of ${part}`} for expert ${expert} of ${experts}. Give the names of all shards.`,
          );
      }
    }
    return stack.isStarted ? stack : undefined;
  };
  const w13 = (await gather('w13')) as Stack;
  const w2 = (await gather('w2')) as Stack;
  const [rows, hidden, inter] = [w13.rows, 2 * w13.columns, 2 * w2.columns];
  if (rows !== 2 * inter || w2.rows !== hidden)
    throw new CheckpointError(
      label,
      `has gate and up of ${rows} rows by ${hidden} columns and down of ${w2.rows} by ${inter}, expected 2 I by H and H by I.`,
    );
  const gateUp = (shape: readonly number[]) => w13Layout({ deinterleaved, shuffle: 'none' }, shape);
  const w13Scale = ((await gather('w13_scale')) as Stack).expect(rows, hidden / MX_BLOCK);
  const w2Scale = ((await gather('w2_scale')) as Stack).expect(hidden, inter / MX_BLOCK);
  const w13Bias = (await gather('w13_bias'))?.expect(rows, 1).f32('w13_bias', gateUp([experts, rows]));
  const w2Bias = (await gather('w2_bias'))?.expect(hidden, 1).f32('w2_bias', rowMajor([experts, hidden]));
  const stacked = {
    w13: tensor('w13', 'e2m1', gateUp([experts, rows, hidden]), w13.bytes()),
    w13_scale: tensor('w13_scale', 'e8m0', gateUp([experts, rows, hidden / MX_BLOCK]), w13Scale.bytes(), 'e8m0'),
    ...(w13Bias === undefined ? {} : { w13_bias: w13Bias }),
    w2: tensor('w2', 'e2m1', rowMajor([experts, hidden, inter]), w2.bytes()),
    w2_scale: tensor('w2_scale', 'e8m0', rowMajor([experts, hidden, inter / MX_BLOCK]), w2Scale.bytes(), 'e8m0'),
    ...(w2Bias === undefined ? {} : { w2_bias: w2Bias }),
  };
  for (const scale of [stacked.w13_scale, stacked.w2_scale]) requireFiniteScales(label, scale);
  return stacked;
}

/** Tensors of one part put behind one another; the first decides shape and dtype. */
class Stack {
  readonly #part: MoePart;
  readonly #experts: number;
  readonly #perExpert: number;
  #first: { readonly name: string; readonly tensor: CheckpointTensor } | undefined;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(part: MoePart, experts: number, perExpert: number) {
    this.#part = part;
    this.#experts = experts;
    this.#perExpert = perExpert;
  }

  get isStarted(): boolean {
    return this.#first !== undefined;
  }

  /** Rows of an expert. */
  get rows(): number {
    return (this.#first?.tensor.shape[0] ?? 0) * this.#perExpert;
  }

  /** Columns of a row as stored: bytes of a weight, scales of a scale, 1 of a bias. */
  get columns(): number {
    return this.#first?.tensor.shape[1] ?? 1;
  }

  add(name: string, given: CheckpointTensor, index: number): void {
    const first = this.#first;
    if (first === undefined) {
      const isBias = this.#part.endsWith('bias');
      const dtypes: readonly string[] = isBias
        ? ['BF16', 'F32']
        : this.#part.endsWith('scale')
          ? ['U8', 'F8_E8M0']
          : ['U8', 'F4'];
      if (!dtypes.includes(given.dtype))
        throw new CheckpointError(name, `is ${given.dtype}, expected ${dtypes.join(' or ')}.`);
      const rank = isBias ? 1 : 2;
      if (given.shape.length !== rank)
        throw new CheckpointError(
          name,
          `has shape [${given.shape.join(', ')}], expected ${isBias ? '[rows]' : '[rows, columns]'} of one expert.`,
        );
      this.#first = { name, tensor: given };
      this.#bytes = new Uint8Array(given.bytes.byteLength * this.#experts * this.#perExpert);
    } else if (given.dtype !== first.tensor.dtype || given.shape.join() !== first.tensor.shape.join()) {
      throw new CheckpointError(
        name,
        `is ${given.dtype} [${given.shape.join(', ')}], expected ${first.tensor.dtype} [${first.tensor.shape.join(', ')}] as "${first.name}".`,
      );
    }
    this.#bytes.set(given.bytes, index * given.bytes.byteLength);
  }

  expect(rows: number, columns: number): this {
    if (this.rows === rows && this.columns === columns) return this;
    const half = this.#perExpert === 1 ? '' : ' with gate and up together';
    throw new CheckpointError(
      this.#first?.name ?? this.#part,
      `gives ${this.rows} rows of ${this.columns}${half}, expected ${rows} of ${columns} for the weights of this layer.`,
    );
  }

  bytes(): Uint8Array {
    return this.#bytes;
  }

  f32(name: string, layout: Tensor['layout']): Tensor {
    const isF32 = this.#first?.tensor.dtype === 'F32';
    return tensor(
      name,
      'f32',
      layout,
      isF32 ? this.#bytes : asBytes(decodeArray('bf16', new Uint16Array(this.#bytes.buffer))),
    );
  }
}
