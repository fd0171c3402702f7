import { decode } from '../../formats/decode.ts';
import { type ElementType, isIntegerType } from '../../formats/element-type.ts';
import { formatFacts } from '../../formats/facts.ts';

/** What is worth a look in an element's code, by bit. Padding has its own flag, whatever it holds. */
export const FLAG = { nan: 1, infinity: 2, saturated: 4, subnormal: 8, zero: 16 } as const;
export type FlagId = keyof typeof FLAG;
export const FLAGS = Object.keys(FLAG) as readonly FlagId[];

/**
 * The flags of a code: a NaN, an infinity, the largest finite magnitude (what saturation leaves), a subnormal, a zero. Integers can
 * only be zero.
 *
 * @returns a table lookup for codes of at most 16 bits, arithmetic for wider ones
 */
export function flagsOf(type: ElementType): (code: number) => number {
  if (isIntegerType(type)) return (code) => (code === 0 ? FLAG.zero : 0);
  const { max, minNormal, hasZero, codeBits } = formatFacts(type);
  const ofValue = (value: number): number => {
    const magnitude = Math.abs(value);
    if (Number.isNaN(value)) return FLAG.nan;
    if (magnitude === Number.POSITIVE_INFINITY) return FLAG.infinity;
    if (magnitude === max) return FLAG.saturated;
    if (magnitude === 0) return hasZero ? FLAG.zero : 0;
    return magnitude < minNormal ? FLAG.subnormal : 0;
  };
  if (type === 'f64') return ofValue;
  if (codeBits > 16) return (code) => ofValue(decode(type, code));
  const mask = 2 ** codeBits - 1;
  const table = Uint8Array.from({ length: mask + 1 }, (_, code) => ofValue(decode(type, code)));
  return (code) => table[code & mask] as number;
}

/** Names of flags in texts. */
export const FLAG_NAMES: Readonly<Record<FlagId, string>> = {
  nan: 'NaN codes',
  infinity: 'infinities',
  saturated: 'saturated (± max)',
  subnormal: 'subnormals',
  zero: 'zeros',
};
