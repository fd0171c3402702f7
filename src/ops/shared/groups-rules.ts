import { ParameterError } from '../../errors.ts';
import { decode } from '../../formats/decode.ts';
import { encode } from '../../formats/encode.ts';
import { f32Bits } from '../../formats/f32.ts';
import { formatFacts } from '../../formats/facts.ts';
import { ceilToUe8m0, e8m0ToF32, type MxElement, type MxScaleMode, mxScaleByte } from '../../formats/mx-scale.ts';
import type { BlockRule } from './groups.ts';
import type { FloatSource } from './rows.ts';

/** fp8 formats of activations: e4m3fn everywhere but on gfx942, which has e4m3fnuz. */
export type Fp8Format = 'e4m3fn' | 'e4m3fnuz';

export const FP8_FORMATS: readonly Fp8Format[] = ['e4m3fn', 'e4m3fnuz'];

/** The smallest amax that most kernels admit. */
export const AMAX_FLOOR: number = Math.fround(1e-10);

/** DeepGEMM's. */
const DEEPGEMM_AMAX_FLOOR = Math.fround(1e-4);

/** SGLang's Triton kernels use 224 on gfx942, although the format goes to 240. */
const SGLANG_FNUZ_MAX = 224;

/**
 * Whose arithmetic a group quantiser follows. The scales of two of them differ in the last bit for half of all groups,
 * the codes hardly ever; both dequantise to the same accuracy.
 * - `torch`: AITER's torch reference: divides by max and by the scale, zero scale becomes 1, no clamp.
 * - `hip`: AITER's HIP kernel: amax at least 1e-10, multiplies by the constants 1/max and by 1/scale, median clamp.
 * - `aiter-triton`: AITER's Triton helper `_fp8_quant_op`: amax at least 1e-10, multiplies by 1/max and by 1/scale, clamps.
 * - `sglang-triton`: as `aiter-triton`, with a maximum of 224 instead of 240 for e4m3fnuz.
 * - `sglang-cuda`: multiplies by the constant 1/448 and by 448/amax; e4m3fn only.
 */
export type GroupMath = 'torch' | 'hip' | 'aiter-triton' | 'sglang-triton' | 'sglang-cuda';

export const GROUP_MATHS: readonly GroupMath[] = ['torch', 'hip', 'aiter-triton', 'sglang-triton', 'sglang-cuda'];

/** What whole rows and whole tensors are quantised with; see `GroupMath`. */
export type RowMath = 'torch' | 'hip';

export const ROW_MATHS: readonly RowMath[] = ['torch', 'hip'];

const inverse = (scale: number): number => Math.fround(1 / scale);
const itself = (scale: number): number => scale;

/** Groups along a row. */
export function groupRule(math: GroupMath, format: Fp8Format): BlockRule {
  const { max } = formatFacts(format);
  switch (math) {
    case 'torch':
      return {
        ignoreNaN: false,
        scale: (amax) => orOne(Math.fround(amax / max)),
        step: itself,
        by: 'divide',
        limit: 'none',
        max,
      };
    case 'hip':
      return hipRule(max, AMAX_FLOOR);
    case 'aiter-triton':
      return tritonRule(max);
    case 'sglang-triton':
      return tritonRule(format === 'e4m3fnuz' ? SGLANG_FNUZ_MAX : max);
    case 'sglang-cuda': {
      const reciprocal = Math.fround(1 / max);
      return {
        ignoreNaN: true,
        scale: (amax) => Math.fround(Math.max(AMAX_FLOOR, amax) * reciprocal),
        step: (_scale, amax) => Math.fround(max / Math.max(AMAX_FLOOR, amax)),
        by: 'multiply',
        limit: 'clamp',
        max,
      };
    }
  }
}

