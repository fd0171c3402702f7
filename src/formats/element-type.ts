import { type FloatFormatName, formatFacts } from './facts.ts';

/** Integers that occur beside the float formats: indices, masks, packed words, and raw bytes of unknown meaning. */
export type IntegerType = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64';

/** Every element type a tensor can have. */
export type ElementType = FloatFormatName | IntegerType;

const INTEGER_BITS: Readonly<Record<IntegerType, number>> = {
  u8: 8,
  i8: 8,
  u16: 16,
  i16: 16,
  u32: 32,
  i32: 32,
  u64: 64,
  i64: 64,
};

export function isIntegerType(type: ElementType): type is IntegerType {
  return Object.hasOwn(INTEGER_BITS, type);
}

/** Bits one element takes in storage: 4 for e2m1 (two codes a byte, even element in the low nibble). */
export function elementBits(type: ElementType): number {
  return isIntegerType(type) ? INTEGER_BITS[type] : formatFacts(type).storageBits;
}
