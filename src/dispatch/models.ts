import { ParameterError } from '../errors.ts';
import type { LinearSpec } from './linear-spec.ts';

/** How a layer of a model divides over the ranks of tensor parallelism. */
interface LayerTemplate {
  readonly layer: string;
  /** Who makes its input in a served model. */
  readonly producer: 'rms-norm' | 'flatten' | 'silu-mul' | 'linear';
  /** Sizes of the weight on one of `tp` ranks. */
  readonly shape: (tp: number) => { readonly n: number; readonly k: number };
  readonly note?: string;
}

/** A model whose dense layers run through the rules. Shapes come from its published configuration. */
export interface ModelPreset {
  readonly id: string;
  readonly title: string;
  readonly scheme: 'block' | 'per-channel';
  readonly tp: number;
  readonly layers: readonly LayerTemplate[];
  readonly source: string;
}

/** Multi-head latent attention: DeepSeek-V3, GLM-5. */
interface Mla {
  readonly hidden: number;
  readonly heads: number;
  readonly qLora: number;
  readonly kvLora: number;
  readonly rope: number;
  readonly nope: number;
  readonly v: number;
}

function mlaLayers({ hidden, heads, qLora, kvLora, rope, nope, v }: Mla): readonly LayerTemplate[] {
  return [
    {
      layer: 'fused_qkv_a_proj_with_mqa',
      producer: 'rms-norm',
      shape: () => ({ n: qLora + kvLora + rope, k: hidden }),
      note: 'replicated on every rank',
    },
    { layer: 'q_b_proj', producer: 'rms-norm', shape: (tp) => ({ n: (heads * (nope + rope)) / tp, k: qLora }) },
    { layer: 'kv_b_proj', producer: 'linear', shape: (tp) => ({ n: (heads * (nope + v)) / tp, k: kvLora }) },
    { layer: 'o_proj', producer: 'flatten', shape: (tp) => ({ n: hidden, k: (heads * v) / tp }) },
  ];
}

/** Gated MLP: one merged gate_up, one down. */
function mlpLayers(prefix: string, hidden: number, inner: number): readonly LayerTemplate[] {
  return [
    { layer: `${prefix}.gate_up_proj`, producer: 'linear', shape: (tp) => ({ n: (2 * inner) / tp, k: hidden }) },
    { layer: `${prefix}.down_proj`, producer: 'silu-mul', shape: (tp) => ({ n: hidden, k: inner / tp }) },
  ];
}

/** Grouped-query attention. Key and value heads are replicated where there are fewer than ranks. */
function gqaLayers(hidden: number, heads: number, kvHeads: number, head: number): readonly LayerTemplate[] {
  return [
    {
      layer: 'qkv_proj',
      producer: 'rms-norm',
      shape: (tp) => ({ n: (heads / tp + 2 * Math.max(1, kvHeads / tp)) * head, k: hidden }),
    },
    { layer: 'o_proj', producer: 'linear', shape: (tp) => ({ n: hidden, k: (heads * head) / tp }) },
  ];
}

export const MODELS: readonly ModelPreset[] = [
  {
    id: 'deepseek-v3',
    title: 'DeepSeek-V3 / R1',
    scheme: 'block',
    tp: 8,
    source: 'config.json of deepseek-ai/DeepSeek-V3',
    layers: [
      ...mlaLayers({ hidden: 7168, heads: 128, qLora: 1536, kvLora: 512, rope: 64, nope: 128, v: 128 }),
      ...mlpLayers('mlp', 7168, 18432),
      ...mlpLayers('shared_experts', 7168, 2048),
    ],
  },
  {
    id: 'glm-5.1',
    title: 'GLM-5.1-FP8',
    scheme: 'block',
    tp: 8,
    source: 'GlmMoeDsaConfig defaults (zai-org/GLM-5)',
    layers: [
      ...mlaLayers({ hidden: 6144, heads: 64, qLora: 2048, kvLora: 512, rope: 64, nope: 192, v: 256 }),
      {
        layer: 'indexer.wq_b',
        producer: 'rms-norm',
        shape: () => ({ n: 32 * 128, k: 2048 }),
        note: 'sparse attention indexer, replicated on every rank',
      },
      ...mlpLayers('mlp', 6144, 12288),
      ...mlpLayers('shared_experts', 6144, 2048),
    ],
  },
  {
    id: 'glm-4.7',
    title: 'GLM-4.7-FP8',
    scheme: 'per-channel',
    tp: 8,
    source: 'config.json of zai-org/GLM-4.7-FP8; W8A8Fp8 with one scale a channel',
    layers: [
      ...gqaLayers(5120, 96, 8, 128),
      ...mlpLayers('mlp', 5120, 12288).map(perToken),
      ...mlpLayers('shared_experts', 5120, 1536).map(perToken),
    ],
  },
  {
    id: 'minimax-m2.5',
    title: 'MiniMax-M2.5',
    scheme: 'block',
    tp: 4,
    source: 'config.json of MiniMaxAI/MiniMax-M2.5',
    layers: gqaLayers(3072, 48, 8, 128),
  },
];

/** Group quantisers do not apply to per-channel models: their layers quantise a token at a time. */
function perToken(layer: LayerTemplate): LayerTemplate {
  return layer.producer === 'silu-mul' || layer.producer === 'flatten' ? { ...layer, producer: 'linear' } : layer;
}

export const MODEL_NAMES: readonly string[] = MODELS.map(({ id }) => id);

/** @throws ParameterError naming the known ones */
export function modelPreset(id: string): ModelPreset {
  const found = MODELS.find((model) => model.id === id);
  if (found !== undefined) return found;
  throw new ParameterError('dispatch', 'model', `is "${id}", expected one of ${MODEL_NAMES.join(', ')}.`);
}

/**
 * The layers of a model on one of `tp` ranks as specs without a machine: spread them into a full one.
 * @throws ParameterError when the ranks do not divide the heads or the inner size
 */
export function modelLayers(
  id: string,
  tp?: number,
): readonly Required<Pick<LinearSpec, 'layer' | 'n' | 'k' | 'scheme' | 'producer'>>[] {
  const model = modelPreset(id);
  const ranks = tp ?? model.tp;
  return model.layers.map(({ layer, producer, shape }) => {
    const { n, k } = shape(ranks);
    if (!Number.isInteger(n) || !Number.isInteger(k)) {
      throw new ParameterError(
        'dispatch',
        'tp',
        `is ${ranks}, which does not divide ${layer} of ${model.id} (n would be ${n}, k ${k}). Its usual value is ${model.tp}.`,
      );
    }
    return { layer, n, k, scheme: model.scheme, producer };
  });
}
