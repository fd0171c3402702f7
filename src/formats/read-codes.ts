import { decode, decodeTable, type NarrowFormatName } from './decode.ts';
import { type ElementType, isIntegerType } from './element-type.ts';
import { f32FromBits } from './f32.ts';

/**
 * Reads the code of one element after another from packed storage, in little-endian order.
 *
 * @param bits of an element: 4 (the even one in the low nibble), 8, 16, 32 or 64, of which the low 32 are read
 * @returns the code at a storage offset in elements; past the end it is undefined behaviour, as with arrays
 */
export function codeReader(bytes: Uint8Array, bits: number): (offset: number) => number {
  if (bits === 4) {
    // No shifts of the offset: a shard may hold more than 2^32 nibbles.
    return (offset) => {
      const high = offset % 2;
      return ((bytes[(offset - high) / 2] as number) >> (high * 4)) & 15;
    };
  }
  if (bits === 8) return (offset) => bytes[offset] as number;
  const { buffer, byteOffset, byteLength } = bytes;
  if (bits === 16 && byteOffset % 2 === 0) {
    const words = new Uint16Array(buffer, byteOffset, Math.floor(byteLength / 2));
    return (offset) => words[offset] as number;
  }
  if (bits === 32 && byteOffset % 4 === 0) {
    const words = new Uint32Array(buffer, byteOffset, Math.floor(byteLength / 4));
    return (offset) => words[offset] as number;
  }
  // Files put tensors at odd bytes, too.
  const view = new DataView(buffer, byteOffset, byteLength);
  if (bits === 16) return (offset) => view.getUint16(offset * 2, true);
  return (offset) => view.getUint32((offset * bits) / 8, true);
}

/** The number that a code of this type stands for; integers, float64 and 64-bit integers count as they are. */
export function codeValue(type: ElementType, code: number): number {
  return valueReader(type)(code);
}

const readers = new Map<ElementType, (code: number) => number>();

/**
 * `codeValue` for many codes of one type.
 * @throws ParameterError, when it is called, for a code that the format does not have
 */
export function valueReader(type: ElementType): (code: number) => number {
  let reader = readers.get(type);
  if (reader === undefined) {
    reader = makeValueReader(type);
    readers.set(type, reader);
  }
  return reader;
}

function makeValueReader(type: ElementType): (code: number) => number {
  switch (type) {
    case 'i8':
      return (code) => (code << 24) >> 24;
    case 'i16':
      return (code) => (code << 16) >> 16;
    case 'i32':
      return (code) => code | 0;
    case 'f32':
      return f32FromBits;
    case 'f64':
      return (value) => value;
    default:
      return isIntegerType(type) ? (code) => code : narrowReader(type);
  }
}

/** By table; a code that the format does not have gives decode's error. */
function narrowReader(type: NarrowFormatName): (code: number) => number {
  const table = decodeTable(type);
  return (code) => table[code] ?? decode(type, code);
}
