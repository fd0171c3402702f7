import type { EncodeConvention } from './convention.ts';
import type { FormatFacts } from './facts.ts';

/** Bits of the quiet NaN that stands for every JavaScript NaN, whose sign and payload a program cannot see. */
export const QUIET_NAN_F32 = 0x7fc00000;

/** The code AITER's integer e2m1 conversion leaves for a NaN, sign bit clear. */
const AITER_E2M1_NAN = 3;

/** What torch's float8_e5m2 conversion writes for a NaN, sign bit clear. */
const TORCH_E5M2_NAN = 0x7f;

/** What the vector conversion of torch (AVX2, AVX512) writes for every float32 NaN. */
const TORCH_BF16_NAN_OF_F32 = 0xffff;

/** What the scalar conversion of torch writes for every NaN of another type. */
const TORCH_BF16_NAN = 0x7fc0;

/**
 * The code of a NaN. A format of at most 16 bits.
 * @param bits the NaN as a float32 pattern: sign and upper payload
 * @param fromF32 whether the source was a float32 array, which decides between torch's two bf16 conversions
 */
export function nanCodeOf(facts: FormatFacts, bits: number, convention: EncodeConvention, fromF32: boolean): number {
  const { name, nanCode } = facts;
  const torch = convention === 'torch' || convention === 'aiter';
  const sign = bits >>> 31 === 0 ? 0 : 2 ** (facts.codeBits - 1);
  if (name === 'f16') return sign | 0x7e00 | ((bits >>> 13) & 0x3ff);
  if (nanCode === undefined) {
    if (convention === 'ml_dtypes') return 0;
    return torch && name === 'e2m1' ? AITER_E2M1_NAN | sign : facts.maxCode;
  }
  if (torch && name === 'bf16') return fromF32 ? TORCH_BF16_NAN_OF_F32 : TORCH_BF16_NAN;
  if (torch && name === 'e5m2') return TORCH_E5M2_NAN | sign;
  // e8m0 has no sign, and the fnuz formats keep their NaN where others have -0.
  return facts.hasNegativeZero ? nanCode | sign : nanCode;
}
