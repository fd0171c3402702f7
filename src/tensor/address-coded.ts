import { type ElementType, elementBits, isIntegerType } from '../formats/element-type.ts';
import { encode } from '../formats/encode.ts';
import { f32Bits } from '../formats/f32.ts';
import { formatFacts } from '../formats/facts.ts';

/**
 * A code that tells its address: a hash of the element's number, so that elements which change places change values. Finite in
 * every format; e8m0 and f32, the types of scales, stay between 2^-14 and 2^-3.
 *
 * @param index row-major number of the element, 0 and up
 * @returns the code, as many bits as the type stores; of f64 and 64-bit integers the low 32 bits
 */
export function addressCode(type: ElementType, index: number): number {
  return addressCoder(type)(index);
}

/** `addressCode` for many elements of one type. */
export function addressCoder(type: ElementType): (index: number) => number {
  if (isIntegerType(type)) {
    const count = 2 ** Math.min(32, elementBits(type));
    return (index) => remainder(spread(index), count);
  }
  switch (type) {
    case 'e8m0':
      return (index) => 113 + remainder(spread(index), 11);
    case 'f32':
      return (index) => {
        const hash = spread(index);
        return f32Bits((1 + ((hash >>> 8) % 8) / 8) * 2 ** (remainder(hash, 11) - 14));
      };
    case 'f64':
      return spread;
    case 'f16':
    case 'bf16':
      return (index) => encode(type, (remainder(spread(index), 4093) - 2046) / 1024);
    default: {
      const { maxCode, codeBits } = formatFacts(type);
      const signBit = 2 ** (codeBits - 1);
      return (index) => {
        const hash = spread(index);
        const magnitude = remainder(hash, maxCode + 1);
        // A zero stays positive: its negative is NaN in the fnuz formats.
        return magnitude === 0 ? 0 : magnitude + ((hash >>> 16) & 1) * signBit;
      };
    }
  }
}

/** `hash % count` of 32 bits; an engine's `%` of numbers beyond 31 bits is many times slower. */
function remainder(hash: number, count: number): number {
  return hash - Math.floor(hash / count) * count;
}

/** Spreads an index of up to 53 bits over 32. */
function spread(index: number): number {
  let hash = Math.imul(index | 0, 0x9e3779b1) ^ Math.imul(Math.floor(index / 2 ** 32) + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return (hash ^ (hash >>> 15)) >>> 0;
}
