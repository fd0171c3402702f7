import { w13Layout } from '../../layout/w13.ts';
import type { W13Shuffle } from '../../layout/w13-faults.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';
import { FIRST_STAGE } from './moe-call.ts';
import {
  gateUpOf,
  type Matrix,
  type MatrixEdit,
  misread,
  moveRows,
  type PlainEdit,
  way,
  withMatrix,
} from './moe-parts.ts';
import { mistakenModes, modeName, otherMode, SMALL_HALF, wrongMode } from './moe-shuffles.ts';

/** How often the rows of w13 were de-interleaved before the shuffle; 1 is right. */
type Deinterleaved = 0 | 1 | 2;

/** Rows in checkpoint order (0) or de-interleaved twice (2), read as if all gate rows came before all up rows. */
function rowsMistaken(deinterleaved: Deinterleaved): PlainEdit {
  return (plain) => {
    const { shape } = plain.layout;
    return misread(plain, w13Layout({ deinterleaved, shuffle: 'none' }, shape, 8), w13Layout(SEPARATED, shape, 8));
  };
}

const SEPARATED = { deinterleaved: 1, shuffle: 'none' } as const;

/** Up rows before gate rows. */
function swapHalves(plain: Tensor): Tensor {
  const half = (plain.layout.shape[1] ?? 0) / 2;
  return moveRows(plain, [
    { from: 0, to: half, count: half },
    { from: half, to: 0, count: half },
  ]);
}

/** Weight and scales in one wrong order. */
interface WrongOrder {
  /** Of the incident. */
  readonly id: string;
  readonly deinterleaved: Deinterleaved;
  readonly stored: W13Shuffle;
  /** The gate mode of the kernel. */
  readonly read: W13Shuffle;
  readonly remedy: string;
  readonly hiddenBy: string;
}

const DEINTERLEAVE_ONCE =
  'De-interleave w13, w13_scale and w13_bias once when the checkpoint is loaded (deinterleaveExperts), then shuffle.';
const NOT_AGAIN =
  'Leave the de-interleave out: only OpenAI and Hugging Face GPT-OSS checkpoints are interleaved, and loaders such as Quark have separated them already.';
const SAME_MODE = 'gate rows that equal up rows; halves of 32 rows, where both gate modes mistake each other alike';
const SAME_ROWS = 'neighbouring rows that are alike';

const WRONG_ORDERS: readonly WrongOrder[] = [
  {
    id: 'moe-l3-read-separated',
    deinterleaved: 1,
    stored: 'interleave',
    read: 'separated',
    remedy:
      'Shuffle w13 with shuffle_weight(w, (16, 16)) and its scales with shuffle_scale, or pass gate_mode INTERLEAVE to fused_moe.',
    hiddenBy: SAME_MODE,
  },
  {
    id: 'moe-l2-read-interleave',
    deinterleaved: 1,
    stored: 'separated',
    read: 'interleave',
    remedy:
      'Shuffle w13 with shuffle_weight_a16w4(w, 16, True) and its scales with shuffle_scale_a16w4, or pass gate_mode SEPARATED to fused_moe.',
    hiddenBy: SAME_MODE,
  },
  {
    id: 'moe-l4-read-separated',
    deinterleaved: 0,
    stored: 'separated',
    read: 'separated',
    remedy: DEINTERLEAVE_ONCE,
    hiddenBy: SAME_ROWS,
  },
  {
    id: 'moe-l5-read-interleave',
    deinterleaved: 0,
    stored: 'interleave',
    read: 'interleave',
    remedy: DEINTERLEAVE_ONCE,
    hiddenBy: SAME_ROWS,
  },
  {
    id: 'moe-l5-read-separated',
    deinterleaved: 0,
    stored: 'interleave',
    read: 'separated',
    remedy: `${DEINTERLEAVE_ONCE} Shuffle with shuffle_weight(w, (16, 16)), without is_guinterleave.`,
    hiddenBy: SAME_MODE,
  },
  {
    id: 'moe-l4-read-interleave',
    deinterleaved: 0,
    stored: 'separated',
    read: 'interleave',
    remedy: `${DEINTERLEAVE_ONCE} Shuffle with shuffle_weight_a16w4(w, 16, True).`,
    hiddenBy: SAME_MODE,
  },
  {
    id: 'moe-l6-read-separated',
    deinterleaved: 2,
    stored: 'separated',
    read: 'separated',
    remedy: NOT_AGAIN,
    hiddenBy: SAME_ROWS,
  },
  {
    id: 'moe-l6-read-interleave',
    deinterleaved: 2,
    stored: 'interleave',
    read: 'interleave',
    remedy: NOT_AGAIN,
    hiddenBy: SAME_ROWS,
  },
];

