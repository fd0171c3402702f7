import { ParameterError } from '../errors.ts';

/** The float formats this module knows, under the names of torch and ml_dtypes without the `float8_` prefix. */
export type FloatFormatName =
  | 'f64'
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'e4m3fn'
  | 'e4m3fnuz'
  | 'e5m2'
  | 'e5m2fnuz'
  | 'e8m0'
  | 'e2m1'
  | 'e2m3'
  | 'e3m2';

/** What numpy's `finfo` would say, and how the codes are laid out. */
export interface FormatFacts {
  readonly name: FloatFormatName;
  /** Bits of a code: 6 for e2m3 and e3m2. */
  readonly codeBits: number;
  /** Bits an element takes in a tensor: 4 for e2m1 (two a byte, even element low), 8 for the 6-bit formats. */
  readonly storageBits: number;
  readonly exponentBits: number;
  /** Stored bits, without the implicit one. */
  readonly mantissaBits: number;
  /** A normal code with exponent field e stands for (1 + mantissa) 2^(e - bias). */
  readonly bias: number;
  /** False for e8m0 alone. The sign is the top bit of a code. */
  readonly signed: boolean;
  /** Largest finite value. */
  readonly max: number;
  /** Code of `max`, sign bit clear. NaN for f64, whose codes do not fit a number. */
  readonly maxCode: number;
  /** Smallest positive normal value. */
  readonly minNormal: number;
  /** Smallest positive value; equals `minNormal` where there are no subnormals. */
  readonly minSubnormal: number;
  /** Distance from 1 to the next larger value. */
  readonly eps: number;
  readonly hasInfinity: boolean;
  readonly hasNaN: boolean;
  /** False for the fnuz formats, which keep their NaN there, and for e8m0. */
  readonly hasNegativeZero: boolean;
  /** False for e8m0 alone. */
  readonly hasZero: boolean;
  /** Code of a positive quiet NaN; `undefined` where the format has none, and for f64. */
  readonly nanCode: number | undefined;
  /** Code of +infinity; `undefined` where the format has none, and for f64. */
  readonly infinityCode: number | undefined;
  /** Decimal digits that survive a round trip, as C's FLT_DIG. */
  readonly digits: number;
}

type Special = 'ieee' | 'fn' | 'fnuz' | 'finite' | 'e8m0';

function describe(
  name: FloatFormatName,
  exponentBits: number,
  mantissaBits: number,
  bias: number,
  special: Special,
): FormatFacts {
  const signed = special !== 'e8m0';
  const codeBits = exponentBits + mantissaBits + (signed ? 1 : 0);
  const topExponent = 2 ** exponentBits - 1;
  const step = 2 ** mantissaBits;
  // Magnitude code of the largest finite value: what the special values leave over.
  const infinityMagnitude = topExponent * step;
  const allOnes = infinityMagnitude + step - 1;
  const maxCode =
    special === 'ieee' ? infinityMagnitude - 1 : special === 'fn' || special === 'e8m0' ? allOnes - 1 : allOnes;
  const maxExponent = Math.floor(maxCode / step) - bias;
  const minExponent = special === 'e8m0' ? -bias : 1 - bias;
  const minNormal = 2 ** minExponent;
  return {
    name,
    codeBits,
    storageBits: codeBits === 6 ? 8 : codeBits,
    exponentBits,
    mantissaBits,
    bias,
    signed,
    max: (1 + (maxCode % step) / step) * 2 ** maxExponent,
    maxCode,
    minNormal,
    minSubnormal: minNormal / step,
    eps: 1 / step,
    hasInfinity: special === 'ieee',
    hasNaN: special !== 'finite',
    hasNegativeZero: special !== 'fnuz' && special !== 'e8m0',
    hasZero: special !== 'e8m0',
    nanCode: nanCode(special, infinityMagnitude, step, allOnes, codeBits),
    infinityCode: special === 'ieee' ? infinityMagnitude : undefined,
    digits: Math.floor(mantissaBits * Math.log10(2)),
  };
}

function nanCode(
  special: Special,
  infinity: number,
  step: number,
  allOnes: number,
  codeBits: number,
): number | undefined {
  switch (special) {
    case 'ieee':
      return infinity + step / 2;
    case 'fn':
    case 'e8m0':
      return allOnes;
    case 'fnuz':
      return 2 ** (codeBits - 1);
    case 'finite':
      return undefined;
  }
}

const FACTS: Readonly<Record<FloatFormatName, FormatFacts>> = {
  // Codes of float64 exceed 2^53, so the arithmetic above cannot give them.
  f64: {
    ...describe('f64', 11, 52, 1023, 'ieee'),
    max: Number.MAX_VALUE,
    maxCode: Number.NaN,
    nanCode: undefined,
    infinityCode: undefined,
  },
  f32: describe('f32', 8, 23, 127, 'ieee'),
  f16: describe('f16', 5, 10, 15, 'ieee'),
  bf16: describe('bf16', 8, 7, 127, 'ieee'),
  e4m3fn: describe('e4m3fn', 4, 3, 7, 'fn'),
  e4m3fnuz: describe('e4m3fnuz', 4, 3, 8, 'fnuz'),
  e5m2: describe('e5m2', 5, 2, 15, 'ieee'),
  e5m2fnuz: describe('e5m2fnuz', 5, 2, 16, 'fnuz'),
  e8m0: describe('e8m0', 8, 0, 127, 'e8m0'),
  e2m1: describe('e2m1', 2, 1, 1, 'finite'),
  e2m3: describe('e2m3', 2, 3, 1, 'finite'),
  e3m2: describe('e3m2', 3, 2, 3, 'finite'),
};

/** All formats, widest first. */
export const FLOAT_FORMATS: readonly FloatFormatName[] = Object.keys(FACTS) as FloatFormatName[];

/** Whether a string names a float format. */
export function isFloatFormat(name: string): name is FloatFormatName {
  return Object.hasOwn(FACTS, name);
}

/**
 * Facts of a format, as numpy's `finfo` and ml_dtypes' `finfo` give them (OCP OFP8 and MX v1.0 for the narrow formats).
 * @throws ParameterError for an unknown name
 */
export function formatFacts(name: FloatFormatName): FormatFacts {
  if (!isFloatFormat(name)) {
    throw new ParameterError('formatFacts', 'name', `is "${name}", expected one of ${FLOAT_FORMATS.join(', ')}.`);
  }
  return FACTS[name];
}
