import { type ElementType, elementBits } from '../formats/element-type.ts';
import { encodeArray } from '../formats/encode.ts';
import { packUe8m0 } from '../formats/mx-scale.ts';
import { packNibbles } from '../formats/pack.ts';
import { scaleTmaAligned } from '../layout/activation-scale.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import { addressCoder } from '../tensor/address-coded.ts';
import { asBytes, tensor, tensorFrom } from '../tensor/make.ts';
import { storedIn } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ExponentTiles, scaleExponents } from './exponents.ts';
import { hash, normals, uniform } from './hash.ts';

/** The exponent byte in the middle of those that scales take. */
const MIDDLE = 117;

/** Operands of one call that are salted apart: their names, and never more than this many. */
const SALTS = 64;

/** A salt for one operand of a seed, so that no two operands hold the same codes. */
export function saltOf(seed: number, operand: string): number {
  let name = 0;
  for (const letter of operand) name = (name * 31 + letter.charCodeAt(0)) % SALTS;
  return seed * SALTS + name;
}

/** A row-major tensor whose elements are hashes of their addresses: finite, and different in any other place. */
export function coded(name: string, type: ElementType, shape: readonly number[], salt: number): Tensor {
  const layout = rowMajor(shape);
  const code = addressCoder(type);
  const start = salt * 2 ** 32;
  const bits = elementBits(type);
  const codes = bits === 32 ? new Uint32Array(layout.size) : new Uint16Array(layout.size);
  for (let index = 0; index < layout.size; index += 1) codes[index] = code(start + index);
  return tensor(name, type, layout, packed(codes, bits));
}

function packed(codes: Uint16Array | Uint32Array, bits: number): Uint8Array {
  if (bits === 4) return packNibbles(evenLength(Uint8Array.from(codes)));
  return bits === 8 ? Uint8Array.from(codes) : asBytes(codes);
}

/** With a zero after an odd number of nibbles. */
function evenLength(codes: Uint8Array): Uint8Array {
  if (codes.length % 2 === 0) return codes;
  const even = new Uint8Array(codes.length + 1);
  even.set(codes);
  return even;
}

/** Scales e8m0 [..., columns] with exponents that never repeat at the distance of a tile; leading dimensions count as rows. */
export function e8m0Scales(name: string, shape: readonly number[], salt: number, tiles: ExponentTiles = {}): Tensor {
  const [rows, columns] = matrixOf(shape);
  return tensorFrom(name, 'e8m0', shape, scaleExponents(rows, columns, salt, tiles), 'e8m0');
}

/**
 * Float32 scales [..., columns] with such exponents, and three bits of mantissa that tell the address. With `powers` they are powers
 * of two.
 */
export function f32Scales(
  name: string,
  shape: readonly number[],
  salt: number,
  options: ExponentTiles & { readonly powers?: boolean } = {},
): Tensor {
  const [rows, columns] = matrixOf(shape);
  const { powers = false } = options;
  const exponents = scaleExponents(rows, columns, salt, options);
  const words = Uint32Array.from(
    exponents,
    (exponent, index) => (exponent << 23) | (powers ? 0 : mantissa(index, salt)),
  );
  return tensorFrom(name, 'f32', shape, words, powers ? 'ue8m0-f32' : 'f32');
}

function mantissa(index: number, salt: number): number {
  return (hash(index, salt) & 7) << 20;
}

function matrixOf(shape: readonly number[]): readonly [number, number] {
  const columns = shape.at(-1) ?? 1;
  return [shape.slice(0, -1).reduce((product, size) => product * size, 1), columns];
}

/**
 * Stored in a layout; padding that it adds is poison: 0xff is NaN as a scale, as a float and as an fp8 code (fnuz: a large
 * number), and -6 in both halves of fp4. With `poison` false it is what a careful loader leaves: zeros, and scales of 1.
 */
export function padded(source: Tensor, layout: Layout, poison: boolean): Tensor {
  if (source.layout.equals(layout) && source.layout.id === layout.id) return source;
  if (!poison) return storedIn(source, layout, source.type === 'e8m0' ? 0x7f : 0);
  return storedIn(source, layout, source.type === 'e4m3fnuz' ? 0x80 : 0xff);
}

