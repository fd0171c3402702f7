import { dtypeBits, type SafetensorsDtype } from './safetensors-dtypes.ts';
import { SafetensorsError } from './safetensors-error.ts';
import { LENGTH_BYTES } from './safetensors-header.ts';

/** A tensor to write. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * The file as chunks, header first: nothing is copied, so tensors larger than memory allows twice can be written.
 * Tensors are ordered by falling element width and then by name, and the header is padded with spaces to 8 bytes, so that
 * every tensor is aligned to its elements.
 *
 * @throws SafetensorsError for a duplicate or reserved name and for bytes that do not fit dtype and shape
 */
export function* safetensorsChunks(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
  file = 'safetensors',
): Generator<Uint8Array, void, undefined> {
  const ordered = tensors.toSorted((a, b) => dtypeBits(b.dtype) - dtypeBits(a.dtype) || (a.name < b.name ? -1 : 1));
  yield headerBytes(file, ordered, metadata);
  for (const { bytes } of ordered) yield bytes;
}

/** The whole file in one array. */
export function writeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const chunks = [...safetensorsChunks(tensors, metadata)];
  const file = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    file.set(chunk, at);
    at += chunk.byteLength;
  }
  return file;
}

function headerBytes(
  file: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const names = new Set<string>();
  const entries: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata]];
  let at = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    if (name === '__metadata__')
      throw new SafetensorsError(file, 'a tensor cannot be named "__metadata__", which the format reserves.');
    if (names.has(name)) throw new SafetensorsError(file, `tensor "${name}" was given twice; names must be unique.`);
    names.add(name);
    const expected = shape.reduce((product, size) => product * size, dtypeBits(dtype)) / 8;
    if (bytes.byteLength !== expected) {
      throw new SafetensorsError(
        file,
        `tensor "${name}" of ${dtype} [${shape.join(', ')}] takes ${expected} bytes, but ${bytes.byteLength} were given.`,
      );
    }
    entries.push([name, { dtype, shape, data_offsets: [at, at + bytes.byteLength] }]);
    at += bytes.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = Math.ceil(text.byteLength / 8) * 8;
  const header = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, LENGTH_BYTES);
  return header;
}
