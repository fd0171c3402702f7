import { gateUpInterleaved } from './gate-up.ts';
import type { Layout } from './layout.ts';
import { matches } from './matches.ts';
import { rowMajor } from './plain.ts';
import { shuffleScale, shuffleScaleGuinterleave } from './scales.ts';
import { gateUpSplitTwice, shuffledCheckpoint, type W13Shuffle, w13ScaleFault } from './w13-faults.ts';
import { shuffleWeight, shuffleWeightGuinterleave } from './weights.ts';

/**
 * The orders that the gate_up weights (w13) of an MXFP4 mixture of experts are met in:
 * - `L0` checkpoint: rows g0, u0, g1, u1, …; - `L1` separated: all gate rows, then all up rows;
 * - `L2` L1 shuffled for GateMode SEPARATED; - `L3` L1 shuffled for GateMode INTERLEAVE;
 * - `L4` L0 shuffled as L2 is, the de-interleave forgotten; - `L5` L0 shuffled as L3 is;
 * - `L6` de-interleaved twice, then shuffled or not.
 */
export type W13LayoutId = 'L0' | 'L1' | 'L2' | 'L3' | 'L4' | 'L5' | 'L6';

/** What was done to the checkpoint rows. */
export interface W13State {
  readonly id: W13LayoutId;
  readonly title: string;
  /** How often the de-interleave was applied; 1 is right. */
  readonly deinterleaved: 0 | 1 | 2;
  readonly shuffle: W13Shuffle | 'none';
}

/** Every state, right ones first where two coincide for small shapes. */
export const W13_STATES: readonly W13State[] = [
  { id: 'L1', title: 'separated rows, not shuffled', deinterleaved: 1, shuffle: 'none' },
  { id: 'L0', title: 'checkpoint rows g0, u0, g1, u1, …, not shuffled', deinterleaved: 0, shuffle: 'none' },
  { id: 'L2', title: 'separated, shuffled for GateMode SEPARATED', deinterleaved: 1, shuffle: 'separated' },
  { id: 'L3', title: 'separated, shuffled for GateMode INTERLEAVE', deinterleaved: 1, shuffle: 'interleave' },
  { id: 'L4', title: 'de-interleave forgotten, shuffled for SEPARATED', deinterleaved: 0, shuffle: 'separated' },
  { id: 'L5', title: 'de-interleave forgotten, shuffled for INTERLEAVE', deinterleaved: 0, shuffle: 'interleave' },
  { id: 'L6', title: 'de-interleaved twice, not shuffled', deinterleaved: 2, shuffle: 'none' },
  { id: 'L6', title: 'de-interleaved twice, shuffled for SEPARATED', deinterleaved: 2, shuffle: 'separated' },
  { id: 'L6', title: 'de-interleaved twice, shuffled for INTERLEAVE', deinterleaved: 2, shuffle: 'interleave' },
];

type Step = Pick<W13State, 'deinterleaved' | 'shuffle'>;

/**
 * The layout of w13 in a state.
 * @param shape `[E, 2 I, K]` in elements; without a shuffle also a bias `[E, 2 I]`
 * @param bits bits of an element. Default 4
 * @throws ShapeRejectedError when the rows or columns do not divide as the state needs
 */
export function w13Layout(state: Step, shape: readonly number[], bits = 4): Layout {
  const { deinterleaved, shuffle } = state;
  if (deinterleaved === 2) return gateUpSplitTwice(shape, { bits, shuffle });
  if (shuffle === 'none') return deinterleaved === 0 ? gateUpInterleaved(shape) : rowMajor(shape);
  if (deinterleaved === 0) return shuffledCheckpoint(shape, { bits, shuffle });
  return shuffle === 'separated'
    ? shuffleWeight(shape, { bits })
    : shuffleWeightGuinterleave(shape, { bits, gateUp: true });
}

/**
 * The layout of w13's e8m0 scales in a state. Shuffled scales have logical shape `[E * 2 I, G]`, as the source returns them;
 * others `[E, 2 I, G]`.
 * @param shape `[E, 2 I, G]`, G = K / 32
 * @throws ShapeRejectedError when the rows do not divide as the state needs
 */
export function w13ScaleLayout(state: Step, shape: readonly [number, number, number]): Layout {
  const { deinterleaved, shuffle } = state;
  const [experts, rows, groups] = shape;
  if (shuffle === 'none') return w13Layout(state, shape, 8);
  const flat = [experts * rows, groups];
  if (deinterleaved !== 1) {
    const fault = deinterleaved === 0 ? 'gate_up_interleaved' : 'gate_up_split_twice';
    return w13ScaleFault(flat, { experts, rows: fault, shuffle });
  }
  return shuffle === 'separated' ? shuffleScale(flat) : shuffleScaleGuinterleave(flat, { experts, gateUp: true });
}

/**
 * Every state that a w13 can be in, by its mapping, whatever the layout is called. More than one where the shape is so small
 * that two have the same bytes, e.g. L2 and L3 with one 16-row block a half.
 *
 * @param layout of a weight `[E, 2 I, K]` or a bias `[E, 2 I]`
 * @param bits bits of an element. Default 4
 */
export function w13StatesOf(layout: Layout, bits = 4): readonly W13State[] {
  const { shape } = layout;
  if (shape.length < 2 || shape.length > 3) return [];
  const candidates = shape.length === 3 ? W13_STATES : W13_STATES.filter(({ shuffle }) => shuffle === 'none');
  return candidates.filter((state) => matches(layout, () => w13Layout(state, shape, bits)));
}

/** The id of the first of `w13StatesOf`: `L0` … `L6`, undefined for any other layout. */
export function describeW13(layout: Layout, bits = 4): W13LayoutId | undefined {
  return w13StatesOf(layout, bits)[0]?.id;
}

/**
 * Every state that the scales of w13 can be in.
 * @param layout `[E, 2 I, G]` unshuffled, or `[E * 2 I, G]` shuffled
 * @param experts E
 */
export function w13ScaleStatesOf(layout: Layout, experts: number): readonly W13State[] {
  const { shape } = layout;
  if (shape.length === 3) {
    const plain = W13_STATES.filter(({ shuffle }) => shuffle === 'none');
    return plain.filter((state) => matches(layout, () => w13Layout(state, shape, 8)));
  }
  const [flat = 0, groups = 0] = shape;
  if (shape.length !== 2 || flat % experts !== 0) return [];
  const shuffled = W13_STATES.filter(({ shuffle }) => shuffle !== 'none');
  return shuffled.filter((state) => matches(layout, () => w13ScaleLayout(state, [experts, flat / experts, groups])));
}

/** The id of the first of `w13ScaleStatesOf`. */
export function describeW13Scale(layout: Layout, experts: number): W13LayoutId | undefined {
  return w13ScaleStatesOf(layout, experts)[0]?.id;
}