/**
 * Whether a wrong order can be what happened to weights of a family. Shuffled weights say which kernel they are for; besides what can
 * be wrong with them there, they can meet the kernel of the other gate mode. Plain weights can be on their way to either kernel; of
 * two orders that give the same, the separated one is named.
 */
function canHappen({ deinterleaved, stored, read }: WrongOrder, { family, rows }: Matrix): boolean {
  const mirrored = rows / 2 <= SMALL_HALF && stored !== read;
  if (family === 'shuffled-separated' || family === 'shuffled-guinterleave') {
    const own = family === 'shuffled-separated' ? 'separated' : 'interleave';
    return read === own || (stored === own && deinterleaved === 1 && !mirrored);
  }
  return read === 'separated' || (stored !== read && !mirrored);
}

function wrongOrder(order: WrongOrder): Hypothesis {
  const { id, deinterleaved, stored, read, remedy, hiddenBy } = order;
  return {
    ...fromIncident(id, { family: 'gate and up', remedy, hiddenBy, ops: FIRST_STAGE }),
    variants: onGateUp((call, matrix) => {
      if (!canHappen(order, matrix)) return [];
      const rows = rowsMistaken(deinterleaved);
      const edit: MatrixEdit = {
        weight: (plain) => wrongMode(rows(plain), matrix, stored, read, 'weight'),
        scale: (plain) => wrongMode(rows(plain), matrix, stored, read, 'scale'),
      };
      if (deinterleaved === 1) return [way('', () => withMatrix(call, matrix, edit))];
      const all = way('', () => withMatrix(call, matrix, { ...edit, bias: rows }));
      if (matrix.bias === undefined) return [all];
      return [all, way('the bias is in order', () => withMatrix(call, matrix, edit))];
    }),
  };
}

function onGateUp(variants: (call: KernelCall, matrix: Matrix) => readonly Variant[]): Hypothesis['variants'] {
  return (call) => {
    const matrix = gateUpOf(call);
    return matrix === undefined ? [] : variants(call, matrix);
  };
}

type Part = 'weight' | 'scale' | 'bias';

/** One variant: an edit of one part alone. */
function partAlone(part: Part, edit: PlainEdit): Hypothesis['variants'] {
  return onGateUp((call, matrix) =>
    matrix[part] === undefined ? [] : [way('', () => withMatrix(call, matrix, { [part]: edit }))],
  );
}

const NAMES: Readonly<Record<Part, string>> = { weight: 'the weight', scale: 'the scales', bias: 'the bias' };

const SYMPTOMS: Readonly<Record<Part, string>> = {
  weight: 'finite garbage for every number of tokens',
  scale: 'right signs, each block off by a power of two; equal neighbouring exponents hide it',
  bias: 'a small error in every channel',
};

const HIDDEN: Readonly<Record<Part, string>> = {
  weight: 'neighbouring rows that are alike',
  scale: 'rows with equal exponents',
  bias: 'a bias of zero, or one number for all rows',
};

function othersThan(part: Part): string {
  const others = (['weight', 'scale', 'bias'] as const).filter((other) => other !== part);
  return others.map((other) => NAMES[other]).join(' and ');
}

