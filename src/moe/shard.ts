import { ParameterError } from '../errors.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { moveDown, moveGateUp } from './channels.ts';
import { type ExpertWeights, expertFacts, MX_BLOCK } from './expert-weights.ts';
import { type MoePadding, moePadding } from './padding.ts';

/**
 * How the I channels divide over the ranks:
 * - `exact`: I / tp each, which must be a multiple of 32;
 * - `blocks`: whole blocks of 32, ceil(I / 32 / tp) each and the rest on the last ranks (SGLang, vLLM).
 */
export type ShardSplit = 'exact' | 'blocks';

export interface ShardOptions {
  readonly rank: number;
  readonly tp: number;
  readonly split?: ShardSplit;
}

/** Channels of one rank. */
export interface RankChannels {
  readonly start: number;
  readonly count: number;
}

/**
 * Which channels a rank has.
 * @throws ParameterError for a rank or TP size that does not exist, and for `exact` when a rank would begin or end inside a scale
 *   block: its codes would then be read with the neighbour's exponent
 */
export function rankChannels(inter: number, options: ShardOptions): RankChannels {
  const where = 'shardExperts';
  const { rank, tp, split = 'exact' } = options;
  if (!Number.isSafeInteger(tp) || tp < 1)
    throw new ParameterError(where, 'tp', `is ${tp}, expected a positive integer.`);
  if (!Number.isInteger(rank) || rank < 0 || rank >= tp)
    throw new ParameterError(where, 'rank', `is ${rank}, expected 0..${tp - 1} (tp = ${tp}).`);
  if (split === 'blocks') {
    const perRank = Math.ceil(inter / MX_BLOCK / tp) * MX_BLOCK;
    const start = Math.min(inter, rank * perRank);
    const count = Math.min(inter, start + perRank) - start;
    if (count > 0) return { start, count };
    throw new ParameterError(
      where,
      'tp',
      `is ${tp}: with ${perRank} channels a rank, rank ${rank} would have none of the ${inter}. Use fewer ranks.`,
    );
  }
  if (split !== 'exact')
    throw new ParameterError(where, 'split', `is ${JSON.stringify(split)}, expected "exact" or "blocks".`);
  const count = inter / tp;
  if (count % MX_BLOCK === 0) return { start: rank * count, count };
  throw new ParameterError(
    where,
    'split',
    `is "exact", but I / tp = ${inter} / ${tp} = ${count} is no multiple of ${MX_BLOCK}: a rank would begin inside a block of ` +
      `${MX_BLOCK} elements that share a scale. Use split "blocks" (whole blocks, ${Math.ceil(inter / MX_BLOCK / tp) * MX_BLOCK} channels a rank).`,
  );
}

/**
 * One rank's part of a layer, in the order that the weights are in: rows of w13 with their scales and bias, columns of w2 with
 * their scales. The bias of w2 goes to rank 0 alone and is zero elsewhere, because the ranks' outputs are summed.
 *
 * @throws ParameterError as `rankChannels`
 * @throws ExpertStateError for shuffled weights: shard, pad, then shuffle
 */
export function shardExperts(weights: ExpertWeights, options: ShardOptions): ExpertWeights {
  const where = 'shardExperts';
  const { inter, hidden } = expertFacts(where, weights);
  const { start, count } = rankChannels(inter, options);
  const move = { start, count, inter: count, hidden, scaleFill: 0 };
  const down = moveDown(where, weights, move);
  return { ...moveGateUp(where, weights, move), ...down, ...w2BiasOf(down.w2_bias, options.rank === 0) };
}

/** The bias as a rank has it: zeros unless it keeps it. */
export function w2BiasOf(bias: Tensor | undefined, kept: boolean): { readonly w2_bias?: Tensor } {
  if (bias === undefined) return {};
  if (kept) return { w2_bias: bias };
  return { w2_bias: tensor(bias.name, bias.type, bias.layout, asBytes(new Float32Array(bias.bytes.byteLength / 4))) };
}

export interface PrepareRankOptions {
  readonly rank: number;
  readonly tp: number;
  /** Sizes are padded to multiples of this. Default 256. */
  readonly align?: number;
  /** Scale byte of the padding. Default 0x00. */
  readonly scaleFill?: number;
}

/** Sharded and padded weights of one rank, not shuffled yet. */
export interface PreparedRank {
  readonly weights: ExpertWeights;
  readonly channels: RankChannels;
  /** Pads that are handed to the kernels. */
  readonly declared: Pick<MoePadding, 'intermediatePad' | 'hiddenPad'>;
}

/**
 * Shards by whole blocks, pads, and declares the pads that there really are. The weights keep their order (L0 or L1).
 * @throws ParameterError, ExpertStateError as `shardExperts`
 */
export function prepareRank(weights: ExpertWeights, options: PrepareRankOptions): PreparedRank {
  const where = 'prepareRank';
  const { rank, scaleFill = 0 } = options;
  const { inter, hidden } = expertFacts(where, weights);
  const sizes = moePadding({
    inter,
    hidden,
    tp: options.tp,
    ...(options.align === undefined ? {} : { align: options.align }),
  });
  const channels = rankChannels(inter, { rank, tp: options.tp, split: 'blocks' });
  const { paddedHidden, hiddenPad } = sizes;
  // Whole blocks can need a little more than I / tp, but all ranks must have one size.
  const most = Math.ceil(inter / MX_BLOCK / options.tp) * MX_BLOCK;
  const align = options.align ?? 256;
  const paddedInter = Math.ceil(most / align) * align;
  const move = { ...channels, inter: paddedInter, hidden: paddedHidden, scaleFill };
  const down = moveDown(where, weights, move);
  return {
    weights: { ...moveGateUp(where, weights, move), ...down, ...w2BiasOf(down.w2_bias, rank === 0) },
    channels,
    declared: { intermediatePad: paddedInter - channels.count, hiddenPad },
  };
}
