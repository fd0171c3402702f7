import type { W13Shuffle } from '../../layout/w13-faults.ts';
import { shuffleWeight, shuffleWeightGuinterleave } from '../../layout/weights.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, MistakenCall, Variant } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';
import { BOTH_STAGES, FIRST_STAGE, SECOND_STAGE } from './moe-call.ts';
import { downOf, gateUpOf, type Matrix, matricesOf, misread, way, withMatrices, withMatrix } from './moe-parts.ts';
import {
  expectedModes,
  modeName,
  notShuffled,
  type ShuffledPart,
  shuffledLayout,
  shuffledOnceMore,
} from './moe-shuffles.ts';

type Mistake = (plain: Tensor, matrix: Matrix, mode: W13Shuffle, part: ShuffledPart) => Tensor;

const GARBAGE = 'finite garbage for every number of tokens';
const ALIKE =
  'a weight whose rows and columns are all alike; weights of 512 columns, where a shuffle undoes itself, do not tell one too few from one too many';
const FLAG = 'Set is_shuffled on the very tensors that are passed, after .view and after they are assigned.';
const SHUFFLE_ONCE = 'Shuffle each weight once, when the checkpoint is loaded, from the plain tensor.';

/** A mistake with the weight of a matrix alone, its scales being right. */
function weightMistaken(call: KernelCall, matrix: Matrix, mode: W13Shuffle, mistake: Mistake): MistakenCall {
  return withMatrix(call, matrix, { weight: (plain) => mistake(plain, matrix, mode, 'weight') });
}

/** w13 in each gate mode that its kernel can have, alone and, where the call has both weights, with w2. */
function gateUpWeight(mistake: Mistake, modes: (matrix: Matrix) => readonly W13Shuffle[]): Hypothesis['variants'] {
  return (call) => {
    const [matrix, down] = [gateUpOf(call), downOf(call)];
    if (matrix === undefined) return [];
    const several = modes(matrix).length > 1;
    return modes(matrix).flatMap((mode): readonly Variant[] => {
      const name = several ? [`for ${modeName(mode)}`] : [];
      const alone = way(name.join(', '), () => weightMistaken(call, matrix, mode, mistake));
      if (down === undefined) return [alone];
      const both = way([...name, 'w2 likewise'].join(', '), () =>
        weightMistaken(weightMistaken(call, matrix, mode, mistake), down, 'separated', mistake),
      );
      return [alone, both];
    });
  };
}

function downWeight(mistake: Mistake): Hypothesis['variants'] {
  return (call) => {
    const matrix = downOf(call);
    return matrix === undefined ? [] : [way('', () => weightMistaken(call, matrix, 'separated', mistake))];
  };
}

/** Weights and scales of all matrices that the call has. */
function everything(mistake: Mistake): Hypothesis['variants'] {
  return (call) => {
    const [first] = matricesOf(call);
    if (first === undefined) return [];
    const modes = expectedModes(first);
    return modes.map((mode) =>
      way(modes.length > 1 ? `for ${modeName(mode)}` : '', () =>
        withMatrices(call, (matrix) => ({
          weight: (plain) => mistake(plain, matrix, mode, 'weight'),
          scale: (plain) => mistake(plain, matrix, mode, 'scale'),
        })),
      ),
    );
  };
}

function droppedIn(mode: W13Shuffle): Hypothesis {
  return {
    ...fromIncident(`moe-shuffle-dropped-${mode}`, {
      family: 'weight layout',
      ops: FIRST_STAGE,
      remedy:
        mode === 'separated'
          ? 'Call shuffle_weight(w, (16, 16)) on w13 when it is loaded, and set is_shuffled only on what it returns.'
          : 'Call shuffle_weight_a16w4(w, 16, True) on w13 when it is loaded; CK-Tile has no variant for plain weights.',
      hiddenBy: ALIKE,
    }),
    variants: gateUpWeight(notShuffled, (matrix) => expectedModes(matrix).filter((expected) => expected === mode)),
  };
}

/** Tiles of 32 rows instead of 16. Other numbers of columns, e.g. (16, 32), give the bytes of (16, 16). */
function tallTile(plain: Tensor, matrix: Matrix, mode: W13Shuffle): Tensor {
  const { shape } = plain.layout;
  const tall =
    matrix.kind === 'w13' && mode === 'interleave'
      ? shuffleWeightGuinterleave(shape, { bits: 4, gateUp: true, nLane: TALL })
      : shuffleWeight(shape, { bits: 4, tile: [TALL, 16] });
  return misread(plain, tall, shuffledLayout(matrix, mode, 'weight'));
}

const TALL = 32;

/** The rows of w2 stored as if half of them were gate rows and half up rows. */
function asGateUp(plain: Tensor, matrix: Matrix, _: W13Shuffle, part: ShuffledPart): Tensor {
  const stored = shuffledLayout({ ...matrix, kind: 'w13' }, 'interleave', part);
  return misread(plain, stored, shuffledLayout(matrix, 'separated', part));
}

