import { encodeArray } from '../../formats/encode.ts';
import { f32Bits, f32FromBits } from '../../formats/f32.ts';
import { asBytes } from '../../tensor/make.ts';

/** Formats in which the matrix multiplications return their result. */
export type OutputFormat = 'bf16' | 'f16' | 'f32';

/** How a result reaches its format. AMD's prebuilt gfx950 fp8 kernels drop the low 16 bits of the accumulator. */
export type OutputRounding = 'nearest-even' | 'truncate';

/** Rounds once from float64 and returns the bytes of the codes. Truncation exists for bf16 only. */
export function roundedBytes(values: Float64Array, format: OutputFormat, rounding: OutputRounding): Uint8Array {
  if (rounding === 'truncate') return asBytes(Uint16Array.from(values, truncatedBf16));
  if (format === 'f32') return asBytes(new Float32Array(values));
  return asBytes(encodeArray(format, values));
}

function truncatedBf16(value: number): number {
  const rounded = Math.fround(value);
  const bits = f32Bits(rounded);
  // Rounding to float32 first may have carried over a bf16 boundary: step back toward zero.
  const carried = Math.abs(f32FromBits(bits)) > Math.abs(value) && Number.isFinite(rounded);
  return (carried ? bits - 1 : bits) >>> 16;
}
