import { scaleColumnMajor, scaleTmaAligned } from '../../layout/activation-scale.ts';
import type { Layout } from '../../layout/layout.ts';
import { rowMajor } from '../../layout/plain.ts';
import { shuffleScale } from '../../layout/scales.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { OpName } from '../../ops/registry.ts';
import { storageBytes } from '../../tensor/make.ts';
import { readAs, storedIn } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Hypothesis, singleVariant, type Variant } from '../hypothesis.ts';
import { QUANTISERS, specsOf } from './quantised-call.ts';
import { groupsOf, withScales, withStoredScale } from './stored-scale.ts';

const ALL: readonly OpName[] = [...QUANTISERS, 'requant_weight_ue8m0'];
/** Ops with more than one scale a row. */
const GROUPED: readonly OpName[] = ALL.filter((op) => op !== 'per_token_quant' && op !== 'per_tensor_quant');

/** Mistakes with the scales that a quantiser stores; its codes are right. */
export const QUANT_SCALE_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'quant-scale-order',
    title: 'the scales are stored in another order than the one that was asked for',
    family: 'scale layout',
    ops: GROUPED,
    symptom: 'right with one token; with more, the codes are right and the scales are the same numbers in other places',
    origin:
      'SGLang PR 23319, PR 31490, PR 31727: transpose_scale means rows for one producer, columns for another; AITER PR 1291 and 3041',
    evidence: 'reported',
    remedy:
      'Ask the producer for the order that the consumer reads (transpose_scale, is_x_scale_strided), or relabel the bytes with as_strided; ' +
      'never call .contiguous() to repair it.',
    hiddenBy: 'one token, one group in a row, or scales that are all alike',
    variants: (call) => {
      const scale = scaleSpecOf(call);
      if (scale === undefined) return [];
      return Object.entries(orders(scale.layout.shape)).flatMap(([detail, bind]): Variant[] => [
        { detail, make: () => withStoredScale(call, (given) => relabelled(given, bind())) },
      ]);
    },
  },
  {
    id: 'quant-scale-transposed-twice',
    title: 'the transposed scales are transposed again',
    family: 'scale layout',
    ops: ['per_1x128_quant', 'add_rmsnorm_quant', 'fused_rms_fp8_group_quant', 'fused_flatten_fp8_group_quant'],
    symptom: 'right with one token or as many tokens as groups; mean and maximum of the scales are unchanged',
    origin: 'SGLang PR 24476 (first revision): the transposition was taken for its own inverse',
    evidence: 'reported',
    remedy:
      'Transpose once: drop the .transpose(-1, -2).contiguous().view(...) after a producer with transpose_scale=True.',
    hiddenBy: 'one token, one group, or as many tokens as groups',
    variants: singleVariant((call) => {
      const layout = scaleSpecOf(call)?.layout;
      if (layout === undefined || layout.shape.length !== 2) return undefined;
      const columns = scaleColumnMajor(layout.shape);
      if (!layout.equals(columns)) return undefined;
      return withStoredScale(call, (scale) =>
        readAs(storedIn(readAs(scale, rowMajor(layout.shape)), columns), scale.layout),
      );
    }),
  },
  {
    id: 'quant-scale-reciprocal',
    title: 'the scale that multiplies is stored instead of the one that divides',
    family: 'quantisation',
    ops: ALL,
    symptom: 'codes are right, every scale is one over what it should be: dequantised values off by the square of it',
    origin: 'derived: input_to_float8 in SGLang computes fp8_max / amax and must return its inverse',
    evidence: 'derived',
    remedy: 'Store amax / fp8_max: return 1 / scale where the code multiplies by fp8_max / amax.',
    hiddenBy: 'scales of 1',
    variants: singleVariant((call) => withScales(call, (scales) => scales.map((scale) => 1 / scale))),
  },
  {
    id: 'quant-scale-off-by-two',
    title: 'the stored scale is twice or half the one that made the codes',
    family: 'number format',
    ops: ALL,
    symptom: 'codes are right, and dequantised values are off by exactly 2',
    origin:
      'derived: normalize_e4m3fn_to_e4m3fnuz in SGLang doubles scales, and an exponent bias of 126 or 128 instead of 127 does the same to e8m0',
    evidence: 'derived',
    remedy: 'Double scales only where e4m3fn codes are read as e4m3fnuz, once; write e8m0 with a bias of 127.',
    hiddenBy: 'nothing',
    variants: (call) => [
      { detail: 'twice', make: () => withScales(call, (scales) => scales.map((scale) => scale * 2)) },
      { detail: 'half', make: () => withScales(call, (scales) => scales.map((scale) => scale / 2)) },
    ],
  },
  {
    id: 'quant-scale-neighbour',
    title: 'each scale is stored in the place of a neighbour',
    family: 'quantisation',
    ops: ALL.filter((op) => op !== 'per_tensor_quant'),
    symptom: 'codes are right; scales are those of the group or row before or after',
    origin: 'derived: the store index of dynamic_per_group_scaled_quant in AITER, off by one',
    evidence: 'derived',
    remedy: 'Take the index of the scale from the group that the thread reduced: row * groups + column / group.',
    hiddenBy: 'neighbouring groups with the same largest magnitude',
    variants: neighbours,
  },
];

function scaleSpecOf(call: KernelCall): Pick<Tensor, 'layout'> | undefined {
  const scale = specsOf(call)['scale'];
  const groups = groupsOf(call);
  const rows = scale === undefined ? 0 : scale.layout.size / (scale.layout.shape.at(-1) ?? 1);
  return groups > 1 && rows > 1 ? scale : undefined;
}

/** Orders in which producers store scales; only a matrix has more than one. */
function orders(shape: readonly number[]): Readonly<Record<string, () => Layout>> {
  const plain = { 'row by row': () => rowMajor(shape) };
  if (shape.length !== 2) return plain;
  return {
    ...plain,
    'column by column': () => scaleColumnMajor(shape),
    'column by column, columns padded to 16 bytes': () => scaleTmaAligned(shape),
    'in MX tiles': () => shuffleScale(shape),
  };
}

/** Bytes in another order under the layout as declared. Where the orders pad differently, bytes are cut off or missing (0). */
export function relabelled(scale: Tensor, order: Layout): Tensor {
  const stored = storedIn(scale, order).bytes;
  const bytes = new Uint8Array(storageBytes(scale));
  bytes.set(stored.subarray(0, bytes.length));
  return { ...scale, bytes };
}

function neighbours(call: KernelCall): readonly Variant[] {
  const groups = groupsOf(call);
  const shifted = (by: number) => () =>
    withScales(call, (scales) => scales.map((own, index) => scales[index + by] ?? own));
  const ways: readonly (readonly [string, number])[] =
    groups === 1
      ? [
          ['of the row after', 1],
          ['of the row before', -1],
        ]
      : [
          ['of the group after', 1],
          ['of the group before', -1],
          ['of the row after', groups],
          ['of the row before', -groups],
        ];
  return ways.map(([detail, by]) => ({ detail, make: shifted(by) }));
}