/** Mistakes with the stored order of expert weights that are shuffled, or are not. */
export const MOE_WEIGHT_LAYOUT_HYPOTHESES: readonly Hypothesis[] = [
  droppedIn('separated'),
  droppedIn('interleave'),
  {
    ...fromIncident('moe-shuffle-flag-lost', {
      family: 'weight layout',
      ops: FIRST_STAGE,
      remedy: `${FLAG} ${SHUFFLE_ONCE}`,
      hiddenBy: ALIKE,
    }),
    title: 'a shuffled w13 goes to a kernel for plain ones because is_shuffled was lost, or is shuffled a second time',
    origin:
      'SGLang PR 26884, second cause of GSM8K 0.21; SGLang issue 26216, vLLM issue 42061; weights that are updated in place are shuffled twice',
    variants: gateUpWeight(shuffledOnceMore, expectedModes),
  },
  {
    id: 'moe-w2-shuffle-dropped',
    title: 'a plain w2 goes to a kernel that reads shuffled ones',
    family: 'weight layout',
    ops: SECOND_STAGE,
    symptom: `${GARBAGE}; the intermediate h is right`,
    origin: 'derived: AITER fused_moe takes is_shuffled of w13 or of w2 for both',
    evidence: 'derived',
    remedy: 'Call shuffle_weight(w, (16, 16)) on w2 too; w2 has the same shuffle in both gate modes.',
    hiddenBy: ALIKE,
    variants: downWeight(notShuffled),
  },
  {
    id: 'moe-w2-shuffle-flag-lost',
    title: 'a shuffled w2 goes to a kernel for plain ones because is_shuffled was lost, or is shuffled a second time',
    family: 'weight layout',
    ops: SECOND_STAGE,
    symptom: `${GARBAGE}; the intermediate h is right`,
    origin: 'derived: ck_moe_stage2_fwd in AITER reads is_shuffled of w2 alone; vLLM issue 42061 re-tags both',
    evidence: 'derived',
    remedy: `${FLAG} ${SHUFFLE_ONCE}`,
    hiddenBy: ALIKE,
    variants: downWeight(shuffledOnceMore),
  },
  {
    id: 'moe-nothing-shuffled',
    // Scales of several experts share the padding of columns.
    acrossExperts: true,
    title: 'the loader shuffles nothing: weights and scales are plain, and the kernel reads shuffled ones',
    family: 'weight layout',
    ops: BOTH_STAGES,
    symptom: GARBAGE,
    origin:
      'derived: process_weights_after_loading of the AITER path is not called, e.g. where another quantisation method is chosen',
    evidence: 'derived',
    remedy:
      'Shuffle weights (shuffle_weight) and scales (shuffle_scale) of both matrices after loading: shuffleExperts does all four.',
    hiddenBy: ALIKE,
    variants: everything(notShuffled),
  },
  {
    id: 'moe-everything-shuffled-twice',
    // Scales of several experts share the padding of columns.
    acrossExperts: true,
    title: 'the loader shuffles all weights and scales a second time, or a kernel for plain ones gets shuffled ones',
    family: 'weight layout',
    ops: BOTH_STAGES,
    symptom: GARBAGE,
    origin:
      'derived: weights are updated in place and process_weights_after_loading runs again; no shuffle of AITER notices',
    evidence: 'derived',
    remedy: `${SHUFFLE_ONCE} Keep the plain tensors, or a flag, where weights are loaded again.`,
    hiddenBy: ALIKE,
    variants: everything(shuffledOnceMore),
  },
  {
    id: 'moe-tall-tile',
    title: 'weights are shuffled with tiles of 32 rows for a kernel that reads tiles of 16',
    family: 'weight layout',
    ops: BOTH_STAGES,
    symptom: 'finite garbage; in every 32 rows the first 32 columns of the first 16 are right',
    origin: 'AITER issue 671: layout (32, 16) for older assembler kernels, (16, 16) for CK, without a check',
    evidence: 'reported',
    remedy: 'Pass layout=(16, 16) to shuffle_weight.',
    hiddenBy: 'rows that are alike within 32; (16, 32) has the very bytes of (16, 16)',
    variants(call) {
      const matrices = matricesOf(call);
      const parts = matrices.length > 1 ? [matrices, ...matrices.map((matrix) => [matrix])] : [matrices];
      return parts.flatMap((chosen) =>
        expectedModes(chosen[0] as Matrix).map((mode, _, modes) => {
          const names = chosen.map(({ kind }) => kind).join(' and ');
          return way(modes.length > 1 ? `${names}, for ${modeName(mode)}` : names, () =>
            chosen.reduce<MistakenCall>((edited, matrix) => weightMistaken(edited, matrix, mode, tallTile), call),
          );
        }),
      );
    },
  },
  {
    id: 'moe-w2-gate-up-shuffle',
    title: 'w2 is shuffled as if it had gate and up rows',
    family: 'weight layout',
    ops: SECOND_STAGE,
    symptom: 'blocks of 16 output channels change places; h is right',
    origin:
      'derived: shuffle_weight_a16w4 and shuffle_scale_a16w4 in AITER take gate_up, True for w13 and False for w2',
    evidence: 'derived',
    remedy:
      'Pass gate_up=False for w2: shuffle_weight_a16w4(w2, 16, False), shuffle_scale_a16w4(w2_scale, experts, False).',
    hiddenBy: 'fewer than 64 output channels, and channels that are alike at distances of 16',
    variants(call) {
      const matrix = downOf(call);
      if (matrix === undefined || matrix.rows <= TALL) return [];
      const weight = (plain: Tensor): Tensor => asGateUp(plain, matrix, 'separated', 'weight');
      const scale = (plain: Tensor): Tensor => asGateUp(plain, matrix, 'separated', 'scale');
      return [
        way('weight and scales', () => withMatrix(call, matrix, { weight, scale })),
        way('the weight alone', () => withMatrix(call, matrix, { weight })),
        way('the scales alone', () => withMatrix(call, matrix, { scale })),
      ];
    },
  },
];
