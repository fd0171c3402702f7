import { w13Layout } from '../layout/w13.ts';
import { storedIn } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ExpertStateError } from './errors.ts';
import { type GateUpParts, gateUpFacts } from './expert-weights.ts';

/**
 * De-interleaves w13, its scales and its bias in one step: checkpoint rows g0, u0, g1, u1, … (L0) become all gate rows, then all
 * up rows (L1). Other fields of the object pass through, so a whole layer can be given.
 *
 * It cannot be applied to some parts only, nor twice: the layouts say what was done.
 *
 * @throws ExpertStateError when the parts are in different states or not in L0
 * @throws OperandError for wrong types or shapes, an odd number of rows among them
 */
export function deinterleaveExperts<T extends GateUpParts>(weights: T): T {
  const where = 'deinterleaveExperts';
  const { state } = gateUpFacts(where, weights);
  if (state.id === 'L1') {
    throw new ExpertStateError(
      where,
      { w13: state.id },
      'w13 is L1 already (separated rows). A second de-interleave would mix gate and up rows (L6) without any error downstream; ' +
        'leave this step out. Only OpenAI and Hugging Face GPT-OSS checkpoints are interleaved.',
    );
  }
  if (state.id !== 'L0') throw shuffledAlready(where, 'de-interleave', state.id, state.title);
  return moved(weights, 1);
}

/**
 * The inverse: separated rows (L1) become g0, u0, g1, u1, … (L0), as AITER's `interleave_gate_up_rows`.
 * @throws ExpertStateError unless all parts are in L1
 * @throws OperandError for wrong types or shapes
 */
export function interleaveExperts<T extends GateUpParts>(weights: T): T {
  const where = 'interleaveExperts';
  const { state } = gateUpFacts(where, weights);
  if (state.id === 'L0')
    throw new ExpertStateError(where, { w13: state.id }, 'w13 is L0 already (checkpoint order). Leave this step out.');
  if (state.id !== 'L1') throw shuffledAlready(where, 'interleave', state.id, state.title);
  return moved(weights, 0);
}

function shuffledAlready(where: string, verb: string, id: string, title: string): ExpertStateError {
  return new ExpertStateError(
    where,
    { w13: id },
    `w13 is ${id} (${title}). Rows can only ${verb} before the shuffle: start again from the checkpoint, or permute back to it.`,
  );
}

/** Stores all three parts in checkpoint order (0) or separated order (1). */
function moved<T extends GateUpParts>(weights: T, deinterleaved: 0 | 1): T {
  const restored = (source: Tensor): Tensor =>
    storedIn(source, w13Layout({ deinterleaved, shuffle: 'none' }, source.layout.shape));
  const { w13, w13_scale, w13_bias } = weights;
  return {
    ...weights,
    w13: restored(w13),
    w13_scale: restored(w13_scale),
    ...(w13_bias === undefined ? {} : { w13_bias: restored(w13_bias) }),
  };
}
