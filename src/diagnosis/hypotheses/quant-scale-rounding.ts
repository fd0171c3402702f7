import { PreshuffleError } from '../../errors.ts';
import { encode } from '../../formats/encode.ts';
import { f32Bits, f32FromBits } from '../../formats/f32.ts';
import { ceilToUe8m0, e8m0ToF32, MX_SCALE_MODES, type MxScaleMode } from '../../formats/mx-scale.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { type BlockRule, scaleBlocks } from '../../ops/shared/groups.ts';
import { AMAX_FLOOR, deepgemmRule, GROUP_MATHS, mxRule, ROW_MATHS } from '../../ops/shared/groups-rules.ts';
import { asE8m0, type Quantisation } from '../../ops/shared/quantisation.ts';
import { type Hypothesis, singleVariant, type Variant } from '../hypothesis.ts';
import {
  blocksOf,
  FP8_QUANTISERS,
  hasPowerOfTwoScales,
  QUANTISERS,
  quantisationOf,
  specsOf,
  withBlocks,
  withParts,
} from './quantised-call.ts';

type Rounder = (scale: number) => number;

/** The greatest power of two not above a positive float32. */
export const floorToPower: Rounder = (scale) => f32FromBits(f32Bits(scale) & 0x7f800000);
/** The nearest power of two, as torch's `.to(float8_e8m0fnu)` rounds. */
export const nearestPower: Rounder = (scale) => e8m0ToF32(encode('e8m0', scale));

const CASTS = ['deepgemm_per_token_cast', 'deepgemm_per_block_cast'] as const;

