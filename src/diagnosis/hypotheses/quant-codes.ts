import { encodeArray } from '../../formats/encode.ts';
import type { MxScaleMode } from '../../formats/mx-scale.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { OpName } from '../../ops/registry.ts';
import { type CodeFormat, encodeBlocks, scaleBlocks } from '../../ops/shared/groups.ts';
import type { Fp8Format } from '../../ops/shared/groups-rules.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Hypothesis, type MistakenCall, singleVariant } from '../hypothesis.ts';
import {
  blocksOf,
  EXACT_QUANTISERS,
  FP8_QUANTISERS,
  QUANTISERS,
  quantisationOf,
  withBlocks,
  withParts,
} from './quantised-call.ts';
import { type OddRounding, roundedCode } from './rounding.ts';
import { withOutput } from './stored-scale.ts';

const FP4: readonly OpName[] = QUANTISERS.filter((op) => op.includes('mxfp4'));

/** Largest int8 code of AITER's quantisers. */
const INT8_MAX = 127;

/** Mistakes with the codes that a quantiser writes; its scales are right. */
export const QUANT_CODE_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'quant-codes-truncated',
    title: 'codes are cut off toward zero instead of rounded',
    family: 'arithmetic',
    // Where the op allows a neighbouring code, this is no error.
    ops: EXACT_QUANTISERS,
    symptom: 'half of all codes one too small in magnitude; means shrink, signs are right',
    origin: 'derived: a conversion by shift of the bits instead of v_cvt_pk_fp8_f32, which rounds to nearest even',
    evidence: 'derived',
    remedy: 'Convert with the hardware instruction, or add half a unit (and the even bit) before the shift.',
    hiddenBy: 'numbers that have exact codes',
    variants: singleVariant((call) => withRounding(call, 'truncated')),
  },
  {
    id: 'quant-codes-ties',
    title: 'numbers halfway between two codes are not rounded to the even one',
    family: 'arithmetic',
    ops: EXACT_QUANTISERS,
    symptom: 'a few codes one off, all of them at exact ties',
    origin:
      'derived: the fp4 cast of DeepGEMM counts boundaries with >, so that ties go to the lower code; RNE takes the even one',
    evidence: 'derived',
    remedy: 'Round to nearest, ties to even, as v_cvt_pk_fp8_f32 and torch do.',
    hiddenBy: 'float scales, after which hardly any number is a tie',
    variants: (call) =>
      (['ties away from zero', 'ties toward zero'] as const).map((rounding) => ({
        detail: rounding,
        make: () => withRounding(call, rounding),
      })),
  },
  {
    id: 'quant-codes-nibbles',
    title: 'the two codes of each byte of y change places',
    family: 'number format',
    ops: FP4,
    symptom: 'pairs of neighbouring columns are swapped; scales are right',
    origin:
      'derived: packers that put the even element in the high nibble; AITER, torch and GPT-OSS put it in the low one',
    evidence: 'derived',
    remedy: 'Pack the even column in bits 0..3: low | high << 4.',
    hiddenBy: 'pairs of equal codes',
    variants: singleVariant((call) => ({
      ...call,
      finish: (outputs) => withOutput(outputs, 'y', nibblesSwapped),
    })),
  },
  {
    id: 'quant-other-fp8',
    title: 'codes are those of the other fp8 format',
    family: 'number format',
    ops: FP8_QUANTISERS,
    symptom:
      'dequantised values off by 2 for most codes; NaN codes at the largest magnitudes of each group, or at zeros',
    origin:
      'derived: torch.float8_e4m3fn is hard-coded where gfx942 needs e4m3fnuz (is_fp8_fnuz in SGLang), or the other way round',
    evidence: 'derived',
    remedy: 'Take the dtype from aiter.dtypes.fp8 (or is_fp8_fnuz()) of the device that runs the kernel.',
    hiddenBy: 'power-of-two scales: both formats then have the same bytes, and scales that differ by 2',
    variants: (call) => {
      const own = quantisationOf(call).format;
      const other: Fp8Format = own === 'e4m3fn' ? 'e4m3fnuz' : 'e4m3fn';
      return [
        ...(call.op.startsWith('deepgemm') || differsByTwo(call) ? [] : [otherDevice(call, other)]),
        { detail: 'codes only', make: () => withParts(call, () => ({ format: other })) },
        { detail: 'codes only, clamped', make: () => withEncoder(call, clampedTo(other)) },
      ];
    },
  },
  {
    id: 'quant-codes-int8',
    title: 'codes are int8, the default of the quantiser',
    family: 'number format',
    ops: ['per_1x128_quant', 'per_token_quant', 'per_tensor_quant'],
    symptom: 'scales 3.53 times too large (448 / 127); the bytes of y read as fp8 have nothing to do with x',
    origin:
      'derived: quant_dtype of per_group_quant_hip, per_token_quant_hip and per_tensor_quant_hip in AITER is int8 unless given',
    evidence: 'derived',
    remedy: 'Pass quant_dtype=aiter.dtypes.fp8.',
    hiddenBy: 'nothing',
    variants: singleVariant((call) => withBlocks(call, (parts) => int8Blocks(parts))),
  },
];

function withRounding(call: KernelCall, rounding: OddRounding): MistakenCall {
  return withEncoder(call, (format) => (from, codes) => {
    for (let index = 0; index < from.length; index += 1)
      codes[index] = roundedCode(format, from[index] as number, rounding);
  });
}

type Encoder = (from: Float32Array, codes: Uint8Array) => void;

function withEncoder(call: KernelCall, encoderFor: (format: CodeFormat) => Encoder): MistakenCall {
  return withBlocks(call, (parts) => blocksOf(parts, undefined, encoderFor(parts.format)));
}

function clampedTo(format: CodeFormat): () => Encoder {
  return () => (from, codes) => {
    encodeArray(format, from, { saturate: true }, codes);
  };
}

/** In these modes both formats give the same bytes, and scales that differ by 2: `quant-scale-off-by-two`. */
function differsByTwo({ op, params }: KernelCall): boolean {
  const { mode = 'RoundUp' } = params as { readonly mode?: MxScaleMode };
  return op === 'mxfp8_quant' && mode !== 'RoundUp';
}

/** Codes and scales of the other format, as a kernel that was built for another device makes them. */
function otherDevice(call: KernelCall, format: Fp8Format): { readonly detail: string; make(): MistakenCall } {
  return {
    detail: 'codes and scales',
    make: () => withBlocks(call, () => blocksOf(quantisationOf({ ...call, params: { ...call.params, format } }))),
  };
}

function nibblesSwapped(given: Tensor): Tensor {
  return { ...given, bytes: given.bytes.map((byte) => (byte >> 4) | ((byte & 15) << 4)) };
}

function int8Blocks(parts: ReturnType<typeof quantisationOf>): ReturnType<typeof blocksOf> {
  const { values, grid } = parts;
  const rule = {
    ...parts.rule,
    scale: (amax: number) => Math.fround(amax / INT8_MAX),
    step: (scale: number) => (scale === 0 ? 1 : scale),
    by: 'divide',
    limit: 'clamp',
    max: INT8_MAX,
  } as const;
  const scaled = scaleBlocks(values, grid, rule);
  const codes = encodeBlocks(values, grid, rule, scaled, (from, out) => {
    for (let index = 0; index < from.length; index += 1) out[index] = toNearestEven(from[index] as number);
  });
  return { codes, scales: scaled.scales };
}

function toNearestEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
