import { SafetensorsError } from './safetensors-error.ts';
import { headerLength, LENGTH_BYTES, parseHeader, type TensorEntry } from './safetensors-header.ts';
import type { ByteSource } from './source.ts';

/** A tensor as the file has it: no layout, no meaning. */
export interface RawTensor {
  readonly name: string;
  readonly dtype: TensorEntry['dtype'];
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** An open file: its header is checked, its tensors are read on demand. */
export interface SafetensorsFile {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** @throws SafetensorsError when there is no such tensor */
  read(name: string): Promise<RawTensor>;
  /** Bytes `begin` .. `end - 1` of a tensor: rows of a weight without the rest. */
  readSlice(name: string, begin: number, end: number): Promise<Uint8Array>;
}

/**
 * Opens a file: reads and checks the header, and nothing else.
 * @throws SafetensorsError
 */
export async function readSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const start = await source.read(0, Math.min(LENGTH_BYTES, source.size));
  const length = headerLength(source.name, start, source.size);
  const dataStart = LENGTH_BYTES + length;
  const header = parseHeader(source.name, await source.read(LENGTH_BYTES, dataStart), source.size - dataStart);
  const entryOf = (name: string): TensorEntry => {
    const entry = header.tensors.get(name);
    if (entry === undefined) {
      throw new SafetensorsError(
        source.name,
        `has no tensor "${name}". It has ${listNames([...header.tensors.keys()])}.`,
      );
    }
    return entry;
  };
  return {
    name: source.name,
    ...header,
    async read(name) {
      const { dtype, shape, begin, end } = entryOf(name);
      return { name, dtype, shape, bytes: await source.read(dataStart + begin, dataStart + end) };
    },
    async readSlice(name, begin, end) {
      const entry = entryOf(name);
      const size = entry.end - entry.begin;
      if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || begin > end || end > size) {
        throw new SafetensorsError(
          source.name,
          `tensor "${name}" has ${size} bytes; the slice [${begin}, ${end}] is outside.`,
        );
      }
      return source.read(dataStart + entry.begin + begin, dataStart + entry.begin + end);
    },
  };
}

/** A file in memory, parsed at once. Tensors are views of `bytes`, not copies. */
export interface ParsedSafetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, RawTensor>;
}

/**
 * Parses a whole file in memory without copying tensors.
 * @throws SafetensorsError
 */
export function parseSafetensors(bytes: Uint8Array, name = 'memory'): ParsedSafetensors {
  const length = headerLength(name, bytes, bytes.byteLength);
  const dataStart = LENGTH_BYTES + length;
  const { metadata, tensors } = parseHeader(
    name,
    bytes.subarray(LENGTH_BYTES, dataStart),
    bytes.byteLength - dataStart,
  );
  const views = [...tensors].map(([tensor, { dtype, shape, begin, end }]) => {
    const raw: RawTensor = { name: tensor, dtype, shape, bytes: bytes.subarray(dataStart + begin, dataStart + end) };
    return [tensor, raw] as const;
  });
  return { metadata, tensors: new Map(views) };
}

function listNames(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.length <= 12 ? names.join(', ') : `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`;
}
