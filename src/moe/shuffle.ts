import { ParameterError } from '../errors.ts';
import { elementBits } from '../formats/element-type.ts';
import { shuffleScale, shuffleWeight } from '../layout/catalog.ts';
import type { Layout } from '../layout/layout.ts';
import { permute } from '../layout/permute.ts';
import { rowMajor } from '../layout/plain.ts';
import { type W13State, w13Layout, w13ScaleLayout } from '../layout/w13.ts';
import type { W13Shuffle } from '../layout/w13-faults.ts';
import { tensor } from '../tensor/make.ts';
import { storedIn } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ExpertStateError } from './errors.ts';
import { type ExpertWeights, expertFacts } from './expert-weights.ts';

export interface ShuffleExpertsOptions {
  /**
   * H and I must be multiples of this: a shuffled tensor cannot be padded any more, and AITER's kernels want multiples of 256.
   * Default 256. Give 1 for small shapes that only this library runs; the shuffles' own rules remain.
   */
  readonly align?: number;
  /** Byte in the padding of shuffled scales. Default 0x7f (1.0); the source leaves it undefined for `separated`. */
  readonly scaleFill?: number;
}

/**
 * Shuffles separated weights (L1) for the kernels: `separated` gives L2 for GateMode SEPARATED, `interleave` L3 for INTERLEAVE. w2
 * and its scales get the separated shuffle in both cases, which has the bytes of `shuffle_weight_a16w4(gate_up=False)`. Biases
 * stay as they are: kernels read them as f32 in separated order.
 *
 * @throws ExpertStateError for weights that are not in L1 or shuffled already
 * @throws ParameterError for an unknown mode, and for sizes that were not padded to `align`
 * @throws ShapeRejectedError when the shuffle does not take the shape
 */
export function shuffleExperts(
  weights: ExpertWeights,
  mode: W13Shuffle,
  options: ShuffleExpertsOptions = {},
): ExpertWeights {
  const where = 'shuffleExperts';
  const { align = 256, scaleFill = 0x7f } = options;
  if (mode !== 'separated' && mode !== 'interleave')
    throw new ParameterError(where, 'mode', `is ${JSON.stringify(mode)}, expected "separated" or "interleave".`);
  const { state, inter, hidden, w2Shuffled } = expertFacts(where, weights);
  requireSeparated(where, state, w2Shuffled);
  for (const [name, size] of [
    ['I', inter],
    ['H', hidden],
  ] as const) {
    if (size % align === 0) continue;
    throw new ParameterError(
      where,
      'align',
      `is ${align}, but ${name} = ${size} is no multiple of it. Pad with padExperts before the shuffle: padding a shuffled ` +
        'tensor, or shuffling an unpadded one, puts every row at the wrong place without an error.',
    );
  }
  const { w13, w13_scale, w2, w2_scale } = weights;
  const target = { deinterleaved: 1, shuffle: mode } as const;
  return {
    ...weights,
    w13: storedIn(w13, w13Layout(target, w13.layout.shape)),
    w13_scale: shuffledScale(w13_scale, w13ScaleLayout(target, threeSizes(w13_scale)), scaleFill),
    w2: storedIn(w2, shuffleWeight(w2.layout.shape, { bits: 4 })),
    w2_scale: shuffledScale(w2_scale, shuffleScale(flatShape(w2_scale)), scaleFill),
  };
}

function requireSeparated(where: string, state: W13State, w2Shuffled: boolean): void {
  if (state.id === 'L0') {
    throw new ExpertStateError(
      where,
      { w13: state.id },
      'w13 is L0 (checkpoint rows g0, u0, g1, u1, …). Call deinterleaveExperts first; the shuffle takes separated rows.',
    );
  }
  if (state.id !== 'L1' || w2Shuffled) {
    const part = state.id === 'L1' ? 'w2 is shuffled' : `w13 is ${state.id} (${state.title})`;
    throw new ExpertStateError(
      where,
      { w13: state.id, w2: w2Shuffled ? 'shuffled' : 'plain' },
      `${part}. Shuffling it again gives garbage without an error; the shuffle takes L1, plain separated rows.`,
    );
  }
}

/** Scales `[E, R, G]`, rows and columns stored plain, in a layout over `[E * R, G]`. */
export function shuffledScale(scale: Tensor, layout: Layout, fill: number): Tensor {
  const from = rowMajor(flatShape(scale));
  const bytes = permute(scale.bytes, from, layout, elementBits(scale.type), { fill });
  return tensor(scale.name, scale.type, layout, bytes, scale.scaling);
}

export function flatShape(scale: Tensor): readonly [number, number] {
  const [experts, rows, groups] = threeSizes(scale);
  return [experts * rows, groups];
}

export function threeSizes(given: Tensor): readonly [number, number, number] {
  const [experts = 0, rows = 0, groups = 0] = given.layout.shape;
  return [experts, rows, groups];
}