/**
 * Packs float32 powers of two [rows, groups] as DeepGEMM's SM100 kernels read them: four exponents an int32, the first lowest, column
 * by column. Exponents of groups that a last int32 lacks are 0.
 */
export function packedScales(name: string, scales: Float32Array, groups: number, poison: boolean): Tensor {
  const rows = scales.length / groups;
  const words = Math.ceil(groups / 4);
  const wide = new Float32Array(rows * words * 4);
  for (let row = 0; row < rows; row += 1) wide.set(scales.subarray(row * groups, (row + 1) * groups), row * words * 4);
  const plain = tensorFrom(name, 'i32', [rows, words], packUe8m0(wide), 'ue8m0-packed');
  return padded(plain, scaleTmaAligned([rows, words]), poison);
}

/** Activations [rows, columns]: normal, deviation 1, and one channel in 61 twelve times as large, as in language models. */
export function activationValues(rows: number, columns: number, salt: number): Float32Array {
  const values = normals(rows * columns, salt);
  const first = hash(columns, salt) % Math.min(columns, 61);
  for (let row = 0; row < rows; row += 1) {
    for (let column = first; column < columns; column += 61) {
      const at = row * columns + column;
      values[at] = (values[at] as number) * 12;
    }
  }
  return values;
}

/**
 * A weight [rows, columns]: normal, its deviation between 0.01 and 0.1, another one for every row and for every band of 64 rows by 64
 * columns, as heads and channels have.
 */
export function weightValues(rows: number, columns: number, salt: number): Float32Array {
  const values = normals(rows * columns, salt);
  const bands = Math.ceil(columns / 64);
  for (let row = 0; row < rows; row += 1) {
    const own = 0.5 + 0.5 * uniform(row, salt + 1);
    for (let column = 0; column < columns; column += 1) {
      const band = Math.floor(row / 64) * bands + Math.floor(column / 64);
      const at = row * columns + column;
      values[at] = (values[at] as number) * own * 0.1 * 5 ** -uniform(band, salt + 2);
    }
  }
  return values;
}

/** Number types of activations before they are quantised. */
type FloatType = 'bf16' | 'f16' | 'f32';

/** Floats as a tensor of one of three widths. */
export function floats(name: string, type: FloatType, shape: readonly number[], values: Float32Array): Tensor {
  return tensorFrom(name, type, shape, type === 'f32' ? values : encodeArray(type, values));
}

/**
 * Floats [..., columns] whose values tell their address, for quantisers. The largest magnitude of each group is 2 to 2.875 times a power
 * of two that never repeats at the distance of a tile, so that scales do not either, however they are rounded.
 *
 * @param group columns that share a magnitude
 * @param groupRows rows that share one
 */
export function codedFloats(
  name: string,
  type: FloatType,
  shape: readonly number[],
  group: number,
  salt: number,
  groupRows = 1,
): Tensor {
  const [rows, columns] = matrixOf(shape);
  const groups = Math.ceil(columns / group);
  const exponents = scaleExponents(Math.ceil(rows / groupRows), groups, salt);
  const values = new Float32Array(rows * columns);
  exponents.forEach((exponent, block) => {
    // Sixteenths below a half: the largest magnitude stays on one side of every rule's threshold, and is exact in bf16.
    const magnitude = 2 ** (exponent - MIDDLE) * (1 + (hash(block, salt) & 7) / 16);
    const [top, left] = [Math.floor(block / groups) * groupRows, (block % groups) * group];
    const [bottom, right] = [Math.min(top + groupRows, rows), Math.min(left + group, columns)];
    for (let row = top; row < bottom; row += 1) {
      for (let at = row * columns + left; at < row * columns + right; at += 1) {
        values[at] = (3.96 * uniform(at, salt) - 1.98) * magnitude;
      }
    }
    const pick = hash(block, salt + 1);
    const largest = (top + (pick % (bottom - top))) * columns + left + ((pick >>> 8) % (right - left));
    values[largest] = (pick >>> 31 === 0 ? 2 : -2) * magnitude;
  });
  return floats(name, type, shape, values);
}