/** Mistakes with how the scale comes from the largest magnitude. */
export const QUANT_SCALE_ROUNDING_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'quant-scale-rounded-alone',
    title: 'the stored scale is rounded to a power of two, and the codes are made with the one before',
    family: 'quantisation',
    ops: QUANTISERS,
    symptom: 'each group too large by a factor between 1 and 2, or too small: the cosine stays high',
    origin:
      'SGLang PR 22300: format_ue8m0 without requantisation; SGLang issue 25733: exponents cut off instead of rounded up',
    evidence: 'reported',
    remedy: 'Round the scale first (ceil_to_ue8m0) and divide by the rounded one.',
    hiddenBy: 'largest magnitudes that give powers of two anyhow',
    variants: (call) => {
      if (hasPowerOfTwoScales(call)) {
        return [
          {
            detail: 'up',
            make: () =>
              withBlocks(call, (parts) => {
                const { codes } = blocksOf({ ...parts, rule: unrounded(call, parts) });
                return { codes, scales: blocksOf(parts).scales };
              }),
          },
        ];
      }
      return ROUNDERS.map(([detail, round]) => ({
        detail,
        make: () =>
          withBlocks(call, (parts) => {
            const { codes, scales } = blocksOf(parts);
            return { codes, scales: scales.map(round) };
          }),
      }));
    },
  },
  {
    id: 'quant-scale-rounded-unasked',
    title: 'scales are rounded to powers of two although float ones were asked for',
    family: 'quantisation',
    ops: QUANTISERS,
    symptom: 'codes and scales agree with each other, and up to a bit of range is lost',
    origin: 'derived: scale_ue8m0 of per_token_group_quant_fp8 in SGLang follows DEEPGEMM_SCALE_UE8M0',
    evidence: 'derived',
    remedy: 'Pass scale_ue8m0=False (use_ue8m0=False) to the quantiser of a layer whose GEMM reads float scales.',
    hiddenBy: 'largest magnitudes that give powers of two anyhow',
    variants: (call) =>
      hasPowerOfTwoScales(call) ? [] : ROUNDERS.map(([detail, round]) => roundedVariant(call, detail, round)),
  },
  {
    id: 'quant-scale-not-rounded',
    title: 'scales are left as floats although powers of two were asked for',
    family: 'quantisation',
    ops: CASTS,
    symptom:
      'codes and scales agree with each other, but no scale is a power of two; packing refuses or truncates them',
    origin: 'SGLang issue 25733: float scales reached the packing of UE8M0',
    evidence: 'reported',
    remedy: 'Pass use_ue8m0=True to per_token_cast_to_fp8 and per_block_cast_to_fp8 where the scales are packed.',
    hiddenBy: 'largest magnitudes that give powers of two anyhow',
    variants: singleVariant((call) =>
      hasPowerOfTwoScales(call) ? { ...call, params: { ...call.params, ue8m0: false } } : undefined,
    ),
  },
  {
    id: 'quant-scale-mode',
    title: 'the scale is rounded to a power of two by another rule',
    family: 'quantisation',
    ops: QUANTISERS,
    symptom: 'scales one power of two off in part of the groups, and codes with them; rounding down saturates',
    origin: 'derived: MxScaleRoundMode in AITER; SGLang issue 25733 for DeepGEMM scales that were not rounded up',
    evidence: 'derived',
    remedy: 'Set the same mode everywhere: RoundUp in AITER, ceil_to_ue8m0 in DeepGEMM.',
    hiddenBy: 'largest magnitudes between the thresholds of both rules, and few groups',
    variants: scaleModes,
  },
  {
    id: 'quant-max',
    title: 'the scale is made for another largest code',
    family: 'number format',
    ops: FP8_QUANTISERS,
    symptom: 'all scales off by one factor (1.87, 2 or 1.07), and codes with them: the product is nearly right',
    origin: 'derived: on gfx942 AITER takes 240, the Triton kernels of SGLang 224, and code for e4m3fn 448',
    evidence: 'derived',
    remedy:
      'Take fp8_max from torch.finfo of the very dtype that is written: 448 for e4m3fn, 240 (or 224) for e4m3fnuz.',
    hiddenBy: 'tests that look at the dequantised values only',
    variants: (call) => {
      const { mode = 'RoundUp' } = call.params as { readonly mode?: MxScaleMode };
      if (mode !== 'RoundUp') return [];
      const used = quantisationOf(call).rule.max;
      return [448, 240, 224]
        .filter((max) => max !== used)
        .map((max) => ({
          detail: String(max),
          make: () => withParts(call, ({ rule }) => ({ rule: withMax(rule, max) })),
        }));
    },
  },
  {
    id: 'quant-other-arithmetic',
    title: 'another implementation of the quantiser ran',
    family: 'arithmetic',
    ops: ['per_1x128_quant', 'per_token_quant', 'per_tensor_quant', 'mxfp4_quant', 'mxfp8_quant'],
    symptom: 'zero groups, NaNs or a few codes differ, and scales in the last bit',
    origin:
      'derived: AITER per_group_quant_hip against pertoken_quant; SGLang per_token_group_quant_fp8 in Triton and CUDA',
    evidence: 'derived',
    remedy: 'Compare with the arithmetic of the kernel that ran (parameter math); both dequantise equally well.',
    hiddenBy: 'data without zero groups, NaNs and ties',
    variants: otherMaths,
  },
  {
    id: 'quant-zero-group',
    title: 'a group of zeros gets another scale',
    family: 'quantisation',
    ops: QUANTISERS,
    symptom: 'only scales of groups that hold nothing but zeros differ; a scale of 0 gives NaN where it is divided by',
    origin:
      'derived: dynamic_per_token_scaled_quant in AITER has no smallest amax, its group kernel has 1e-10, DeepGEMM 1e-4',
    evidence: 'derived',
    remedy: 'Raise amax to the floor of the kernel before the scale is made, and never divide by a stored scale of 0.',
    hiddenBy: 'data without a group of zeros',
    variants: zeroGroups,
  },
  {
    id: 'mxfp4-scale-not-below-one',
    title: 'exponents below that of 1 are stored as that of 1',
    family: 'quantisation',
    ops: ['mxfp4_quant', 'mxfp8_quant'],
    symptom: 'scales of small blocks are byte 127; their codes are right, and dequantise to numbers that are too large',
    origin: 'derived: dynamic_mxfp4_quant in AITER converts the unbiased exponent to uint8, which saturates at 0',
    evidence: 'derived',
    remedy: 'Add the bias of 127 before the conversion to uint8, or quantise with per_1x32_f4_quant.',
    hiddenBy: 'blocks whose scales are all at least 1',
    variants: singleVariant((call) =>
      withBlocks(call, (parts) => {
        const { codes, scales } = blocksOf(parts);
        return { codes, scales: scales.map((scale) => Math.max(1, scale)) };
      }),
    ),
  },
  {
    id: 'mxfp4-scale-below-one',
    title: 'exponents below that of 1 are stored as they are, which the Triton kernel does not do',
    family: 'quantisation',
    ops: ['dynamic_mxfp4_quant'],
    symptom: 'scales of small blocks are below byte 127: the ones that belong to the codes',
    origin: 'derived: per_1x32_f4_quant in AITER against dynamic_mxfp4_quant',
    evidence: 'derived',
    remedy: 'Compare with mxfp4_quant in mode Even: its scales belong to the codes.',
    hiddenBy: 'blocks whose scales are all at least 1',
    variants: singleVariant((call) => withBlocks(call, (parts) => ({ ...blocksOf(parts), storeScales: asE8m0 }))),
  },
];

