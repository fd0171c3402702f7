import { decode } from '../../formats/decode.ts';
import { type ElementType, elementBits } from '../../formats/element-type.ts';
import { encodeArray } from '../../formats/encode.ts';
import { packNibbles } from '../../formats/pack.ts';
import { type Layout, permute, rowMajor } from '../../layout/index.ts';
import { addressCode } from '../../tensor/address-coded.ts';
import { asBytes, tensor, tensorFrom } from '../../tensor/make.ts';
import type { ScaleEncoding, Tensor } from '../../tensor/tensor.ts';

/** Padding of what is read: both nibbles differ, and as a scale it is no power of two near 1, so that reading it shows. */
const POISON = 0xa5;

/** Floats of three widths: sources of the quantisers. */
export type FloatSource = 'f32' | 'bf16' | 'f16';

export interface CodedOptions {
  /** Number of the first element: tensors of one run start at different ones. Default 0. */
  readonly start?: number;
  readonly scaling?: ScaleEncoding;
}

/** A row-major tensor of address codes: finite in every format, different for neighbours. */
export function coded(name: string, type: ElementType, shape: readonly number[], options: CodedOptions = {}): Tensor {
  const { start = 0, scaling } = options;
  const layout = rowMajor(shape);
  const codes = Uint32Array.from({ length: layout.size }, (_, index) => addressCode(type, start + index));
  return tensor(name, type, layout, packed(codes, elementBits(type)), scaling);
}

function packed(codes: Uint32Array, bits: number): Uint8Array {
  switch (bits) {
    case 4:
      return packNibbles(Uint8Array.from(codes));
    case 8:
      return Uint8Array.from(codes);
    case 16:
      return asBytes(Uint16Array.from(codes));
    case 32:
      return asBytes(codes);
    default:
      return asBytes(BigUint64Array.from(codes, BigInt));
  }
}

/** The same elements in another layout. */
export function storedIn(source: Tensor, layout: Layout, fill: number = POISON): Tensor {
  const bytes = permute(source.bytes, source.layout, layout, elementBits(source.type), { fill });
  return tensor(source.name, source.type, layout, bytes, source.scaling);
}

/**
 * Activations [rows, columns] between 2^-8 and 2^8 that differ by address, with another magnitude for every 32 of a row.
 * @param special puts zeros, subnormals, infinities and NaN into every fifth stretch
 */
export function activations(type: FloatSource, [rows = 0, columns = 0]: readonly number[], special: boolean): Tensor {
  const values = Float32Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const stretch = row * 7 + (column >> 5);
    const plain = decode('bf16', addressCode('bf16', index)) * 2 ** (((stretch * 5) % 15) - 7);
    return special && stretch % 5 === 4 ? hard(stretch, column, plain) : plain;
  });
  return tensorFrom('x', type, [rows, columns], type === 'f32' ? values : encodeArray(type, values));
}

/** One kind of difficulty for a stretch of 32. */
function hard(stretch: number, column: number, plain: number): number {
  switch (Math.floor(stretch / 5) % 4) {
    case 0:
      return column % 2 === 0 ? 0 : -0;
    case 1:
      return plain * 2 ** -132;
    case 2:
      return column % 32 === 5 ? Number.NEGATIVE_INFINITY : plain;
    default:
      return column % 32 === 6 ? Number.NaN : plain;
  }
}
