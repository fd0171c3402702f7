import { ParameterError } from '../../errors.ts';
import { GPT_OSS_MODELS } from '../../moe/gpt-oss-models.ts';
import type { MoeActivation } from './facts.ts';

/** A mixture-of-experts layer of a model, over all ranks. Shapes come from its published configuration. */
export interface MoeModelPreset {
  readonly id: string;
  readonly title: string;
  /** Layers with experts. */
  readonly layers: number;
  readonly experts: number;
  readonly topk: number;
  /** H. */
  readonly hidden: number;
  /** I of one expert. */
  readonly inter: number;
  readonly activation: MoeActivation;
  readonly swigluLimit: number | undefined;
  readonly bias: boolean;
  /** Order of the rows of w13 in the checkpoint. */
  readonly checkpoint: 'interleaved' | 'separated';
  /** GptOssForCausalLM: SGLang has rules for it by name. */
  readonly gptOss: boolean;
  readonly source: string;
}

const GPT_OSS = { activation: 'Swiglu', bias: true, checkpoint: 'interleaved', gptOss: true } as const;

export const MOE_MODELS: readonly MoeModelPreset[] = [
  ...GPT_OSS_MODELS.map((model) => ({ ...model, ...GPT_OSS, title: `GPT-OSS ${model.id.replace('gpt-oss-', '')}` })),
  {
    id: 'deepseek-style',
    title: 'DeepSeek-V3 with MXFP4 experts',
    layers: 58,
    experts: 256,
    topk: 8,
    hidden: 7168,
    inter: 2048,
    activation: 'Silu',
    swigluLimit: undefined,
    bias: false,
    checkpoint: 'separated',
    gptOss: false,
    source: 'config.json of deepseek-ai/DeepSeek-V3; MXFP4 as AMD quantises it',
  },
];

export const MOE_MODEL_NAMES: readonly string[] = MOE_MODELS.map(({ id }) => id);

/** @throws ParameterError naming the known ones */
export function moeModel(id: string): MoeModelPreset {
  const found = MOE_MODELS.find((model) => model.id === id);
  if (found !== undefined) return found;
  throw new ParameterError('planMoe', 'model', `is "${id}", expected one of ${MOE_MODEL_NAMES.join(', ')}.`);
}
