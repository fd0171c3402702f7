import { elementBits } from '../../formats/element-type.ts';
import { shuffleWeight, shuffleWeightGuinterleave } from '../../layout/catalog.ts';
import type { Layout } from '../../layout/layout.ts';
import { columnMajor, rowMajor } from '../../layout/plain.ts';
import { tensor } from '../../tensor/make.ts';
import { readAs, storedIn, toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';
import { changing, DEEPGEMM, FP4, GEMMS, PLAIN, SHUFFLED_WEIGHT } from './gemm-calls.ts';
import { fromRows } from './gemm-moves.ts';

const ALL_ALIKE = 'a weight whose rows and columns are all alike';

/** A mistake that stores the weight in another layout than the kernel reads. */
function storedAs(layout: (w: Tensor, shape: readonly number[]) => Layout): Hypothesis['variants'] {
  return (call) => [{ detail: '', make: () => changing(call, 'w', (w) => rereadFrom(w, layout)) }];
}

/** Mistakes with the stored order of the weight of a multiplication. */
export const GEMM_WEIGHT_HYPOTHESES: readonly Hypothesis[] = [
  fromIncident('weight-shuffled-read-plain', {
    family: 'weight layout',
    ops: [PLAIN, DEEPGEMM],
    remedy: 'Keep is_shuffled on the tensor that is passed, or load the weight without shuffle_weight.',
    hiddenBy: ALL_ALIKE,
  }),
  {
    ...fromIncident('weight-plain-read-shuffled', {
      family: 'weight layout',
      ops: SHUFFLED_WEIGHT,
      remedy:
        'Call shuffle_weight(w, (16, 16)) when the weight is loaded, before the first call of a bpreshuffle kernel.',
      hiddenBy: ALL_ALIKE,
    }),
    variants: storedAs((_, shape) => rowMajor(shape)),
  },
  {
    ...fromIncident('weight-shuffled-twice', {
      family: 'weight layout',
      ops: SHUFFLED_WEIGHT,
      remedy:
        'Shuffle from the plain weight on every update, and keep on the layer, not on the tensor, that it was shuffled.',
      hiddenBy:
        'nothing; where two rounds bring the plain order back (64x256 bytes), it looks like a weight that was never shuffled',
    }),
    symptom: 'finite garbage for every number of tokens, from the first update of the weights on',
    variants: (call) => [
      {
        detail: '',
        make: () =>
          changing(call, 'w', (w) => {
            const shape = storedShape(w);
            const once = storedIn(wholeWeight(w), shuffled(w, shape));
            return withBytes(w, storedIn(readAs(once, rowMajor(shape)), shuffled(w, shape)));
          }),
      },
    ],
  },
  {
    ...fromIncident('weight-tile-32', {
      family: 'weight layout',
      ops: SHUFFLED_WEIGHT,
      remedy:
        'Shuffle with layout=(16, 16), which CK and the newer assembly kernels read; (16, 32) gives the same bytes, (32, 16) does not.',
      hiddenBy: 'a weight whose rows are alike within blocks of 32',
    }),
    variants: storedAs((w, shape) => shuffleWeight(shape, { bits: elementBits(w.type), tile: [32, 16] })),
  },
  {
    id: 'weight-shuffled-as-int4',
    title: 'the weight is shuffled with use_int4, in pieces of 32 bytes instead of 16',
    family: 'weight layout',
    ops: SHUFFLED_WEIGHT,
    symptom: 'finite garbage for every number of tokens; pieces of 16 bytes change places within 32 columns',
    origin: 'derived: shuffle_weight(use_int4=True) in AITER aiter/ops/shuffle.py',
    evidence: 'derived',
    remedy: 'Leave use_int4 of shuffle_weight at False: it is for int4 codes, whatever the width of the bytes.',
    hiddenBy: 'a weight whose rows are alike within blocks of 16',
    variants: (call) => [
      {
        detail: '',
        make: () =>
          changing(call, 'w', (w) => {
            // The source counts bytes here, of packed fp4 too.
            const plain = wholeWeight(w);
            const bytes = [storedShape(w)[0] ?? 0, plain.bytes.length / (storedShape(w)[0] ?? 1)];
            const view = tensor(w.name, 'u8', rowMajor(bytes), plain.bytes);
            return withBytes(w, storedIn(view, shuffleWeight(bytes, { bits: 8, int4: true })));
          }),
      },
    ],
  },
  {
    id: 'weight-shuffled-before-packing',
    title: 'the fp4 weight is shuffled one code a byte and packed afterwards',
    family: 'weight layout',
    ops: [FP4],
    symptom: 'finite garbage for every number of tokens; pieces of 8 bytes lie where pieces of 16 are read',
    origin: 'derived: shuffle_weight in AITER aiter/ops/shuffle.py counts elements of the type it is given',
    evidence: 'derived',
    remedy: 'Pack two codes a byte first, then call shuffle_weight on the packed bytes.',
    hiddenBy: ALL_ALIKE,
    variants: storedAs((_, shape) => shuffleWeight(shape, { bits: 8 })),
  },
  {
    id: 'weight-guinterleaved',
    title: 'a gate_up weight is shuffled with is_guinterleave for a kernel that reads gate and up separated',
    family: 'weight layout',
    ops: SHUFFLED_WEIGHT,
    symptom: 'blocks of 16 output columns change places; the first and the last are right',
    origin: 'ATOM #632: a16w4 shuffle for an a4w4 kernel; SGLang PR 26884',
    evidence: 'reported',
    remedy: 'Call shuffle_weight without is_guinterleave (shuffle_weight_a16w4 sets it), and shuffle_scale likewise.',
    hiddenBy: 'a weight whose blocks of 16 rows are alike',
    variants: (call) => [
      {
        detail: '',
        make: () =>
          changing(call, 'w', (w) => {
            const shape = [1, ...storedShape(w)];
            const { type, bytes, name } = wholeWeight(w);
            const expert = tensor(name, type, rowMajor(shape), bytes);
            const layout = shuffleWeightGuinterleave(shape, { bits: elementBits(type), gateUp: true });
            return withBytes(w, storedIn(expert, layout));
          }),
      },
    ],
  },
  {
    id: 'weight-k-major',
    title: 'a weight stored [K, N] is taken for [N, K]',
    family: 'weight layout',
    ops: GEMMS,
    symptom: 'finite garbage for every number of tokens',
    origin: 'derived: SGLang apply_fp8_linear stores its weight as (K, N) and hands weight.T to the same kernels',
    evidence: 'derived',
    remedy: 'Pass weight.T.contiguous(): kernels go by the pointer and the shape, not by strides.',
    hiddenBy: 'a symmetric weight',
    variants: (call) => [
      {
        detail: '',
        make: () =>
          changing(call, 'w', (w) => {
            const { shape } = w.layout;
            return fromRows(w, storedIn(w, columnMajor(shape)).bytes);
          }),
      },
    ],
  },
  {
    id: 'nibbles-swapped',
    title: 'the even element of a pair of fp4 codes is packed in the high nibble',
    family: 'number format',
    ops: [FP4],
    symptom: 'finite garbage: neighbouring columns of K change places',
    origin: 'derived: AITER, torch and GPT-OSS checkpoints pack the even element low; some packers start high',
    evidence: 'derived',
    remedy: 'Pack low | high << 4 with the even element low, or swap the nibbles of every byte once when loading.',
    hiddenBy: 'both operands swapped alike: products are added in any order',
    variants: (call) =>
      (['x', 'w'] as const).map((name) => ({
        detail: `of ${name}`,
        make: () =>
          changing(call, name, (codes) => ({
            ...codes,
            bytes: codes.bytes.map((byte) => (byte >> 4) | ((byte & 15) << 4)),
          })),
      })),
  },
];

/** Rows and columns in storage: a weight of gemm_a8w8_bpreshuffle may be padded before the shuffle. */
function storedShape({ layout }: Tensor): readonly number[] {
  return layout.dims.map(({ padded }) => padded);
}

function shuffled({ type }: Tensor, shape: readonly number[]): Layout {
  return shuffleWeight(shape, { bits: elementBits(type) });
}

/** The weight, padding and all, in row-major order. */
function wholeWeight(w: Tensor): Tensor {
  const shape = storedShape(w);
  const { name, type, layout, bytes } = w;
  return toRowMajor(tensor(name, type, layout.id === 'row-major' ? rowMajor(shape) : shuffled(w, shape), bytes));
}

/** The weight as its kernel reads it when it was stored in another layout. */
function rereadFrom(w: Tensor, stored: (w: Tensor, shape: readonly number[]) => Layout): Tensor {
  return withBytes(w, storedIn(wholeWeight(w), stored(w, storedShape(w))));
}

function withBytes({ name, type, layout, scaling }: Tensor, { bytes }: Tensor): Tensor {
  return tensor(name, type, layout, bytes, scaling);
}
