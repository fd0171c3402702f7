import { formatFacts } from '../src/formats/facts.ts';
import type { MxElement, MxScaleMode } from '../src/formats/mx-scale.ts';
import type { Fp8Format, GroupMath, RowMath } from '../src/ops/shared/groups-rules.ts';

/*
 * The numeric rules of the quantisers as data, for kernels that serve all of them: the same rules as
 * src/ops/shared/groups-rules.ts, whose functions are the CPU reference.
 */

/** Formats that quantisers write. */
export type CodeFormat = 'e4m3fn' | 'e4m3fnuz' | 'e2m1';

/** How the scale of a block follows from its largest magnitude. */
export interface ScaleRule {
  /** The amax is raised to this first. Default 0. */
  readonly floor?: number;
  /** fmaxf semantics: a NaN does not count. Default: it makes the scale NaN. */
  readonly ignoreNan?: boolean;
  /** How the factor is applied, in one rounding. Default `none`. */
  readonly by?: 'none' | 'divide' | 'multiply';
  readonly factor?: number;
  readonly rounding?: 'none' | 'ue8m0' | 'e8m0-floor' | 'e8m0-ceil' | 'e8m0-even';
  readonly zeroToOne?: boolean;
  /** Mantissa bits and largest exponent of the element type, for `e8m0-even`. */
  readonly mantissaBits?: number;
  readonly maxExponent?: number;
  /** Upper limit of an e8m0 byte. Default 255, which is NaN. */
  readonly byteCeiling?: number;
  /** Lower limit of the stored e8m0 byte; the elements are scaled by the unlimited one. */
  readonly byteFloor?: number;
  /** What elements are multiplied or divided by. Default `scale`. */
  readonly step?: 'scale' | 'inverse' | 'max-over-amax';
  /** Numerator of `max-over-amax`. */
  readonly stepMax?: number;
}

/** How an element becomes a code, given the step of its block. */
export interface EncodeRule {
  readonly format: CodeFormat;
  readonly by: 'divide' | 'multiply';
  /** `clamp` keeps a NaN, `med3` makes it -max. Default `none`. */
  readonly limit?: 'none' | 'clamp' | 'med3';
  /** The limit of `clamp` and `med3`. */
  readonly max?: number;
}

/** How a quantiser gets from a matrix to scales and codes. */
export interface QuantRule {
  readonly scale: ScaleRule;
  readonly encode: EncodeRule;
}

/** Lower limit of amax in most group kernels. */
const AMAX_FLOOR = 1e-10;
/** Row lengths that AITER's HIP per-token quantiser hands to its group kernel, with its floor. */
const GROUP_KERNEL_COLUMNS: readonly number[] = [32, 64, 128];
/** DeepGEMM's. */
const DEEPGEMM_AMAX_FLOOR = 1e-4;
/** SGLang's Triton kernels use 224 on gfx942, although the format goes to 240. */
const SGLANG_FNUZ_MAX = 224;

/** AITER's HIP kernels: scale = amax * fl(1 / max), code = med3(x * fl(1 / scale)); NaNs do not count in amax. */
export function hipRule(format: Fp8Format, max: number, floor: number = AMAX_FLOOR): QuantRule {
  return {
    scale: { ignoreNan: true, floor, by: 'multiply', factor: 1 / max, step: 'inverse' },
    encode: { format, by: 'multiply', limit: 'med3', max },
  };
}

/** AITER's and SGLang's Triton kernels: scale = amax * fl(1 / max), code = clamp(x * fl(1 / scale)). */
export function tritonRule(format: Fp8Format, max: number, floor: number = AMAX_FLOOR): QuantRule {
  return {
    scale: { floor, by: 'multiply', factor: 1 / max, step: 'inverse' },
    encode: { format, by: 'multiply', limit: 'clamp', max },
  };
}

/** fp8 with one scale a group, row or tensor. @param floor lower limit of amax of every producer but torch */
export function fp8Rule(format: Fp8Format, math: GroupMath, floor: number = AMAX_FLOOR): QuantRule {
  const { max } = formatFacts(format);
  switch (math) {
    case 'torch':
      return { scale: { by: 'divide', factor: max, zeroToOne: true }, encode: { format, by: 'divide' } };
    case 'hip':
      return hipRule(format, max, floor);
    case 'aiter-triton':
      return tritonRule(format, max, floor);
    case 'sglang-triton':
      return tritonRule(format, format === 'e4m3fnuz' ? SGLANG_FNUZ_MAX : max, floor);
    case 'sglang-cuda':
      return {
        scale: { ignoreNan: true, floor, by: 'multiply', factor: 1 / max, step: 'max-over-amax', stepMax: max },
        encode: { format, by: 'multiply', limit: 'clamp', max },
      };
  }
}

/** fp8 with one scale a row of `columns` elements. */
export function fp8RowRule(format: Fp8Format, math: GroupMath, columns: number): QuantRule {
  return fp8Rule(format, math, GROUP_KERNEL_COLUMNS.includes(columns) ? AMAX_FLOOR : 0);
}

/** DeepGEMM's casts to e4m3fn, optionally with power-of-two scales. */
export function castRule(ue8m0: boolean): QuantRule {
  const rounding = ue8m0 ? 'ue8m0' : 'none';
  return {
    scale: { floor: DEEPGEMM_AMAX_FLOOR, by: 'divide', factor: formatFacts('e4m3fn').max, rounding, step: 'inverse' },
    encode: { format: 'e4m3fn', by: 'multiply' },
  };
}

/** The e8m0 scale of an MX block. */
export function mxScaleRule(element: MxElement, mode: MxScaleMode): ScaleRule {
  const { max, mantissaBits } = formatFacts(element);
  const maxExponent = Math.floor(Math.log2(max));
  switch (mode) {
    case 'RoundDown':
      return { by: 'divide', factor: 2 ** maxExponent, rounding: 'e8m0-floor' };
    case 'RoundUp':
      return { by: 'divide', factor: max, rounding: 'e8m0-ceil' };
    case 'Ceil':
      return { by: 'divide', factor: 2 ** maxExponent, rounding: 'e8m0-ceil' };
    case 'Even':
      return { rounding: 'e8m0-even', mantissaBits, maxExponent };
  }
}

/**
 * MX blocks. `hip` floors amax and does not count NaNs; `torch` does neither. e2m1 saturates by itself. Elements are divided by
 * a power of two; the rule multiplies by its inverse, which is exact and gives the same bits.
 */
export function mxRule(element: MxElement, mode: MxScaleMode, math: RowMath): QuantRule {
  const scale: ScaleRule = { ...mxScaleRule(element, mode), step: 'inverse' };
  const encode: EncodeRule = { format: element, by: 'multiply' };
  if (math === 'torch') return { scale, encode };
  return {
    scale: { ...scale, floor: AMAX_FLOOR, ignoreNan: true },
    encode: element === 'e2m1' ? encode : { ...encode, limit: 'med3', max: formatFacts(element).max },
  };
}

/** The Triton MXFP4 kernel scales by any power of two, but stores none below 1 and never NaN. */
export function tritonMxfp4Rule(): QuantRule {
  const { scale, encode } = mxRule('e2m1', 'Even', 'torch');
  return { scale: { ...scale, byteFloor: 127, byteCeiling: 254 }, encode };
}
