import { scaleColumnMajor, scaleTmaAligned, scaleTransposedView } from '../../layout/activation-scale.ts';
import type { Layout } from '../../layout/layout.ts';
import { columnMajor, rowMajor } from '../../layout/plain.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { readAs, storedIn, toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';
import { BPRESHUFFLE, changing, DEEPGEMM, FP4, gemmOperands, PLAIN } from './gemm-calls.ts';
import { bytesReadAs, fromRows } from './gemm-moves.ts';
import { SCALES, type ScaleName } from './gemm-scale-values.ts';

const ONE_TOKEN = 'one token, one group of columns, or tokens with the same scales: then all orders are alike';
const ALIGNED = 'a number of tokens that is a multiple of 4';

type LayoutOf = (shape: readonly number[]) => Layout;

/** A scale that was stored in one layout, and whose bytes are read where the kernel expects another. */
function storedAs(layout: LayoutOf): (scale: Tensor) => Tensor {
  return (scale) => bytesReadAs(scale, storedIn(scale, layout(scale.layout.shape)).bytes);
}

/** Mistakes with the stored order of the scales of a block-scaled multiplication. */
export const GEMM_SCALE_LAYOUT_HYPOTHESES: readonly Hypothesis[] = [
  {
    ...fromIncident('scale-not-transposed', {
      family: 'scale layout',
      ops: [BPRESHUFFLE, DEEPGEMM],
      remedy:
        'Quantise with transpose_scale=True (column_major_scales and scale_tma_aligned for DeepGEMM), or copy: s.t().contiguous().t().',
      hiddenBy: ONE_TOKEN,
    }),
    // DeepGEMM reads the packed scales of a weight in the same order.
    variants: (call) => perScale(call, columnScales(call), storedAs(rowMajor)),
  },
  {
    ...fromIncident('scale-transposed-twice', {
      family: 'scale layout',
      remedy:
        'Transpose where the scale is made or where it is used, not both: a transposed view is relabelled with as_strided(s.shape, (1, M)).',
      hiddenBy: `${ONE_TOKEN}; as many tokens as groups, where the second transposition takes the first one back`,
    }),
    variants: (call) => severalTokens(call, [{ detail: '', make: () => changing(call, 'x_scale', transposedTwice) }]),
  },
  {
    ...fromIncident('scale-transposed-read-row-major', {
      family: 'scale layout',
      remedy: 'Quantise with transpose_scale=False for this kernel, or undo it: s.view(G, M).t().contiguous().',
      hiddenBy: ONE_TOKEN,
    }),
    variants: (call) => perScale(call, ['x_scale'], storedAs(scaleTransposedView)),
  },
  {
    id: 'scale-transposed-again-read-row-major',
    title: 'a transposed view is transposed once more to get rows, which is not the way back',
    family: 'scale layout',
    ops: [PLAIN],
    symptom: 'right with one token, and with as many tokens as groups; finite garbage otherwise',
    origin: 'SGLang PR 24476 (first revision): the same copy was used for the way back',
    evidence: 'reported',
    remedy:
      'Undo a transposed view with s.view(G, M).transpose(0, 1).contiguous(), or relabel it: s.as_strided(s.shape, (1, M)).',
    hiddenBy: `${ONE_TOKEN}; as many tokens as groups`,
    variants: (call) => severalTokens(call, [{ detail: '', make: () => changing(call, 'x_scale', transposedTwice) }]),
  },
  {
    id: 'scale-rows-relabelled',
    title: 'row-major scales are relabelled as column-major without a copy',
    family: 'scale layout',
    ops: [PLAIN],
    symptom: 'right with one token, finite garbage with more',
    origin: 'derived: SGLang aiter_w8a8_block_fp8_linear relabels with as_strided whatever the producer wrote',
    evidence: 'derived',
    remedy:
      'Relabel with as_strided(s.shape, (1, M)) only what was made with transpose_scale=True; pass row-major scales as they are.',
    hiddenBy: ONE_TOKEN,
    variants: (call) =>
      severalTokens(call, [
        {
          detail: '',
          make: () =>
            changing(call, 'x_scale', (s) =>
              fromRows(s, storedIn(relabelled(s, scaleColumnMajor), rowMajor(s.layout.shape)).bytes),
            ),
        },
      ]),
  },
  {
    id: 'scale-tma-read-dense',
    title: 'scales padded to multiples of 4 tokens for TMA go to a kernel that reads them without padding',
    family: 'scale layout',
    ops: [PLAIN, BPRESHUFFLE],
    symptom: 'right with one group of columns; finite garbage and zeros otherwise',
    origin: 'derived: create_per_token_group_quant_fp8_output_scale in SGLang, scale_tma_aligned',
    evidence: 'derived',
    remedy: 'Quantise with scale_tma_aligned=False for AITER kernels; they take neither strides nor padding.',
    hiddenBy: `${ALIGNED} (then only a kernel that reads rows goes wrong, as with any transposed scale)`,
    variants: (call) => (unaligned(call) ? perScale(call, ['x_scale'], storedAs(scaleTmaAligned)) : []),
  },
  {
    id: 'scale-dense-read-tma',
    title: 'column-major scales without padding go to a kernel that takes columns of a multiple of 4 tokens',
    family: 'scale layout',
    ops: [DEEPGEMM],
    symptom: 'the first group of columns is right, each further one is shifted by up to 3 tokens more',
    origin:
      'derived: create_per_token_group_quant_fp8_output_scale in SGLang, column_major_scales without scale_tma_aligned',
    evidence: 'derived',
    remedy: 'Quantise with scale_tma_aligned=True, or call get_mn_major_tma_aligned_tensor.',
    hiddenBy: ALIGNED,
    variants: (call) => (unaligned(call) ? perScale(call, ['x_scale'], storedAs(scaleColumnMajor)) : []),
  },
  {
    id: 'weight-scale-transposed',
    title: 'weight scales stored [groups of K, rows] are read as [rows, groups of K]',
    family: 'scale layout',
    ops: [PLAIN, BPRESHUFFLE, DEEPGEMM, FP4],
    symptom: 'finite garbage for every number of tokens; whole blocks of columns off by factors',
    origin: 'FlashInfer #3882: quantised along N instead of K',
    evidence: 'reported',
    remedy:
      'Store the scales with one row for each row (block) of the weight; CUTLASS kernels take the other order, (K / 128, N / 128).',
    hiddenBy: 'one row block or one group of columns, or equal scales',
    // Packed scales are column-major by themselves: rows given for them are the mistake above.
    variants: (call) =>
      gemmOperands(call).w_scale.type === 'i32'
        ? []
        : perScale(call, ['w_scale'], (s) => fromRows(s, storedIn(s, columnMajor(s.layout.shape)).bytes)),
  },
];

