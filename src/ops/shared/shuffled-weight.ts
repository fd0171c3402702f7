import { OperandError } from '../../errors.ts';
import { shuffleWeight } from '../../layout/weights.ts';
import { requireLayout } from '../../tensor/expect.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface ShuffledWeightRule {
  /** The op that multiplies the same numbers from a plain weight, for errors. */
  readonly plain: string;
  /** Whether the columns may have been padded before the shuffle (`pad_k_to`). Default false. */
  readonly padded?: boolean;
}

/**
 * Checks that an fp8 weight [N, K] is stored by `shuffle_weight(w, (16, 16))`.
 * @throws OperandError when it has no whole tiles, LayoutMismatchError when it is stored in another order
 */
export function requireShuffledWeight(op: string, w: Tensor, { plain, padded = false }: ShuffledWeightRule): void {
  const [N = 0, K = 0] = w.layout.shape;
  const stored = padded ? (w.layout.dims[1]?.padded ?? K) : K;
  if (N % 16 !== 0 || stored % 32 !== 0) {
    throw new OperandError(
      op,
      w.name,
      `has shape [${N}, ${stored}], but shuffled weights come in tiles of 16 rows by 32 columns. ` +
        `Pad N to a multiple of 16 and K to a multiple of 32 with zeros${padded ? ' (padKTo of shuffleWeight; x stays as it is)' : ''}, ` +
        `or use ${plain}.`,
    );
  }
  const padKTo = stored === K ? '' : `, padKTo: ${stored}`;
  requireLayout(
    op,
    w,
    shuffleWeight([N, K], { bits: 8, ...(stored === K ? {} : { padKTo: stored }) }),
    `Permute it to shuffleWeight([${N}, ${K}], { bits: 8${padKTo} }), or call ${plain}, which reads plain weights.`,
  );
}
