import { ParameterError } from '../errors.ts';
import { elementBits } from '../formats/element-type.ts';
import { rowMajor } from '../layout/plain.ts';
import { type W13State, w13Layout } from '../layout/w13.ts';
import { tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ExpertStateError } from './errors.ts';
import { type DownParts, downFacts, type GateUpParts, gateUpFacts, MX_BLOCK } from './expert-weights.ts';
import { copyRows, type RowRange } from './rows.ts';

/**
 * What padding and sharding have in common: a range of intermediate channels, moved into tensors of other sizes. A channel is one
 * gate row with its up row in w13, one column in w2.
 */
export interface ChannelMove {
  /** First channel taken. */
  readonly start: number;
  readonly count: number;
  /** I of the result. */
  readonly inter: number;
  /** H of the result; all of H is kept. */
  readonly hidden: number;
  /** Byte of scales where nothing is copied. */
  readonly scaleFill: number;
}

/** Which rows of w13 hold the channels: pairs while they are interleaved, two ranges once they are separated. */
function rowsOfChannels(state: W13State, inter: number, { start, count, inter: target }: ChannelMove): RowRange[] {
  if (state.id === 'L0') return [{ from: 2 * start, to: 0, count: 2 * count }];
  return [
    { from: start, to: 0, count },
    { from: inter + start, to: target, count },
  ];
}

/**
 * Moves channels of w13, its scales and bias. The rows that are left over lie at the end of the interleaved rows (L0) or of each
 * half (L1): the layout decides.
 * @throws ExpertStateError for shuffled weights
 */
export function moveGateUp(where: string, parts: GateUpParts, move: ChannelMove): GateUpParts {
  const { state, inter } = gateUpFacts(where, parts);
  requireUnshuffled(where, state);
  requireScaleFill(where, move.scaleFill);
  const ranges = rowsOfChannels(state, inter, move);
  const rows = 2 * move.inter;
  const { w13, w13_scale, w13_bias } = parts;
  const resized = (source: Tensor, columns: number, fill: number): Tensor => {
    const isBias = source.layout.shape.length === 2;
    const [experts = 0, sourceRows = 0, sourceColumns = 1] = source.layout.shape;
    const shape = isBias ? [experts, rows] : [experts, rows, columns];
    const bits = elementBits(source.type);
    const bytes = copyRows(
      source.bytes,
      { experts, rows: sourceRows, rowBytes: (sourceColumns * bits) / 8 },
      { experts, rows, rowBytes: (columns * bits) / 8 },
      ranges,
      { fill },
    );
    return tensor(source.name, source.type, w13Layout(state, shape), bytes, source.scaling);
  };
  return {
    w13: resized(w13, move.hidden, 0),
    w13_scale: resized(w13_scale, move.hidden / MX_BLOCK, move.scaleFill),
    ...(w13_bias === undefined ? {} : { w13_bias: resized(w13_bias, 1, 0) }),
  };
}

/** Which scale columns of w2 go with the channels; `moveDown` without this takes the right ones. */
export interface ScaleColumns {
  readonly start: number;
  readonly count: number;
}

/**
 * Moves channels of w2 and its scales: columns.
 * @throws ExpertStateError for shuffled weights
 * @throws ParameterError when the first channel is inside a scale block, unless `scales` says what to take
 */
export function moveDown(where: string, parts: DownParts, move: ChannelMove, scales?: ScaleColumns): DownParts {
  const { shuffled, hidden } = downFacts(where, parts);
  if (shuffled)
    throw new ExpertStateError(where, { w2: 'shuffled' }, 'w2 is shuffled. Pad and shard before the shuffle.');
  requireScaleFill(where, move.scaleFill);
  if (scales === undefined && move.start % MX_BLOCK !== 0)
    throw new ParameterError(
      where,
      'start',
      `is ${move.start}, inside a block of ${MX_BLOCK} channels with one scale.`,
    );
  const taken = scales ?? { start: move.start / MX_BLOCK, count: Math.ceil(move.count / MX_BLOCK) };
  const resized = (source: Tensor, start: number, count: number, columns: number, fill: number): Tensor => {
    const [experts = 0, , sourceColumns = 0] = source.layout.shape;
    const bytesOf = (elements: number): number => (elements * elementBits(source.type)) / 8;
    const bytes = copyRows(
      source.bytes,
      { experts, rows: hidden, rowBytes: bytesOf(sourceColumns) },
      { experts, rows: move.hidden, rowBytes: bytesOf(columns) },
      [{ from: 0, to: 0, count: hidden }],
      { column: bytesOf(start), width: bytesOf(count), fill },
    );
    return tensor(source.name, source.type, rowMajor([experts, move.hidden, columns]), bytes, source.scaling);
  };
  const { w2, w2_scale, w2_bias } = parts;
  return {
    w2: resized(w2, move.start, move.count, move.inter, 0),
    w2_scale: resized(w2_scale, taken.start, taken.count, move.inter / MX_BLOCK, move.scaleFill),
    ...(w2_bias === undefined ? {} : { w2_bias: widened(w2_bias, move.hidden) }),
  };
}

function widened(bias: Tensor, hidden: number): Tensor {
  const [experts = 0, width = 0] = bias.layout.shape;
  const source = { experts, rows: 1, rowBytes: 4 * width };
  const target = { experts, rows: 1, rowBytes: 4 * hidden };
  const bytes = copyRows(bias.bytes, source, target, [{ from: 0, to: 0, count: 1 }]);
  return tensor(bias.name, bias.type, rowMajor([experts, hidden]), bytes);
}

function requireUnshuffled(where: string, state: W13State): void {
  if (state.shuffle === 'none' && state.deinterleaved < 2) return;
  throw new ExpertStateError(
    where,
    { w13: state.id },
    `w13 is ${state.id} (${state.title}). Shard and pad before the shuffle: start again from L0 or L1.`,
  );
}

function requireScaleFill(where: string, fill: number): void {
  if (Number.isInteger(fill) && fill >= 0 && fill < 255) return;
  throw new ParameterError(
    where,
    'scaleFill',
    `is ${fill}, expected a byte 0..254: 0x00 (SGLang, ATOM) or 0x01 (SGLang with Quark). 255 is NaN, and NaN times 0 is NaN.`,
  );
}