/** A mistake with one part of w13 that the two others did not make. */
function alone(part: Part, what: 'not-deinterleaved' | 'deinterleaved-twice' | 'gate-up-swapped'): Hypothesis {
  const does = {
    'not-deinterleaved': 'not de-interleaved',
    'deinterleaved-twice': 'de-interleaved twice',
    'gate-up-swapped': 'stored with up rows before gate rows',
  }[what];
  const edit = {
    'not-deinterleaved': rowsMistaken(0),
    'deinterleaved-twice': rowsMistaken(2),
    'gate-up-swapped': swapHalves,
  };
  return {
    id: `moe-${part}-${what}`,
    title: `${NAMES[part]} of w13 ${part === 'scale' ? 'are' : 'is'} ${does}, ${othersThan(part)} are right`,
    family: part === 'bias' ? 'bias' : 'gate and up',
    ops: FIRST_STAGE,
    symptom: SYMPTOMS[part],
    origin: 'derived: SGLang PR 26884 de-interleaves weight, scales and bias in a statement each',
    evidence: 'derived',
    remedy:
      what === 'gate-up-swapped'
        ? `Store gate rows before up rows in ${NAMES[part]} too.`
        : `Move weight, scales and bias of w13 in one step, once: deinterleaveExperts refuses parts in different states.`,
    hiddenBy: HIDDEN[part],
    variants: partAlone(part, edit[what]),
  };
}

/** An incident about one part of w13. */
function incidentAlone(id: string, part: Part, edit: PlainEdit): Hypothesis {
  const { family, remedy, hiddenBy } = alone(part, 'not-deinterleaved');
  return {
    ...fromIncident(id, { family, remedy, hiddenBy, evidence: 'derived', ops: FIRST_STAGE }),
    variants: partAlone(part, edit),
  };
}

/** Mistakes with the order of gate and up rows of w13. */
export const MOE_GATE_UP_HYPOTHESES: readonly Hypothesis[] = [
  ...WRONG_ORDERS.map(wrongOrder),
  alone('weight', 'not-deinterleaved'),
  incidentAlone('moe-scale-not-deinterleaved', 'scale', rowsMistaken(0)),
  incidentAlone('moe-bias-not-deinterleaved', 'bias', rowsMistaken(0)),
  alone('weight', 'deinterleaved-twice'),
  alone('scale', 'deinterleaved-twice'),
  alone('bias', 'deinterleaved-twice'),
  {
    id: 'moe-gate-up-swapped',
    title: 'up rows are stored before gate rows',
    family: 'gate and up',
    ops: FIRST_STAGE,
    symptom: 'outputs of a plausible size, but the activation is applied to the wrong half; for every number of tokens',
    origin:
      'derived: swap_w13_to_w31 in vLLM, because FlashInfer kernels take up rows first and AITER takes gate rows first',
    evidence: 'derived',
    remedy:
      'Load gate_proj (w1) into the first half of w13 and up_proj (w3) into the second; leave swap_w13_to_w31 out for AITER.',
    hiddenBy: 'nothing that has different gate and up rows',
    variants: onGateUp((call, matrix) => {
      const parts = { weight: swapHalves, scale: swapHalves };
      const all = way('', () => withMatrix(call, matrix, { ...parts, bias: swapHalves }));
      if (matrix.bias === undefined) return [all];
      return [all, way('the bias is in order', () => withMatrix(call, matrix, parts))];
    }),
  },
  alone('weight', 'gate-up-swapped'),
  alone('scale', 'gate-up-swapped'),
  alone('bias', 'gate-up-swapped'),
  {
    id: 'moe-weight-other-gate-mode',
    title: 'w13 is shuffled for one gate mode and its scales for the other, which is that of the kernel',
    family: 'gate and up',
    ops: FIRST_STAGE,
    symptom: 'finite garbage; the first gate block and the last up block of an expert are right',
    origin: 'derived: shuffle_weight and shuffle_scale in AITER take is_guinterleave and gate_up each for itself',
    evidence: 'derived',
    remedy: 'Pass the same is_guinterleave and gate_up to shuffle_weight and shuffle_scale.',
    hiddenBy: SAME_MODE,
    variants: onGateUp((call, matrix) =>
      mistakenModes(matrix).map((read) =>
        way(`read as ${modeName(read)}`, () =>
          withMatrix(call, matrix, { weight: (plain) => wrongMode(plain, matrix, otherMode(read), read, 'weight') }),
        ),
      ),
    ),
  },
];
