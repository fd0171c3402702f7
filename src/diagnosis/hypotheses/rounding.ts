import { decodeTable } from '../../formats/decode.ts';
import { encode } from '../../formats/encode.ts';
import { formatFacts } from '../../formats/facts.ts';

/** Formats whose codes fit a table. */
export type RoundedFormat = 'e4m3fn' | 'e4m3fnuz' | 'e5m2' | 'e5m2fnuz' | 'e2m1' | 'e2m3' | 'e3m2' | 'bf16' | 'f16';

/** Roundings that are not the one to nearest, ties to even. */
export type OddRounding = 'truncated' | 'ties away from zero' | 'ties toward zero';

/**
 * The code of a number under another rounding than the format's own, from the nearest code and its neighbours.
 * Truncation does not overflow.
 */
export function roundedCode(format: RoundedFormat, x: number, rounding: OddRounding): number {
  const facts = formatFacts(format);
  const values = decodeTable(format);
  const at = (code: number): number => values[code] as number;
  const magnitude = Math.abs(x);
  const nearest = encode(format, magnitude);
  const sign = encode(format, x) === nearest && x >= 0 && !Object.is(x, -0) ? 0 : 2 ** (facts.codeBits - 1);
  const signed = (code: number): number => (code === 0 && !facts.hasNegativeZero ? 0 : code + sign);
  if (!Number.isFinite(x)) return encode(format, x);
  if (rounding === 'truncated') {
    if (nearest > facts.maxCode || magnitude >= facts.max) return signed(facts.maxCode);
    return signed(at(nearest) > magnitude ? nearest - 1 : nearest);
  }
  if (nearest > facts.maxCode) return encode(format, x);
  const away = rounding === 'ties away from zero';
  const other = away ? nearest + 1 : nearest - 1;
  if (other < 0 || other > facts.maxCode) return signed(nearest);
  const tie = Math.abs(at(other) - magnitude) === Math.abs(at(nearest) - magnitude);
  return signed(tie ? other : nearest);
}
