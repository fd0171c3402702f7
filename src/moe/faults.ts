import { ParameterError } from '../errors.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import { type W13State, w13Layout, w13ScaleLayout } from '../layout/w13.ts';
import type { W13Shuffle } from '../layout/w13-faults.ts';
import { tensor } from '../tensor/make.ts';
import { storedIn } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ExpertStateError } from './errors.ts';
import { type ExpertWeights, expertFacts, type GateUpParts } from './expert-weights.ts';
import { deinterleaveExperts } from './gate-up.ts';
import { shuffledScale, shuffleExperts, threeSizes } from './shuffle.ts';

/** Weights that went wrong, seen twice over the same bytes. */
export interface FaultyExperts {
  /** What the kernel takes them for: L2 or L3 with shuffled scales, separated bias. Runs without an error. */
  readonly claimed: ExpertWeights;
  /** What they are. Parts whose order no layout describes (a shuffle applied twice) are missing. */
  readonly honest: Partial<ExpertWeights>;
}

/** A mistake in preparing w13 (and, for the packing order, w2), by name. */
export interface ExpertFault {
  readonly id: string;
  readonly title: string;
  /** State of w13's bytes after it, for a kernel of either kind; undefined where they are in none. */
  readonly becomes: Readonly<Record<W13Shuffle, W13State['id'] | undefined>>;
  readonly origin: string;
  /**
   * Prepares weights with the mistake for a kernel that expects `mode`.
   * @param weights checkpoint order (L0) or separated (L1), padded to what the shuffles take
   * @throws ExpertStateError for shuffled weights
   * @throws ShapeRejectedError when the wrong order does not take the shape
   */
  apply(weights: ExpertWeights, mode: W13Shuffle): FaultyExperts;
}

const both = <T>(value: T): Readonly<Record<W13Shuffle, T>> => ({ separated: value, interleave: value });

type Step = Pick<W13State, 'deinterleaved' | 'shuffle'>;

/** What differs from the right preparation: the state that a part is put in. */
export interface WrongStates {
  readonly weight?: Step;
  readonly scale?: Step;
  /** How often the bias is de-interleaved. */
  readonly bias?: Step['deinterleaved'];
}

export const EXPERT_FAULTS: readonly ExpertFault[] = [
  {
    id: 'deinterleave-forgotten',
    title: 'checkpoint rows are shuffled without the de-interleave; scales and bias alike',
    becomes: { separated: 'L4', interleave: 'L5' },
    origin: 'SGLang PR 26884: one of the two causes of GSM8K 0.21',
    apply: states((shuffle) => ({
      weight: { deinterleaved: 0, shuffle },
      scale: { deinterleaved: 0, shuffle },
      bias: 0,
    })),
  },
  {
    id: 'deinterleaved-twice',
    title: 'rows that were separated already are de-interleaved; scales and bias alike',
    becomes: both('L6'),
    origin: 'vLLM issue 42595, bug 2; ATOM with DeepSeek-V4: GSM8K 0.45 to 0.00',
    apply: states((shuffle) => ({
      weight: { deinterleaved: 2, shuffle },
      scale: { deinterleaved: 2, shuffle },
      bias: 2,
    })),
  },
  {
    id: 'scale-not-deinterleaved',
    title: 'weight and bias are de-interleaved, the scales are not',
    becomes: { separated: 'L2', interleave: 'L3' },
    origin: 'three tensors that move together are converted by hand',
    apply: states((shuffle) => ({ scale: { deinterleaved: 0, shuffle } })),
  },
  {
    id: 'bias-not-deinterleaved',
    title: 'weight and scales are de-interleaved, the bias is not',
    becomes: { separated: 'L2', interleave: 'L3' },
    origin: 'three tensors that move together are converted by hand',
    apply: states(() => ({ bias: 0 })),
  },
  {
    id: 'other-gate-mode',
    title: 'weight and scales are shuffled for the other gate mode',
    becomes: { separated: 'L3', interleave: 'L2' },
    origin: 'SGLang PR 26884 (L3 with SEPARATED), AITER issue 3586, vLLM issue 44893',
    apply: states((shuffle) => {
      const other = { deinterleaved: 1, shuffle: shuffle === 'separated' ? 'interleave' : 'separated' } as const;
      return { weight: other, scale: other };
    }),
  },
  {
    id: 'shuffle-dropped',
    title: 'the weight is not shuffled, the scales are',
    becomes: both('L1'),
    origin: 'is_shuffled set on plain weights, or CK-Tile reached with plain ones',
    apply: states(() => ({ weight: { deinterleaved: 1, shuffle: 'none' } })),
  },
  {
    id: 'shuffled-twice',
    title: 'a shuffled weight is shuffled again',
    becomes: both(undefined),
    origin: 'weights updated in place: the flag of the old tensor survives or is lost',
    apply(weights, mode) {
      const right = prepared(weights, mode);
      const again = storedIn({ ...right.w13, layout: rowMajor(right.w13.layout.shape) }, right.w13.layout);
      const { w13: _, ...honest } = right;
      return { claimed: { ...right, w13: again }, honest };
    },
  },
  {
    id: 'nibbles-swapped',
    title: 'the odd element of each byte of w13 and w2 is taken from the low nibble',
    becomes: both(undefined),
    origin: 'a reader with the other packing order',
    apply(weights, mode) {
      const right = prepared(weights, mode);
      const swapped = (weight: Tensor): Tensor => ({
        ...weight,
        bytes: weight.bytes.map((pair) => ((pair & 15) << 4) | (pair >> 4)),
      });
      const { w13: _, w2: __, ...honest } = right;
      return { claimed: { ...right, w13: swapped(right.w13), w2: swapped(right.w2) }, honest };
    },
  },
];

