import { ParameterError } from '../errors.ts';
import { decode } from './decode.ts';
import { E8M0_NAN } from './encode-e8m0.ts';
import { f32Bits, f32FromBits } from './f32.ts';

/** How a block's largest magnitude becomes a power-of-two scale; names and numbers as AITER's `MxScaleRoundMode`. */
export type MxScaleMode = 'RoundDown' | 'RoundUp' | 'Even' | 'Ceil';

/** Element types that MX blocks are quantised to. */
export type MxElement = 'e2m1' | 'e4m3fn' | 'e4m3fnuz';

/** Every `MxScaleMode`. */
export const MX_SCALE_MODES: readonly MxScaleMode[] = ['RoundDown', 'RoundUp', 'Even', 'Ceil'];
/** Every `MxElement`. */
export const MX_ELEMENTS: readonly MxElement[] = ['e2m1', 'e4m3fn', 'e4m3fnuz'];

/** Exponent of the largest power of two that an element type holds, its largest value, and its mantissa bits. */
const ELEMENT: Readonly<
  Record<MxElement, { readonly maxPow2: number; readonly max: number; readonly mantissaBits: number }>
> = {
  e2m1: { maxPow2: 2, max: 6, mantissaBits: 1 },
  e4m3fn: { maxPow2: 8, max: 448, mantissaBits: 3 },
  e4m3fnuz: { maxPow2: 7, max: 240, mantissaBits: 3 },
};

/**
 * The e8m0 scale byte of a block, from its largest magnitude (AITER `f32_to_mx_e8m0_scale`, OCP MX v1.0 section 6.3):
 * - `RoundDown` (OCP): the exponent of amax, less that of the element type's largest power of two;
 * - `RoundUp` (AITER's default, DeepSeek): the smallest power of two at least amax / max, so that nothing saturates;
 * - `Even`: as RoundDown, after rounding amax to the element's precision;
 * - `Ceil`: the smallest power of two at least amax / 2^maxPow2.
 * A NaN or infinite amax gives 255. AITER's HIP kernels multiply by the float32 reciprocal of max where its Python
 * divides; the byte is the same.
 *
 * @param amax largest magnitude of the block, rounded to float32; its sign is ignored
 * @throws ParameterError for an unknown element type or mode
 */
export function mxScaleByte(amax: number, element: MxElement, mode: MxScaleMode): number {
  requireChoice('element', element, MX_ELEMENTS);
  requireChoice('mode', mode, MX_SCALE_MODES);
  const { maxPow2, max, mantissaBits } = ELEMENT[element];
  const magnitude = Math.abs(Math.fround(amax));
  if (!Number.isFinite(magnitude)) return E8M0_NAN;
  switch (mode) {
    case 'RoundDown':
      return f32Bits(magnitude * 2 ** -maxPow2) >>> 23;
    case 'RoundUp':
      return ceilExponent(f32Bits(magnitude / max));
    case 'Ceil':
      return ceilExponent(f32Bits(magnitude * 2 ** -maxPow2));
    case 'Even': {
      const rounded = (f32Bits(magnitude) + 2 ** (22 - mantissaBits)) >>> 23;
      // Rounding may carry a huge amax into the exponent of infinity.
      return rounded === E8M0_NAN ? E8M0_NAN : Math.max(0, rounded - maxPow2);
    }
  }
}

function requireChoice(parameter: string, given: string, choices: readonly string[]): void {
  if (choices.includes(given)) return;
  throw new ParameterError('mxScaleByte', parameter, `is "${given}", expected one of ${choices.join(', ')}.`);
}

/** Exponent byte of the smallest power of two not below a positive float32. */
function ceilExponent(bits: number): number {
  const exponent = bits >>> 23;
  return exponent < 255 && (bits & 0x7fffff) !== 0 ? exponent + 1 : exponent;
}

/**
 * DeepGEMM's `ceil_to_ue8m0`: the smallest power of two not below `|x|`, as a float32, with the exponent kept in 1..254
 * (so 0 gives 2^-126, and infinity and NaN give 2^127).
 */
export function ceilToUe8m0(x: number): number {
  const exponent = ceilExponent(f32Bits(x) & 0x7fffffff);
  return f32FromBits(Math.min(254, Math.max(1, exponent)) << 23);
}

/**
 * The value of an e8m0 byte: 2^(byte - 127), NaN for 255. 0 is 2^-127, a float32 subnormal, and not 0.
 * @throws ParameterError unless the byte is an integer 0..255
 */
export function e8m0ToF32(byte: number): number {
  return decode('e8m0', byte);
}

/**
 * DeepGEMM's `pack_ue8m0_to_int`: the exponent bytes of four neighbouring scales in one int32, the first in the lowest byte.
 * @param scales powers of two, or 0 for padding; the length is a multiple of 4
 * @returns a quarter as many words
 * @throws ParameterError for a scale that is not a power of two, which the CUDA kernel would truncate or let leak into
 * its neighbours: apply `ceilToUe8m0` first
 */
export function packUe8m0(scales: Float32Array): Int32Array {
  if (scales.length % 4 !== 0) {
    throw new ParameterError(
      'packUe8m0',
      'scales',
      `has ${scales.length} elements, expected a multiple of 4; pad with 0.`,
    );
  }
  const bits = new Uint32Array(scales.buffer, scales.byteOffset, scales.length);
  const out = new Int32Array(scales.length / 4);
  for (let index = 0; index < bits.length; index += 1) {
    const word = bits[index] as number;
    if ((word & 0x807fffff) !== 0) {
      throw new ParameterError(
        'packUe8m0',
        'scales',
        `has ${scales[index]} at element ${index}, expected a positive power of two; apply ceilToUe8m0 first.`,
      );
    }
    out[index >> 2] = (out[index >> 2] as number) | ((word >>> 23) << ((index & 3) * 8));
  }
  return out;
}

/**
 * The inverse of `packUe8m0`: four float32 powers of two for each int32. It shifts the byte into the exponent field, as
 * DeepGEMM and SGLang do: byte 0 gives 0 where e8m0 says 2^-127, and 255 gives infinity where e8m0 says NaN.
 */
export function unpackUe8m0(words: Int32Array): Float32Array {
  const out = new Float32Array(words.length * 4);
  const bits = new Uint32Array(out.buffer);
  for (let index = 0; index < bits.length; index += 1) {
    bits[index] = (((words[index >> 2] as number) >>> ((index & 3) * 8)) & 255) << 23;
  }
  return out;
}
