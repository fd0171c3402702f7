import { OperandError } from '../errors.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import type { W13Shuffle } from '../layout/w13-faults.ts';
import { type ExpertWeights, MX_BLOCK } from '../moe/expert-weights.ts';
import { expertFault, misprepareExperts, type WrongStates } from '../moe/faults.ts';
import { withPadsLeftOut } from '../moe/pad-effects.ts';
import { readAs, storedIn, toRowMajor } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Incident } from './incident.ts';

type Operands = Readonly<Record<string, Tensor>>;

const OP = 'fused_moe_mxfp4';

/** A stored order of w13 that a kernel of a gate mode does not expect. */
interface Misread {
  readonly id: string;
  readonly mode: W13Shuffle;
  readonly title: string;
  readonly symptom: string;
  readonly origin: string;
  readonly wrong: WrongStates;
}

const ALL_BUT_TWO = 'finite garbage; the first gate block and the last up block of an expert are right';
const GARBAGE = 'finite garbage for every number of tokens';
const FIRST_CAUSE = 'SGLang PR 26884: GSM8K 0.21 instead of 0.88';
const TWICE = 'vLLM issue 42595; ATOM with DeepSeek-V4: GSM8K 0.45 to 0.00';

const SEPARATED = { deinterleaved: 1, shuffle: 'separated' } as const;
const INTERLEAVE = { deinterleaved: 1, shuffle: 'interleave' } as const;
const L4 = { deinterleaved: 0, shuffle: 'separated' } as const;
const L5 = { deinterleaved: 0, shuffle: 'interleave' } as const;
const L6_SEPARATED = { deinterleaved: 2, shuffle: 'separated' } as const;
const L6_INTERLEAVE = { deinterleaved: 2, shuffle: 'interleave' } as const;

const MISREADS: readonly Misread[] = [
  {
    id: 'moe-l3-read-separated',
    mode: 'separated',
    title: 'w13 and its scales shuffled for INTERLEAVE go to a SEPARATED kernel',
    symptom: ALL_BUT_TWO,
    origin: `${FIRST_CAUSE}; AITER issue 3586`,
    wrong: { weight: INTERLEAVE, scale: INTERLEAVE },
  },
  {
    id: 'moe-l2-read-interleave',
    mode: 'interleave',
    title: 'w13 and its scales shuffled for SEPARATED go to an INTERLEAVE kernel',
    symptom: ALL_BUT_TWO,
    origin: 'vLLM issue 44893, the other way round',
    wrong: { weight: SEPARATED, scale: SEPARATED },
  },
  {
    id: 'moe-l4-read-separated',
    mode: 'separated',
    title: 'checkpoint rows are shuffled for a SEPARATED kernel without the de-interleave',
    symptom: GARBAGE,
    origin: FIRST_CAUSE,
    wrong: { weight: L4, scale: L4, bias: 0 },
  },
  {
    id: 'moe-l4-read-interleave',
    mode: 'interleave',
    title: 'checkpoint rows shuffled as if separated go to an INTERLEAVE kernel',
    symptom: GARBAGE,
    origin: FIRST_CAUSE,
    wrong: { weight: L4, scale: L4, bias: 0 },
  },
  {
    id: 'moe-l5-read-separated',
    mode: 'separated',
    title: 'checkpoint rows shuffled with gate and up side by side go to a SEPARATED kernel',
    symptom: GARBAGE,
    origin: 'SGLang before PR 26884 with raw checkpoint rows',
    wrong: { weight: L5, scale: L5, bias: 0 },
  },
  {
    id: 'moe-l5-read-interleave',
    mode: 'interleave',
    title: 'checkpoint rows are shuffled for an INTERLEAVE kernel without the de-interleave',
    symptom: GARBAGE,
    origin: 'shuffle_weight_a16w4 on raw checkpoint rows',
    wrong: { weight: L5, scale: L5, bias: 0 },
  },
  {
    id: 'moe-l6-read-separated',
    mode: 'separated',
    title: 'w13 is de-interleaved twice, then shuffled for a SEPARATED kernel',
    symptom: GARBAGE,
    origin: TWICE,
    wrong: { weight: L6_SEPARATED, scale: L6_SEPARATED, bias: 2 },
  },
  {
    id: 'moe-l6-read-interleave',
    mode: 'interleave',
    title: 'w13 is de-interleaved twice, then shuffled for an INTERLEAVE kernel',
    symptom: GARBAGE,
    origin: TWICE,
    wrong: { weight: L6_INTERLEAVE, scale: L6_INTERLEAVE, bias: 2 },
  },
  {
    id: 'moe-scale-not-deinterleaved',
    mode: 'separated',
    title: 'weight and bias are de-interleaved, the scales are not',
    symptom: 'right signs, each block off by a power of two; equal neighbouring exponents hide it',
    origin: 'the three tensors are converted by hand',
    wrong: { scale: L4 },
  },
  {
    id: 'moe-bias-not-deinterleaved',
    mode: 'separated',
    title: 'weight and scales are de-interleaved, the bias is not',
    symptom: 'a small error in every channel',
    origin: 'the three tensors are converted by hand',
    wrong: { bias: 0 },
  },
  {
    id: 'moe-shuffle-dropped-separated',
    mode: 'separated',
    title: 'a plain w13 goes to a SEPARATED kernel that reads shuffled ones',
    symptom: GARBAGE,
    origin: 'is_shuffled set on plain weights',
    wrong: { weight: { deinterleaved: 1, shuffle: 'none' } },
  },
  {
    id: 'moe-shuffle-dropped-interleave',
    mode: 'interleave',
    title: 'a plain w13 goes to an INTERLEAVE kernel that reads shuffled ones',
    symptom: GARBAGE,
    origin: 'CK-Tile has no variant for plain weights and reads them as shuffled',
    wrong: { weight: { deinterleaved: 1, shuffle: 'none' } },
  },
];