/**
 * A fault by its id.
 * @throws ParameterError naming the known ones
 */
export function expertFault(id: string): ExpertFault {
  const found = EXPERT_FAULTS.find((fault) => fault.id === id);
  if (found !== undefined) return found;
  const known = EXPERT_FAULTS.map((fault) => fault.id).join(', ');
  throw new ParameterError('expertFault', 'id', `is ${JSON.stringify(id)}, expected one of ${known}.`);
}

function states(wrong: (mode: W13Shuffle) => WrongStates): ExpertFault['apply'] {
  return (weights, mode) => misprepareExperts(weights, mode, wrong(mode));
}

/**
 * Prepares weights for a kernel that expects `mode`, with parts of w13 in states of your choice: every cell of a table of stored
 * layouts by gate modes.
 *
 * @param weights checkpoint order (L0) or separated (L1), padded to what the shuffles take
 * @throws ExpertStateError for shuffled weights
 * @throws ShapeRejectedError when a state does not take the shape
 */
export function misprepareExperts(weights: ExpertWeights, mode: W13Shuffle, wrong: WrongStates): FaultyExperts {
  const plain = separated(weights);
  const right = prepared(weights, mode);
  const step = { deinterleaved: 1, shuffle: mode } as const;
  const { weight = step, scale = step, bias = 1 } = wrong;
  const honest: ExpertWeights = { ...right, ...inStates(plain, weight, scale, bias) };
  return { honest, claimed: relabelled(honest, right) };
}

/** Puts separated parts into states of their own. */
function inStates(plain: GateUpParts, weight: Step, scale: Step, bias: Step['deinterleaved']): GateUpParts {
  const { w13, w13_scale, w13_bias } = plain;
  const target = w13ScaleLayout(scale, threeSizes(w13_scale));
  const biasOf = (given: Tensor): Tensor =>
    storedIn(given, w13Layout({ deinterleaved: bias, shuffle: 'none' }, given.layout.shape));
  return {
    w13: storedIn(w13, w13Layout(weight, w13.layout.shape)),
    w13_scale: scale.shuffle === 'none' ? storedIn(w13_scale, target) : shuffledScale(w13_scale, target, 0x7f),
    ...(w13_bias === undefined ? {} : { w13_bias: biasOf(w13_bias) }),
  };
}

/** The bytes of one under the layouts of the other. Scales may have other padding: what is missing is filled, what is over is cut. */
function relabelled(honest: ExpertWeights, right: ExpertWeights): ExpertWeights {
  const as = (source: Tensor, claim: Layout): Tensor => {
    const wanted =
      claim.storageSize === source.layout.storageSize ? source.bytes : resized(source.bytes, source, claim);
    return tensor(source.name, source.type, claim, wanted, source.scaling);
  };
  const bias = honest.w13_bias;
  return {
    ...honest,
    w13: as(honest.w13, right.w13.layout),
    w13_scale: as(honest.w13_scale, right.w13_scale.layout),
    ...(bias === undefined || right.w13_bias === undefined ? {} : { w13_bias: as(bias, right.w13_bias.layout) }),
  };
}

function resized(bytes: Uint8Array, source: Tensor, claim: Layout): Uint8Array {
  const out = new Uint8Array((bytes.byteLength / source.layout.storageSize) * claim.storageSize).fill(0x7f);
  out.set(bytes.subarray(0, out.byteLength));
  return out;
}

function separated(weights: ExpertWeights): ExpertWeights {
  const { state, w2Shuffled } = expertFacts('expertFault', weights);
  if ((state.id !== 'L0' && state.id !== 'L1') || w2Shuffled)
    throw new ExpertStateError(
      'expertFault',
      { w13: state.id, w2: w2Shuffled ? 'shuffled' : 'plain' },
      `w13 is ${state.id}, w2 is ${w2Shuffled ? 'shuffled' : 'plain'}; faults start from L0 or L1 and a plain w2.`,
    );
  return state.id === 'L0' ? deinterleaveExperts(weights) : weights;
}

/** The right preparation, without the demand for multiples of 256. */
function prepared(weights: ExpertWeights, mode: W13Shuffle): ExpertWeights {
  return shuffleExperts(separated(weights), mode, { align: 1 });
}
