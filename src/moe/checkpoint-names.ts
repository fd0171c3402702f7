import { CheckpointError } from './errors.ts';

/** A part of a layer; for separate projections `gate` and `up` are the halves of w13. */
export type MoePart = 'w13' | 'w13_scale' | 'w13_bias' | 'w2' | 'w2_scale' | 'w2_bias';

/**
 * How a checkpoint names its experts:
 * - `gpt-oss-hf`: `model.layers.0.mlp.experts.gate_up_proj_blocks`, all experts in one tensor, rows interleaved;
 * - `gpt-oss-openai`: `block.0.mlp.mlp1_weight.blocks`, the same tensors;
 * - `fused-per-expert`: `…experts.7.gate_up_proj.weight`, `.weight_scale` (Quark);
 * - `projections-per-expert`: `…experts.7.gate_proj.weight` or `w1` (gate), `w3` (up), `w2` (down): DeepSeek, Kimi, Qwen.
 */
export type MoeCheckpointFormat = 'gpt-oss-hf' | 'gpt-oss-openai' | 'fused-per-expert' | 'projections-per-expert';

/** What a tensor name says. */
export interface MoeTensorName {
  readonly name: string;
  readonly format: MoeCheckpointFormat;
  readonly layer: number;
  readonly part: MoePart;
  /** Formats with a tensor an expert. */
  readonly expert?: number;
  /** Which half of w13, for separate projections. */
  readonly half?: 'gate' | 'up';
}

interface Rule {
  readonly format: MoeCheckpointFormat;
  readonly pattern: RegExp;
  /** Matrix of the projection that the name gives. */
  readonly matrix: Readonly<Record<string, { readonly matrix: 'w13' | 'w2'; readonly half?: 'gate' | 'up' }>>;
}

const KIND: Readonly<Record<string, '' | '_scale' | '_bias'>> = {
  blocks: '',
  weight: '',
  'weight.blocks': '',
  scales: '_scale',
  scale: '_scale',
  weight_scale: '_scale',
  'weight.scales': '_scale',
  bias: '_bias',
};

const RULES: readonly Rule[] = [
  {
    format: 'gpt-oss-hf',
    pattern:
      /^(?:.+\.)?layers\.(?<layer>\d+)\.mlp\.experts\.(?<matrix>gate_up_proj|down_proj)_(?<kind>blocks|scales|bias)$/,
    matrix: { gate_up_proj: { matrix: 'w13' }, down_proj: { matrix: 'w2' } },
  },
  {
    format: 'gpt-oss-openai',
    pattern: /^block\.(?<layer>\d+)\.mlp\.(?<matrix>mlp1|mlp2)_(?<kind>weight\.blocks|weight\.scales|bias)$/,
    matrix: { mlp1: { matrix: 'w13' }, mlp2: { matrix: 'w2' } },
  },
  {
    format: 'fused-per-expert',
    pattern:
      /^(?:.+\.)?layers\.(?<layer>\d+)\.mlp\.experts\.(?<expert>\d+)\.(?<matrix>gate_up_proj)\.(?<kind>weight|weight_scale|bias)$/,
    matrix: { gate_up_proj: { matrix: 'w13' } },
  },
  {
    format: 'projections-per-expert',
    pattern:
      /^(?:.+\.)?layers\.(?<layer>\d+)\.(?:mlp|ffn)\.experts\.(?<expert>\d+)\.(?<matrix>gate_proj|up_proj|down_proj|w1|w2|w3)\.(?<kind>weight|weight_scale|scale|bias)$/,
    matrix: {
      gate_proj: { matrix: 'w13', half: 'gate' },
      w1: { matrix: 'w13', half: 'gate' },
      up_proj: { matrix: 'w13', half: 'up' },
      w3: { matrix: 'w13', half: 'up' },
      down_proj: { matrix: 'w2' },
      w2: { matrix: 'w2' },
    },
  },
];

/** Reads a tensor name; undefined when it names no expert weight, e.g. attention, router and shared experts. */
export function parseMoeName(name: string): MoeTensorName | undefined {
  for (const { format, pattern, matrix } of RULES) {
    const groups = pattern.exec(name)?.groups;
    const found = matrix[groups?.['matrix'] ?? ''];
    const kind = KIND[groups?.['kind'] ?? ''];
    if (groups === undefined || found === undefined || kind === undefined) continue;
    return {
      name,
      format,
      layer: Number(groups['layer']),
      part: `${found.matrix}${kind}`,
      ...(groups['expert'] === undefined ? {} : { expert: Number(groups['expert']) }),
      ...(found.half === undefined ? {} : { half: found.half }),
    };
  }
  return undefined;
}

/** The expert tensors of one layer. */
export interface MoeLayerNames {
  readonly layer: number;
  readonly format: MoeCheckpointFormat;
  readonly tensors: readonly MoeTensorName[];
}

/**
 * Finds the mixture-of-experts layers among the names of a checkpoint, in ascending order. The down projection of a checkpoint with
 * fused gate and up is named as separate projections are; the layer then counts as fused.
 *
 * @throws CheckpointError when a layer has names of two formats
 */
export function moeLayers(names: Iterable<string>): readonly MoeLayerNames[] {
  const layers = new Map<number, MoeTensorName[]>();
  for (const name of names) {
    const parsed = parseMoeName(name);
    if (parsed === undefined) continue;
    const own = layers.get(parsed.layer) ?? [];
    own.push(parsed);
    layers.set(parsed.layer, own);
  }
  return [...layers]
    .toSorted(([a], [b]) => a - b)
    .map(([layer, tensors]) => ({ layer, format: formatOf(layer, tensors), tensors }));
}

function formatOf(layer: number, tensors: readonly MoeTensorName[]): MoeCheckpointFormat {
  const gateUp = tensors.filter(({ part }) => part.startsWith('w13'));
  const formats = [...new Set(gateUp.map(({ format }) => format))];
  const [format] = formats;
  if (format === undefined || formats.length > 1)
    throw new CheckpointError(
      `layer ${layer}`,
      format === undefined
        ? 'has a down projection but no gate and up projections. Give the names of all shards of the checkpoint.'
        : `names its gate and up projections in two ways: ${formats.join(' and ')}. Give one checkpoint at a time.`,
    );
  return format;
}