/** T(T(rows)): what a second `transpose(-1, -2).contiguous().view(shape)` makes of a transposed view. Read as the kernel reads. */
function transposedTwice(scale: Tensor): Tensor {
  const { shape } = scale.layout;
  const once = storedIn(toRowMajor(scale), scaleTransposedView(shape));
  const twice = storedIn(readAs(once, rowMajor(shape)), scaleTransposedView(shape));
  return readAs(twice, scale.layout);
}

function relabelled(scale: Tensor, layout: LayoutOf): Tensor {
  return readAs(toRowMajor(scale), layout(scale.layout.shape));
}

/** Scales that the kernel reads column by column. */
function columnScales(call: KernelCall): readonly ScaleName[] {
  return gemmOperands(call).w_scale.type === 'i32' ? ['x_scale', 'w_scale'] : ['x_scale'];
}

function perScale(
  call: KernelCall,
  names: readonly ScaleName[],
  change: (scale: Tensor) => Tensor,
): readonly Variant[] {
  return SCALES.flatMap(({ name, detail }) => {
    // With one row or one group all orders have the same bytes.
    const apart = gemmOperands(call)[name].layout.shape.every((size) => size > 1);
    if (!names.includes(name) || !apart) return [];
    return [{ detail: names.length > 1 ? detail : '', make: () => changing(call, name, change) }];
  });
}

function severalTokens(call: KernelCall, variants: readonly Variant[]): readonly Variant[] {
  return gemmOperands(call).x_scale.layout.shape.every((size) => size > 1) ? variants : [];
}

function unaligned(call: KernelCall): boolean {
  return (gemmOperands(call).x.layout.shape[0] ?? 0) % 4 !== 0;
}
