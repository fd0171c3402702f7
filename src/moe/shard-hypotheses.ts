import { ParameterError } from '../errors.ts';
import { elementBits } from '../formats/element-type.ts';
import { w13Layout } from '../layout/w13.ts';
import { tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { moveDown, moveGateUp } from './channels.ts';
import { type ExpertWeights, expertFacts, type GateUpParts, gateUpFacts, MX_BLOCK } from './expert-weights.ts';
import { deinterleaveExperts } from './gate-up.ts';
import { moePadding } from './padding.ts';
import { copyRows } from './rows.ts';
import { type PreparedRank, type PrepareRankOptions, prepareRank, w2BiasOf } from './shard.ts';

export interface HypothesisOptions extends PrepareRankOptions {
  /** TP size that a stale pad was computed for. Default 1. */
  readonly staleTp?: number;
}

/** A wrong way to shard and pad that was used, or is read from the source of a loader. */
export interface ShardHypothesis {
  readonly id: string;
  readonly title: string;
  /** What it does to the numbers. */
  readonly effect: string;
  readonly origin: string;
  /** `reported`: in an issue with a measured loss; `derived`: from the loader's arithmetic, equal neighbouring exponents hide it. */
  readonly evidence: 'reported' | 'derived';
  prepare(weights: ExpertWeights, options: HypothesisOptions): PreparedRank;
}

/** The wrong ways by name. `prepareRank` is the right one. */
export const SHARD_HYPOTHESES: readonly ShardHypothesis[] = [
  {
    id: 'elementwise-scale-floor',
    title: 'I / tp channels a rank, scales of w2 from floor(start / 32) to floor(end / 32)',
    effect:
      'groups of 32 shift against their scales by start % 32 channels; at TP8 the last 8 channels may have scale byte 0x00',
    origin: 'ATOM mxf4_merged_weight_loader',
    evidence: 'derived',
    prepare: elementwise,
  },
  {
    id: 'blocks-declared-pad',
    title: 'whole blocks of 32 a rank, but the pad of I / tp is declared',
    effect:
      'declared pad and zero tail differ (TP8: 152 declared, 128 zeros, 320 on the last rank); CK-Tile rounds it away',
    origin: 'SGLang Mxfp4MoEMethod',
    evidence: 'derived',
    prepare(weights, options) {
      const { inter, hidden } = expertFacts('blocks-declared-pad', weights);
      const right = prepareRank(weights, options);
      const { intermediatePad, hiddenPad } = moePadding(paddingInput(inter, hidden, options));
      return { ...right, declared: { intermediatePad, hiddenPad } };
    },
  },
  {
    id: 'stale-intermediate-pad',
    title: 'the intermediate_pad of another TP size is declared',
    effect: 'kernels that trust it leave out real channels',
    origin: 'vLLM issue 44679: GSM8K 0.896 to 0.684 at TP8',
    evidence: 'reported',
    prepare(weights, options) {
      const { inter, hidden } = expertFacts('stale-intermediate-pad', weights);
      const right = prepareRank(weights, options);
      const { intermediatePad } = moePadding(paddingInput(inter, hidden, { ...options, tp: options.staleTp ?? 1 }));
      return { ...right, declared: { ...right.declared, intermediatePad } };
    },
  },
  {
    id: 'w2-bias-every-rank',
    title: 'every rank adds the bias of w2',
    effect: 'the bias is added tp times after the sum over ranks',
    origin: 'GPT-OSS adds it after the all-reduce; serving stacks on rank 0',
    evidence: 'derived',
    prepare(weights, options) {
      const right = prepareRank(weights, options);
      const first = prepareRank(weights, { ...options, rank: 0 });
      return { ...right, weights: { ...right.weights, ...w2BiasOf(first.weights.w2_bias, true) } };
    },
  },
  {
    id: 'up-offset-unpadded',
    title: 'up rows begin at the unpadded I of a padded w13',
    effect: 'the first up rows are read as gate rows of the padding, and all up rows are shifted',
    origin: 'vLLM issue 42595, bug 1; also de-interleaving first and padding once at the end',
    evidence: 'reported',
    prepare(weights, options) {
      const right = prepareRank(weights, options);
      const { state } = gateUpFacts('up-offset-unpadded', right.weights);
      const separated = state.id === 'L0' ? deinterleaveExperts(right.weights) : right.weights;
      return { ...right, weights: { ...separated, ...withUpAt(separated, right.channels.count) } };
    },
  },
];

/**
 * A wrong way by its id.
 * @throws ParameterError naming the known ones
 */
export function shardHypothesis(id: string): ShardHypothesis {
  const found = SHARD_HYPOTHESES.find((hypothesis) => hypothesis.id === id);
  if (found !== undefined) return found;
  const known = SHARD_HYPOTHESES.map((hypothesis) => hypothesis.id).join(', ');
  throw new ParameterError('shardHypothesis', 'id', `is ${JSON.stringify(id)}, expected one of ${known}.`);
}

function paddingInput(inter: number, hidden: number, { tp, align }: HypothesisOptions) {
  return { inter, hidden, tp, ...(align === undefined ? {} : { align }) };
}

function elementwise(weights: ExpertWeights, options: HypothesisOptions): PreparedRank {
  const where = 'elementwise-scale-floor';
  const { inter, hidden } = expertFacts(where, weights);
  const sizes = moePadding(paddingInput(inter, hidden, options));
  const { rank, tp, scaleFill = 0 } = options;
  if (!Number.isInteger(rank) || rank < 0 || rank >= tp)
    throw new ParameterError(where, 'rank', `is ${rank}, expected 0..${tp - 1} (tp = ${tp}).`);
  const { rankInter: count, paddedInter, paddedHidden, intermediatePad, hiddenPad } = sizes;
  if (count % 2 !== 0)
    throw new ParameterError(where, 'tp', `is ${tp}: I / tp = ${count} is odd, and a byte of w2 holds two channels.`);
  const start = rank * count;
  const move = { start, count, inter: paddedInter, hidden: paddedHidden, scaleFill };
  const first = Math.floor(start / MX_BLOCK);
  const scales = { start: first, count: Math.floor((start + count) / MX_BLOCK) - first };
  const down = moveDown(where, weights, move, scales);
  return {
    weights: { ...moveGateUp(where, weights, move), ...down, ...w2BiasOf(down.w2_bias, rank === 0) },
    channels: { start, count },
    declared: { intermediatePad, hiddenPad },
  };
}

/** Separated parts of which the up half is stored from row `offset` on instead of from row I. */
function withUpAt(parts: GateUpParts, offset: number): GateUpParts {
  const moved = (source: Tensor): Tensor => {
    const [experts = 0, rows = 0, columns = 1] = source.layout.shape;
    const stack = { experts, rows, rowBytes: (columns * elementBits(source.type)) / 8 };
    const ranges = [
      { from: 0, to: 0, count: offset },
      { from: rows / 2, to: offset, count: offset },
    ];
    const layout = w13Layout({ deinterleaved: 1, shuffle: 'none' }, source.layout.shape);
    return tensor(source.name, source.type, layout, copyRows(source.bytes, stack, stack, ranges), source.scaling);
  };
  const { w13, w13_scale, w13_bias } = parts;
  return {
    w13: moved(w13),
    w13_scale: moved(w13_scale),
    ...(w13_bias === undefined ? {} : { w13_bias: moved(w13_bias) }),
  };
}
