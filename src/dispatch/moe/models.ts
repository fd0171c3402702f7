import { ParameterError } from '../../errors.ts';
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

const GPT_OSS = {
  topk: 4,
  hidden: 2880,
  inter: 2880,
  activation: 'Swiglu',
  swigluLimit: 7,
  bias: true,
  checkpoint: 'interleaved',
  gptOss: true,
} as const;

export const MOE_MODELS: readonly MoeModelPreset[] = [
  {
    id: 'gpt-oss-20b',
    title: 'GPT-OSS 20b',
    layers: 24,
    experts: 32,
    ...GPT_OSS,
    source: 'config.json of openai/gpt-oss-20b',
  },
  {
    id: 'gpt-oss-120b',
    title: 'GPT-OSS 120b',
    layers: 36,
    experts: 128,
    ...GPT_OSS,
    source: 'config.json of openai/gpt-oss-120b',
  },
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
