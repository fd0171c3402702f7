import { ParameterError } from '../errors.ts';
import type { MoeLayerSizes } from './synthetic.ts';

/** A GPT-OSS model's layers. */
export interface GptOssModel extends MoeLayerSizes {
  readonly id: 'gpt-oss-20b' | 'gpt-oss-120b';
  readonly layers: number;
  readonly topk: number;
  readonly swigluLimit: number;
  readonly source: string;
}

const GPT_OSS = { hidden: 2880, inter: 2880, topk: 4, swigluLimit: 7 } as const;

/** True shapes of the published models. */
export const GPT_OSS_MODELS: readonly GptOssModel[] = [
  { id: 'gpt-oss-20b', layers: 24, experts: 32, ...GPT_OSS, source: 'config.json of openai/gpt-oss-20b' },
  { id: 'gpt-oss-120b', layers: 36, experts: 128, ...GPT_OSS, source: 'config.json of openai/gpt-oss-120b' },
];

/** @throws ParameterError naming the known ones */
export function gptOssModel(id: string): GptOssModel {
  const found = GPT_OSS_MODELS.find((model) => model.id === id);
  if (found !== undefined) return found;
  const known = GPT_OSS_MODELS.map((model) => model.id).join(', ');
  throw new ParameterError('gptOssModel', 'id', `is ${JSON.stringify(id)}, expected one of ${known}.`);
}
