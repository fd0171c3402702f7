import { encode } from '../../../src/formats/encode.ts';
import { f32Bits } from '../../../src/formats/f32.ts';
import type { QuantRule, ScaleRule } from '../../quant-rule.ts';
import { NARROW_FORMAT_WORDS, narrowFormatWords } from './narrow-format.ts';

const FACTOR = { none: 0, divide: 1, multiply: 2 } as const;
const ROUNDING = { none: 0, ue8m0: 1, 'e8m0-floor': 2, 'e8m0-ceil': 3, 'e8m0-even': 4 } as const;
const STEP = { scale: 0, inverse: 1, 'max-over-amax': 2 } as const;

const INFINITY_BITS = 0x7f800000;
const NONE = 0xffffffff;

/** Words of `QuantRule` in lib/quant.h; a field `{ name: 'rule', type: 'u32', count: QUANT_RULE_WORDS }` of a struct. */
export const QUANT_RULE_WORDS: number = NARROW_FORMAT_WORDS + 14;

/**
 * A rule in the words of lib/quant.h.
 * @param byteScales whether scales are stored as exponent bytes (e8m0, or UE8M0 packed by four) instead of binary32
 */
export function quantRuleWords({ scale, encode }: QuantRule, byteScales: boolean): readonly number[] {
  const { format, by, limit = 'none', max } = encode;
  const clamps = limit === 'none' || max === undefined ? {} : { limit: max };
  const nan = limit === 'med3' && max !== undefined ? { nanCode: lowestCode(format, max) } : {};
  return [
    ...narrowFormatWords(format, { ...clamps, ...nan, convention: 'aiter' }),
    by === 'multiply' ? 1 : 0,
    ...scaleRuleWords(scale, byteScales),
  ];
}

/** For kernels that store scales and no codes. */
export function scaleOnlyWords(scale: ScaleRule, byteScales: boolean): readonly number[] {
  return quantRuleWords({ scale, encode: { format: 'e4m3fn', by: 'multiply' } }, byteScales);
}

function scaleRuleWords(scale: ScaleRule, byteScales: boolean): readonly number[] {
  return [
    scale.ignoreNan === true ? INFINITY_BITS : NONE,
    f32Bits(scale.floor ?? 0),
    FACTOR[scale.by ?? 'none'],
    f32Bits(scale.factor ?? 1),
    ROUNDING[scale.rounding ?? 'none'],
    scale.zeroToOne === true ? 1 : 0,
    2 ** (22 - (scale.mantissaBits ?? 0)),
    scale.maxExponent ?? 0,
    scale.byteCeiling ?? 255,
    scale.byteFloor ?? 0,
    STEP[scale.step ?? 'scale'],
    f32Bits(scale.stepMax ?? 1),
    byteScales ? 1 : 0,
  ];
}

/** AMD's median of (NaN, -max, max) is -max. */
function lowestCode(format: QuantRule['encode']['format'], max: number): number {
  return encode(format, -max);
}