const ROUNDERS: readonly (readonly [string, Rounder])[] = [
  ['up', ceilToUe8m0],
  ['down', floorToPower],
];

function roundedVariant(call: KernelCall, detail: string, round: Rounder): Variant {
  return {
    detail,
    make: () =>
      withParts(call, ({ rule }) => ({
        // CUDA's 448 / amax is no inverse of a scale that was rounded.
        rule: {
          ...rule,
          scale: (amax) => round(rule.scale(amax)),
          step: (scale) => (rule.by === 'divide' ? scale : Math.fround(1 / scale)),
        },
      })),
  };
}

/** The rule with the float scale that its power of two was rounded from. */
function unrounded({ op }: KernelCall, { rule }: Quantisation): BlockRule {
  const scale = isDeepgemm(op)
    ? deepgemmRule(false).scale
    : (amax: number) => Math.fround(Math.max(AMAX_FLOOR, amax) / rule.max);
  return { ...rule, scale };
}

function isDeepgemm(op: string): boolean {
  return op.startsWith('deepgemm');
}

function scaleModes(call: KernelCall): readonly Variant[] {
  if (!hasPowerOfTwoScales(call)) return [];
  const { op, params } = call;
  if (isDeepgemm(op)) {
    const ways: readonly (readonly [string, Rounder])[] = [
      ['down', floorToPower],
      ['to the nearest', nearestPower],
    ];
    const { scale } = deepgemmRule(false);
    return ways.map(([detail, round]) => ({
      detail,
      make: () => withParts(call, ({ rule }) => ({ rule: { ...rule, scale: (amax) => round(scale(amax)) } })),
    }));
  }
  if (op === 'mxfp4_quant' || op === 'mxfp8_quant') {
    const { mode: own = 'RoundUp' } = params as { readonly mode?: MxScaleMode };
    return MX_SCALE_MODES.filter((mode) => mode !== own).map((mode) => ({
      detail: mode,
      make: () => ({ ...call, params: { ...params, mode } }),
    }));
  }
  const own = op === 'dynamic_mxfp4_quant' ? 'Even' : 'RoundUp';
  return MX_SCALE_MODES.filter((mode) => mode !== own).map((mode) => ({
    detail: mode,
    make: () => withParts(call, ({ format }) => ({ rule: mxRule(format === 'e2m1' ? 'torch' : 'hip', format, mode) })),
  }));
}

/** The same arithmetic for another largest code. */
function withMax(rule: BlockRule, max: number): BlockRule {
  const ratio = rule.max / max;
  return {
    ...rule,
    scale: (amax) => rule.scale(Math.fround(amax * ratio)),
    step: (scale, amax) => rule.step(scale, Math.fround(amax * ratio)),
    max,
  };
}

/** Other implementations for the same largest code: with another one it is `quant-max`. */
function otherMaths(call: KernelCall): readonly Variant[] {
  const { math: own = 'torch' } = call.params as { readonly math?: string };
  const { max } = quantisationOf(call).rule;
  return (call.op === 'per_1x128_quant' ? GROUP_MATHS : ROW_MATHS)
    .filter((math) => math !== own)
    .map((math) => ({ detail: math, given: { ...call, params: { ...call.params, math } } }))
    .filter(({ given }) => takes(given) && quantisationOf(given).rule.max === max)
    .map(({ detail, given }) => ({ detail, make: () => given }));
}

function takes(call: KernelCall): boolean {
  try {
    specsOf(call);
    return true;
  } catch (error) {
    if (error instanceof PreshuffleError) return false;
    throw error;
  }
}

function zeroGroups(call: KernelCall): readonly Variant[] {
  const { values, grid, rule, storeScales } = quantisationOf(call);
  // The scale is the largest magnitude, so that a group of zeros has 0.
  const { scales: largest } = scaleBlocks(values, grid, { ...rule, scale: (amax) => amax });
  if (!largest.includes(0)) return [];
  const own = storeScales(new Float32Array(largest.length).fill(rule.scale(0))) as
    | Float32Array
    | Uint8Array
    | Int32Array;
  const packed = own instanceof Int32Array;
  return (packed ? [1, 2 ** -126] : [0, 1, AMAX_FLOOR])
    .filter((scale) => (storeScales(new Float32Array(largest.length).fill(scale)) as typeof own)[0] !== own[0])
    .map((scale) => ({
      detail: `${scale}`,
      make: () =>
        withBlocks(call, (parts) => {
          const { codes, scales } = blocksOf(parts);
          return { codes, scales: scales.map((given, block) => (largest[block] === 0 ? scale : given)) };
        }),
    }));
}