/** Rows of `columns` elements, or a tensor as one block (`columns` undefined). */
export function rowRule(math: RowMath, format: Fp8Format, columns?: number): BlockRule {
  if (math === 'torch') return groupRule('torch', format);
  // AITER runs rows of these widths through its group kernel; the row kernel proper has no floor, so that a zero row
  // gets scale 0 and, 0 * infinity being NaN, codes of -max.
  const grouped = columns === 32 || columns === 64 || columns === 128;
  return hipRule(formatFacts(format).max, grouped ? AMAX_FLOOR : 0);
}

/** DeepGEMM's casts of activations and weights: amax at least 1e-4, optionally a power-of-two scale. */
export function deepgemmRule(ue8m0: boolean): BlockRule {
  const { max } = formatFacts('e4m3fn');
  const scale = (amax: number): number => Math.fround(Math.max(DEEPGEMM_AMAX_FLOOR, amax) / max);
  return {
    ignoreNaN: false,
    scale: ue8m0 ? (amax) => ceilToUe8m0(scale(amax)) : scale,
    step: inverse,
    by: 'multiply',
    limit: 'none',
    max,
  };
}

/**
 * The smallest amax of AITER's fused Triton kernels: 1e-10, rounded to the type in which the kernel takes the maximum.
 * In f16 it would round to 0 and zero groups would become NaN; there the float32 value stands in.
 */
export function tritonFloor(type: FloatSource): number {
  return type === 'bf16' ? decode('bf16', encode('bf16', 1e-10)) : AMAX_FLOOR;
}

/**
 * The Triton helper. Its source divides by max; the compiled kernel multiplies by the reciprocal constant, which differs
 * in the last bit for half of all scales.
 */
export function tritonRule(max: number, floor: number = AMAX_FLOOR): BlockRule {
  const reciprocal = Math.fround(1 / max);
  return {
    ignoreNaN: false,
    scale: (amax) => Math.fround(Math.max(floor, amax) * reciprocal),
    step: inverse,
    by: 'multiply',
    limit: 'clamp',
    max,
  };
}

/** Power-of-two scales of OCP MX blocks. `hip` floors amax at 1e-10 and does not count NaNs; `torch` does neither. */
export function mxRule(math: RowMath, element: MxElement, mode: MxScaleMode): BlockRule {
  const hip = math === 'hip';
  return {
    ignoreNaN: hip,
    scale: (amax) => e8m0ToF32(mxScaleByte(hip ? Math.max(AMAX_FLOOR, amax) : amax, element, mode)),
    step: itself,
    by: 'divide',
    limit: hip && element !== 'e2m1' ? 'med3' : 'none',
    max: formatFacts(element).max,
  };
}

/** The Triton MXFP4 quantiser: mode Even, but infinite and NaN maxima get the largest scale instead of NaN. */
export function tritonMxfp4Rule(): BlockRule {
  return {
    ignoreNaN: false,
    scale: (amax) => {
      const exponent = (f32Bits(amax) + 0x200000) >>> 23;
      return e8m0ToF32(exponent >= 255 ? 254 : Math.max(0, exponent - 2));
    },
    step: itself,
    by: 'divide',
    limit: 'none',
    max: formatFacts('e2m1').max,
  };
}

function hipRule(max: number, floor: number): BlockRule {
  const reciprocal = Math.fround(1 / max);
  return {
    ignoreNaN: true,
    scale: (amax) => Math.fround(Math.max(floor, amax) * reciprocal),
    step: inverse,
    by: 'multiply',
    limit: 'med3',
    max,
  };
}

function orOne(scale: number): number {
  return scale === 0 ? 1 : scale;
}

/** A parameter that is one of a list of names. */
export function requireChoice<T extends string>(op: string, parameter: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw new ParameterError(
      op,
      parameter,
      `is ${JSON.stringify(value) ?? 'missing'}, expected ${allowed.join(' or ')}.`,
    );
  }
  return value;
}

/** A parameter that counts something. */
export function requireCount(op: string, parameter: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ParameterError(op, parameter, `is ${JSON.stringify(value) ?? 'missing'}, expected a positive integer.`);
  }
  return value;
}