/** Mistakes with the weights of an MXFP4 mixture of experts. They keep types and shapes; nothing raises an error. */
export const MOE_INCIDENTS: readonly Incident[] = [
  ...MISREADS.map(
    ({ mode, wrong, ...incident }): Incident => ({
      ...incident,
      ops: [OP],
      misread: (operands) => readBack(operands, misprepareExperts(weightsOf(operands), mode, wrong).claimed),
    }),
  ),
  {
    id: 'moe-shuffled-twice',
    title: 'w13 is shuffled a second time when weights are loaded again',
    ops: [OP],
    symptom: GARBAGE,
    origin: 'weights updated in place; the flag of the old tensor survives or is lost',
    misread: (operands) =>
      readBack(operands, expertFault('shuffled-twice').apply(weightsOf(operands), 'separated').claimed),
  },
  {
    id: 'moe-shuffle-flag-lost',
    title: 'a shuffled w13 goes to a kernel for plain ones, because is_shuffled was lost',
    ops: [OP],
    symptom: GARBAGE,
    origin: `${FIRST_CAUSE}, second cause; SGLang issue 26216, vLLM issue 42061`,
    misread(operands) {
      const weights = weightsOf(operands);
      const { w13 } = misprepareExperts(weights, 'separated', {}).claimed;
      return readBack(operands, { ...weights, w13: { ...w13, layout: rowMajor(w13.layout.shape) } });
    },
  },
  {
    id: 'moe-nibbles-swapped',
    title: 'the two codes of each byte of w13 and w2 change places',
    ops: [OP],
    symptom: 'garbage, not a small error',
    origin: 'a reader with the other packing order',
    misread: (operands) =>
      readBack(operands, expertFault('nibbles-swapped').apply(weightsOf(operands), 'separated').claimed),
  },
  {
    id: 'moe-stale-pad',
    title: 'the intermediate pad of another TP size is declared, and real channels are left out',
    ops: [OP],
    symptom: 'plausible answers, accuracy drops: GSM8K 0.896 to 0.684',
    origin: 'vLLM issue 44679',
    misread: (operands) =>
      readBack(operands, withPadsLeftOut(weightsOf(operands), { intermediatePad: STALE_PAD, hiddenPad: 0 })),
  },
];

/** Declared where less is padding. CK-Tile leaves out this many channels of both matrices. */
const STALE_PAD = 128;

/** The operands of a case as separated, plain weights, however they are stored. */
function weightsOf(operands: Operands): ExpertWeights {
  const need = (name: string): Tensor => {
    const given = operands[name];
    if (given === undefined) throw new OperandError('incident', name, 'missing: this incident happens to it.');
    return given;
  };
  const [w1, w2] = [need('w1'), need('w2')];
  const scaleOf = (name: string, weight: Tensor): Tensor => {
    const [experts = 0, rows = 0, columns = 0] = weight.layout.shape;
    return plain(need(name), [experts, rows, columns / MX_BLOCK]);
  };
  const { w1_bias: w1Bias, w2_bias: w2Bias } = operands;
  return {
    w13: plain(w1, w1.layout.shape),
    w13_scale: scaleOf('w1_scale', w1),
    ...(w1Bias === undefined ? {} : { w13_bias: w1Bias }),
    w2: plain(w2, w2.layout.shape),
    w2_scale: scaleOf('w2_scale', w2),
    ...(w2Bias === undefined ? {} : { w2_bias: w2Bias }),
  };
}

/** Scales may count experts in their rows or in an axis of their own. */
function plain(given: Tensor, shape: readonly number[]): Tensor {
  return readAs(toRowMajor(given), rowMajor(shape));
}

/** What the kernel reads from the claimed weights, stored as the operands of the case are. */
function readBack(operands: Operands, claimed: ExpertWeights): Operands {
  const restored = (name: string, source: Tensor | undefined): Operands => {
    const given = operands[name];
    if (given === undefined || source === undefined) return {};
    const shape = given.layout.shape;
    const read = plain(source, shape);
    return { [name]: { ...storedIn(read, given.layout, fillOf(given.layout)), name: given.name } };
  };
  return {
    ...operands,
    ...restored('w1', claimed.w13),
    ...restored('w1_scale', claimed.w13_scale),
    ...restored('w1_bias', claimed.w13_bias),
    ...restored('w2', claimed.w2),
    ...restored('w2_scale', claimed.w2_scale),
  };
}

/** Scales of 1 in their padding; nothing else has any. */
function fillOf(layout: Layout): number {
  return layout.storageSize === layout.size ? 0 : 0x7f;
}
