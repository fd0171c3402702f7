import { PreshuffleError } from '../errors.ts';

/** A file is not npy, or uses a part of the format that has no meaning here. */
export class NpyError extends PreshuffleError {
  constructor(file: string, message: string, options?: ErrorOptions) {
    super('npy', `${file}: ${message}`, options);
  }
}

/** Element types of npy files that have a typed array, by numpy's code without the byte order. */
export type NpyDtype = 'b1' | 'u1' | 'i1' | 'u2' | 'i2' | 'u4' | 'i4' | 'u8' | 'i8' | 'f2' | 'f4' | 'f8';

export interface NpyArray {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  /** Little-endian elements in row-major order, whatever the file had. */
  readonly bytes: Uint8Array;
}

const MAGIC: readonly number[] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const DTYPES: readonly NpyDtype[] = ['b1', 'u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8', 'f2', 'f4', 'f8'];
const HEADER =
  /^\{\s*'descr'\s*:\s*'([<>|=])(\w+)'\s*,\s*'fortran_order'\s*:\s*(True|False)\s*,\s*'shape'\s*:\s*\(([\d,\s]*)\)\s*,?\s*\}\s*$/;

/** Parses an npy file of version 1, 2 or 3. Big-endian and Fortran-ordered arrays are converted. */
export function parseNpy(file: Uint8Array, name = 'npy'): NpyArray {
  if (file.length < 10 || MAGIC.some((byte, index) => file[index] !== byte)) {
    throw new NpyError(name, 'does not begin with the npy signature \\x93NUMPY.');
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const major = view.getUint8(6);
  if (major < 1 || major > 3)
    throw new NpyError(name, `has npy version ${major}.${view.getUint8(7)}, expected 1, 2 or 3.`);
  const start = major === 1 ? 10 : 12;
  if (file.length < start) throw new NpyError(name, `is ${file.length} bytes long and ends inside its header.`);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (start + length > file.length)
    throw new NpyError(
      name,
      `says that its header is ${length} bytes long, but ${file.length - start} follow. The file is cut off.`,
    );
  const text = new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(file.subarray(start, start + length));
  const match = HEADER.exec(text.trimEnd());
  if (match === null)
    throw new NpyError(
      name,
      `has the header ${JSON.stringify(text.trimEnd())}, expected descr, fortran_order and shape of a plain array.`,
    );
  const [, order = '<', code = '', fortran, sizes = ''] = match;
  const dtype = DTYPES.find((known) => known === code);
  if (dtype === undefined)
    throw new NpyError(name, `has dtype "${order}${code}", expected one of ${DTYPES.join(', ')}.`);
  const shape = sizes
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  const width = Number(dtype.slice(1));
  const expected = shape.reduce((product, size) => product * size, width);
  const data = file.subarray(start + length);
  if (data.length !== expected) {
    throw new NpyError(
      name,
      `of ${dtype} [${shape.join(', ')}] takes ${expected} bytes, but ${data.length} follow the header.`,
    );
  }
  const swapped = order === '>' ? swapBytes(data, width) : data;
  return { dtype, shape, bytes: fortran === 'True' ? toRowMajor(swapped, shape, width) : swapped };
}

/** Writes a version 1 file, data aligned to 64 bytes as numpy does. */
export function writeNpy(array: NpyArray, name = 'npy'): Uint8Array {
  const { dtype, shape, bytes } = array;
  const width = Number(dtype.slice(1));
  const expected = shape.reduce((product, size) => product * size, width);
  if (bytes.length !== expected)
    throw new NpyError(name, `${dtype} [${shape.join(', ')}] takes ${expected} bytes, but ${bytes.length} were given.`);
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${width === 1 ? '|' : '<'}${dtype}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const total = Math.ceil((10 + text.length + 1) / 64) * 64;
  const file = new Uint8Array(total + bytes.length).fill(0x20, 0, total);
  file.set(MAGIC);
  file.set([1, 0, (total - 10) & 255, (total - 10) >> 8], 6);
  file.set(new TextEncoder().encode(text), 10);
  file[total - 1] = 0x0a;
  file.set(bytes, total);
  return file;
}

function swapBytes(data: Uint8Array, width: number): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += width)
    for (let byte = 0; byte < width; byte += 1) out[at + byte] = data[at + width - 1 - byte] as number;
  return out;
}

/** npy's Fortran order is the transposed array in row-major order. */
function toRowMajor(data: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  const out = new Uint8Array(data.length);
  const coord = shape.map(() => 0);
  for (let from = 0; from < data.length; from += width) {
    const to = coord.reduce((index, value, axis) => index * (shape[axis] as number) + value, 0) * width;
    out.set(data.subarray(from, from + width), to);
    for (let axis = 0; axis < coord.length; axis += 1) {
      coord[axis] = (coord[axis] as number) + 1;
      if (coord[axis] !== shape[axis]) break;
      coord[axis] = 0;
    }
  }
  return out;
}
