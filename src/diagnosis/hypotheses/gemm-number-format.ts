import { ceilToUe8m0 } from '../../formats/mx-scale.ts';
import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import { COMBINE, multiply } from '../../ops/shared/block-scale-math.ts';
import { asBytes } from '../../tensor/make.ts';
import { toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';
import {
  BLOCK_SCALED,
  BPRESHUFFLE,
  changing,
  decodedAsE5m2,
  FP8_GEMMS,
  gemmOperands,
  gemmOutputOf,
  gemmProduct,
  PLAIN,
  PTPC,
  withOperands,
} from './gemm-calls.ts';
import { fromRows } from './gemm-moves.ts';
import { floatsMapped, SCALES, scalePower } from './gemm-scale-values.ts';

const POWERS = 'scales that are powers of two already';
const SCALED_ALIKE = 'nothing but outputs of zero; x looks like w';

const FLOAT_READ_AS_UE8M0 = fromIncident('float-scale-read-as-ue8m0', {
  family: 'number format',
  remedy:
    'Round, requantise and pack the scales (transform_sf_into_required_layout), or run a kernel that reads float32 scales.',
  hiddenBy: 'nothing',
});

/** Mistakes with the number formats of fp8 operands and their scales. */
export const GEMM_NUMBER_FORMAT_HYPOTHESES: readonly Hypothesis[] = [
  {
    ...fromIncident('scale-truncated-to-ue8m0', {
      family: 'number format',
      ops: FP8_GEMMS,
      remedy:
        'Round scales up (ceil_to_ue8m0) and requantise the codes with them, or keep float32 scales for this kernel.',
      hiddenBy: POWERS,
    }),
    variants: (call) => eachFloatScale(call, (value) => (value > 0 ? 2 ** Math.floor(Math.log2(value)) : value)),
  },
  {
    ...fromIncident('scale-ceiled-without-requant', {
      family: 'number format',
      ops: FP8_GEMMS,
      remedy: 'Requantise the codes with the rounded scales (requant_weight_ue8m0), and only then set format_ue8m0.',
      hiddenBy: POWERS,
    }),
    variants: (call) => eachFloatScale(call, ceilToUe8m0),
  },
  {
    ...FLOAT_READ_AS_UE8M0,
    // A call with float scales is read by a kernel for packed ones, or packed scales are expected where floats arrive.
    variants: (call) =>
      gemmOperands(call).w_scale.type === 'f32'
        ? FLOAT_READ_AS_UE8M0.variants(call)
        : SCALES.map(({ name, detail }) => ({ detail, make: () => changing(call, name, floatBitsForWords) })),
  },
  withFloats(
    fromIncident('ue8m0-read-as-float-scale', {
      family: 'number format',
      remedy:
        'Unpack the exponents to float32 before a kernel that reads float32 scales: int32 scales are always packed.',
      hiddenBy: 'nothing',
    }),
  ),
  {
    ...fromIncident('fn-read-as-fnuz', {
      family: 'number format',
      ops: [PLAIN, BPRESHUFFLE, PTPC],
      remedy:
        'Call normalize_e4m3fn_to_e4m3fnuz once when the weight is loaded: it doubles the scale and clears the codes of -0.',
      hiddenBy: SCALED_ALIKE,
    }),
    title: 'e4m3fn codes are multiplied as e4m3fnuz without doubling the scale',
    symptom: 'every output exactly half, or a quarter where both operands are taken so',
    variants: (call) =>
      gemmOperands(call).x.type !== 'e4m3fn'
        ? []
        : [
            { detail: 'in one operand', make: () => changing(call, 'w_scale', (scale) => scalePower(scale, 1, -1)) },
            { detail: 'in both operands, -0 becomes NaN', make: () => retyped(call, 'e4m3fnuz') },
          ],
  },
  {
    id: 'fnuz-scale-doubled',
    title: 'a scale is doubled for e4m3fnuz once too often, or e4m3fnuz codes are multiplied as e4m3fn',
    family: 'number format',
    ops: [PLAIN, BPRESHUFFLE, PTPC],
    symptom: 'every output exactly twice, or four times where both operands are taken so',
    origin: 'derived: normalize_e4m3fn_to_e4m3fnuz of SGLang, run again when a weight is loaded again',
    evidence: 'derived',
    remedy: 'Normalise once, from the checkpoint, and keep codes and scale of a weight together.',
    hiddenBy: SCALED_ALIKE,
    variants: (call) => [
      { detail: 'in one operand', make: () => changing(call, 'w_scale', (scale) => scalePower(scale, 1, 1)) },
      gemmOperands(call).x.type === 'e4m3fnuz'
        ? { detail: 'in both operands', make: () => retyped(call, 'e4m3fn') }
        : {
            detail: 'in both operands',
            make: () =>
              withOperands(call, {
                x_scale: scalePower(gemmOperands(call).x_scale, 1, 1),
                w_scale: scalePower(gemmOperands(call).w_scale, 1, 1),
              }),
          },
    ],
  },
  {
    id: 'e4m3-read-as-e5m2',
    title: 'e4m3 codes are multiplied as e5m2',
    family: 'number format',
    // With one scale a row every row holds the largest code, which is NaN here, and so is every output.
    ops: BLOCK_SCALED,
    symptom: 'outputs of another size, now and then infinite or NaN',
    origin: 'derived: cbsz and blgp of the f8f6f4 matrix instructions, 0 for e4m3 and 1 for e5m2',
    evidence: 'derived',
    remedy: 'Pick the kernel by the dtype of the tensor, float8_e4m3fn and not float8_e5m2.',
    hiddenBy: 'x quantised to its full range: then every output is NaN',
    variants: (call) => [
      { detail: 'of x', make: () => ({ ...call, compute: (cut) => productAsE5m2(cut, 'x') }) },
      { detail: 'of w', make: () => ({ ...call, compute: (cut) => productAsE5m2(cut, 'w') }) },
    ],
  },
];

function eachFloatScale(call: KernelCall, change: (value: number) => number): readonly Variant[] {
  return SCALES.flatMap(({ name, detail }) =>
    gemmOperands(call)[name].type === 'f32'
      ? [{ detail, make: () => changing(call, name, (scale) => floatsMapped(scale, change)) }]
      : [],
  );
}

/** The incident is about float scales: a call with packed ones has other bytes. */
function withFloats(hypothesis: Hypothesis): Hypothesis {
  return {
    ...hypothesis,
    variants: (call) => (gemmOperands(call).w_scale.type === 'f32' ? hypothesis.variants(call) : []),
  };
}

/** Packed scales [R, ceil(G / 4)] whose words hold the float32 bits of scales 0 to ceil(G / 4) - 1. */
function floatBitsForWords(scale: Tensor): Tensor {
  const exponents = toRowMajor(scale).bytes;
  const [rows = 0, words = 0] = scale.layout.shape;
  const bits = new Uint32Array(rows * words);
  for (let row = 0; row < rows; row += 1) {
    for (let word = 0; word < words; word += 1)
      bits[row * words + word] = (exponents[row * words * 4 + word] as number) << 23;
  }
  return fromRows(scale, asBytes(bits));
}

/** The call with both matrices taken for another fp8 format: one kernel takes both alike. */
function retyped(call: KernelCall, type: 'e4m3fn' | 'e4m3fnuz'): ReturnType<typeof withOperands> {
  const { x, w } = gemmOperands(call);
  const as = (matrix: Tensor): Tensor => ({ ...matrix, type });
  return withOperands(call, { x: as(x), w: as(w) });
}

function productAsE5m2(call: KernelCall, name: 'x' | 'w'): NamedTensors {
  const product = gemmProduct(call);
  const values = decodedAsE5m2(gemmOperands(call)[name], product.K);
  return gemmOutputOf(call, multiply({ ...product, [name]: values }, COMBINE.exact));
}
