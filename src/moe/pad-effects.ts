import { tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ExpertStateError } from './errors.ts';
import { type ExpertWeights, expertFacts } from './expert-weights.ts';
import { ckTilePads, type MoePadding } from './padding.ts';
import { copyRows, type RowRange } from './rows.ts';

/**
 * The weights as CK-Tile sees them with a declared pad: what it leaves out is zero. With the right pads that changes nothing; with
 * a stale one it is what a stale pad does to the numbers.
 *
 * Channels are taken from the end of gate and of up, as the interleaved kernels (L3) do. That of trailing storage rows of L2 is
 * another matter: `ckTilePads` gives the rows.
 *
 * @param weights separated (L1), as after `prepareRank` and `deinterleaveExperts`
 * @throws ExpertStateError for weights in another state
 */
export function withPadsLeftOut(
  weights: ExpertWeights,
  declared: Pick<MoePadding, 'intermediatePad' | 'hiddenPad'>,
): ExpertWeights {
  const { state, inter, hidden, w2Shuffled } = expertFacts('withPadsLeftOut', weights);
  if (state.id !== 'L1' || w2Shuffled)
    throw new ExpertStateError(
      'withPadsLeftOut',
      { w13: state.id, w2: w2Shuffled ? 'shuffled' : 'plain' },
      `w13 is ${state.id}, w2 is ${w2Shuffled ? 'shuffled' : 'plain'}; expected L1 and plain. Call it before the shuffle.`,
    );
  const pads = ckTilePads(declared);
  const channels = inter - pads.stage1Rows / 2;
  const gateUp = kept(weights.w13, 2 * inter, hidden, hidden - pads.stage1Columns, [
    { from: 0, to: 0, count: channels },
    { from: inter, to: inter, count: channels },
  ]);
  const down = kept(weights.w2, hidden, inter, inter - pads.stage2Columns, [
    { from: 0, to: 0, count: hidden - pads.stage2Rows },
  ]);
  return {
    ...weights,
    w13: gateUp,
    w2: down,
  };
}

function kept(weight: Tensor, rows: number, columns: number, keptColumns: number, ranges: readonly RowRange[]): Tensor {
  const [experts = 0] = weight.layout.shape;
  const stack = { experts, rows, rowBytes: columns / 2 };
  const bytes = copyRows(weight.bytes, stack, stack, ranges, { width: keptColumns / 2 });
  return tensor(weight.name, weight.type, weight.layout, bytes);
}
