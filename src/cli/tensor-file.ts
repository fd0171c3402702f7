import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type FileSource, fileSource } from '../io/node.ts';
import { type NpyDtype, parseNpy } from '../io/npy.ts';
import type { SafetensorsDtype } from '../io/safetensors-dtypes.ts';
import { readSafetensors } from '../io/safetensors-read.ts';
import { openSharded } from '../io/sharded.ts';
import { InputError } from './inputs.ts';
import type { TensorArgument } from './tensor-argument.ts';

/** What the header of a file says of a tensor. */
export interface TensorFileEntry {
  /** `undefined` for raw bytes. */
  readonly dtype: SafetensorsDtype | undefined;
  readonly shape: readonly number[] | undefined;
  readonly byteLength: number;
}

/** A file of tensors, whatever its format. Tensors are read on demand. */
export interface TensorFile {
  readonly file: string;
  readonly kind: 'safetensors' | 'a sharded checkpoint' | 'npy' | 'raw bytes';
  /** False where the file holds a single tensor without a name. */
  readonly namesTensors: boolean;
  readonly entries: ReadonlyMap<string, TensorFileEntry>;
  readonly warnings: readonly string[];
  read(name: string): Promise<TensorArgument>;
  close(): Promise<void>;
}

const NPY: Readonly<Record<NpyDtype, SafetensorsDtype>> = {
  b1: 'BOOL',
  u1: 'U8',
  i1: 'I8',
  u2: 'U16',
  i2: 'I16',
  u4: 'U32',
  i4: 'I32',
  u8: 'U64',
  i8: 'I64',
  f2: 'F16',
  f4: 'F32',
  f8: 'F64',
};

/**
 * Opens a file by what it is: the index of a sharded checkpoint, safetensors, npy, and otherwise raw bytes.
 * @throws InputError for files that hold tensors in a format that is not read here
 */
export async function openTensorFile(file: string): Promise<TensorFile> {
  if (file.endsWith('.json')) return openIndex(file);
  const source = await fileSource(file).catch((cause: Error) => {
    throw new InputError(`"${file}" cannot be read: ${cause.message}.`);
  });
  try {
    const start = await source.read(0, Math.min(16, source.size));
    refuseForeign(file, start);
    if (file.endsWith('.safetensors') || looksLikeSafetensors(start, source.size)) return await openSafetensors(source);
    const isNpy = file.endsWith('.npy') || (start[0] === 0x93 && ascii(start, 1, 6) === 'NUMPY');
    return isNpy ? await openNpy(source) : openRaw(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

function looksLikeSafetensors(start: Uint8Array, size: number): boolean {
  if (start.length < 9 || start[8] !== 0x7b) return false;
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return length > 1n && length + 8n <= BigInt(size);
}

function refuseForeign(file: string, start: Uint8Array): void {
  const zip = ascii(start, 0, 4) === 'PK\x03\x04';
  if (zip && file.endsWith('.npz'))
    throw new InputError(`"${file}" is an npz archive. Save its arrays one by one with numpy.save.`);
  // Pickles run code when they are loaded, so they are not read at all.
  if (zip || /\.(pt|pth|ckpt)$/.test(file))
    throw new InputError(
      `"${file}" is a PyTorch pickle, which is not read here. Save with safetensors.torch.save_file({"name": tensor}, "name.safetensors").`,
    );
  if (ascii(start, 0, 4) === 'GGUF')
    throw new InputError(`"${file}" is a GGUF file, which is not read here. Name safetensors, npy or raw bytes.`);
}

async function openSafetensors(source: FileSource): Promise<TensorFile> {
  const opened = await readSafetensors(source);
  return {
    file: source.name,
    kind: 'safetensors',
    namesTensors: true,
    entries: new Map([...opened.tensors].map(([name, entry]) => [name, sized(entry)])),
    warnings: [],
    read: async (name) => ({ file: source.name, ...(await opened.read(name)) }),
    close: () => source.close(),
  };
}

async function openIndex(file: string): Promise<TensorFile> {
  const sources: FileSource[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(sources.map((source) => source.close()));
  };
  try {
    const opened = await openSharded(file, await readFile(file, 'utf8'), async (shard) => {
      const source = await fileSource(path.join(path.dirname(file), shard));
      sources.push(source);
      return source;
    });
    const entries = [...opened.shards].flatMap(([name, shard]) => {
      const entry = shard.tensors.get(name);
      return entry === undefined ? [] : [[name, sized(entry)] as const];
    });
    return {
      file,
      kind: 'a sharded checkpoint',
      namesTensors: true,
      entries: new Map(entries),
      warnings: opened.warnings,
      read: async (name) => ({ file, ...(await opened.read(name)) }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The whole array is read at once: its length against its header is what says that the file is complete. */
async function openNpy(source: FileSource): Promise<TensorFile> {
  const array = parseNpy(await source.read(0, source.size), source.name);
  const dtype = NPY[array.dtype];
  return single(source, 'npy', { dtype, shape: array.shape, byteLength: array.bytes.length }, async () => array.bytes);
}

function openRaw(source: FileSource): TensorFile {
  const entry = { dtype: undefined, shape: undefined, byteLength: source.size };
  return single(source, 'raw bytes', entry, () => source.read(0, source.size));
}

function single(
  source: FileSource,
  kind: TensorFile['kind'],
  entry: TensorFileEntry,
  bytes: () => Promise<Uint8Array>,
): TensorFile {
  const name = path.basename(source.name);
  return {
    file: source.name,
    kind,
    namesTensors: false,
    entries: new Map([[name, entry]]),
    warnings: [],
    read: async () => {
      const { dtype, shape } = entry;
      return { name, file: source.name, dtype, shape, bytes: aligned(await bytes()) };
    },
    close: () => source.close(),
  };
}

function sized({
  dtype,
  shape,
  begin,
  end,
}: {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}): TensorFileEntry {
  return { dtype, shape, byteLength: end - begin };
}

/** Typed views need their element's alignment, which data behind an npy header may lack. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
}

function ascii(bytes: Uint8Array, begin: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(begin, end));
}
