import type { EncodeConvention } from '../../../src/formats/convention.ts';
import { elementBits } from '../../../src/formats/element-type.ts';
import { f32Bits } from '../../../src/formats/f32.ts';
import { type FloatFormatName, formatFacts } from '../../../src/formats/facts.ts';
import { nanCodeOf } from '../../../src/formats/nan-code.ts';

/** Formats that `lib/narrow.h` rounds to. */
export type NarrowTarget = Exclude<FloatFormatName, 'f64' | 'f32' | 'e8m0'>;

const INFINITY_BITS = 0x7f800000;
const F32_BIAS = 127;
const F32_MANTISSA = 23;

export interface NarrowOptions {
  /** Magnitudes are cut to this first. Default: not. */
  readonly limit?: number;
  /** Default: that of torch, sign bit clear. */
  readonly nanCode?: number;
  readonly convention?: EncodeConvention;
}

/** Words of `NarrowFormat` in lib/narrow.h. */
export const NARROW_FORMAT_WORDS = 13;

/** A format in the words of lib/narrow.h. */
export function narrowFormatWords(name: NarrowTarget, options: NarrowOptions = {}): readonly number[] {
  const facts = formatFacts(name);
  const { bias, codeBits, mantissaBits, maxCode, minNormal, minSubnormal, hasNegativeZero } = facts;
  const { limit, convention = 'torch', nanCode = nanCodeOf(facts, 0x7fc00000, convention, true) } = options;
  const shift = F32_MANTISSA - mantissaBits;
  // bf16 has the exponents of binary32: its subnormals are rounded like other numbers.
  const sameExponents = bias === F32_BIAS;
  return [
    elementBits(name),
    shift,
    2 ** (shift - 1) - 1,
    (F32_BIAS - bias) * 2 ** mantissaBits,
    sameExponents ? 0 : f32Bits(minNormal),
    f32Bits(minSubnormal * 2 ** F32_MANTISSA),
    limit === undefined ? INFINITY_BITS : f32Bits(limit),
    maxCode,
    facts.infinityCode ?? facts.nanCode ?? maxCode,
    nanCode,
    32 - codeBits,
    2 ** (codeBits - 1),
    hasNegativeZero ? 0xffffffff : 0,
  ];
}
