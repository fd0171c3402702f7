import { PreshuffleError } from '../../errors.ts';
import { type ElementType, elementBits } from '../../formats/element-type.ts';
import {
  type ByteSource,
  dtypeElement,
  isSafetensorsDtype,
  type NpyDtype,
  parseNpy,
  readSafetensors,
  type SafetensorsFile,
} from '../../io/index.ts';

/** A file or tensor that cannot be shown, for a reason that is not the format's. */
export class TensorFileError extends PreshuffleError {
  constructor(file: string, message: string) {
    super('tensor-file', `${file}: ${message}`);
  }
}

/** Largest tensor that is read: browsers refuse longer arrays. Files may be longer, of a shard only one tensor is read. */
export const MAX_TENSOR_BYTES: number = 2 ** 31;

/** A tensor of an open file. */
export interface FileTensor {
  readonly name: string;
  /** As the file says it: `BF16`, `f4`; of raw bytes the element type. */
  readonly dtype: string;
  /** Element type of the dtype; undefined where there is none, and only the bytes can be shown. */
  readonly type: ElementType | undefined;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** A file whose header was read. Tensors are read when they are asked for, and only their bytes. */
export interface TensorFile {
  readonly name: string;
  readonly kind: 'safetensors' | 'npy' | 'raw';
  readonly size: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly FileTensor[];
  /** @throws TensorFileError when the tensor is too large, SafetensorsError */
  load(name: string): Promise<Uint8Array>;
}

/** Endings of files without a header. */
const RAW = /\.(bin|raw|dat)$/i;
const NPY_MAGIC = '\u0093NUMPY';

/** Whether a file has no header, so that its type and shape must be told. */
export function isRawName(name: string): boolean {
  return RAW.test(name);
}

/**
 * Opens a safetensors or npy file. Of safetensors only the header is read; npy is one tensor and is read at once.
 * @throws SafetensorsError, NpyError, TensorFileError
 */
export async function openTensorFile(file: ByteSource): Promise<TensorFile> {
  const start = await file.read(0, Math.min(NPY_MAGIC.length, file.size));
  if (String.fromCharCode(...start) === NPY_MAGIC || /\.npy$/i.test(file.name)) return openNpy(file);
  return fromSafetensors(await readSafetensors(file), file.size);
}

/** What raw bytes are taken for. */
export interface RawSpec {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Bytes in front of the tensor. */
  readonly offset: number;
}

/**
 * A part of any file as one tensor.
 * @throws TensorFileError when the file ends before the tensor does
 */
export function openRaw(file: ByteSource, { type, shape, offset }: RawSpec): TensorFile {
  const bytes = Math.ceil((product(shape) * elementBits(type)) / 8);
  if (offset + bytes > file.size) {
    throw new TensorFileError(
      file.name,
      `has ${file.size} bytes; ${type} [${shape.join(', ')}] takes ${bytes}${offset > 0 ? ` from byte ${offset} on` : ''}. Change the shape, the type or the offset.`,
    );
  }
  const tensor: FileTensor = { name: 'bytes', dtype: type, type, shape, bytes };
  return {
    name: file.name,
    kind: 'raw',
    size: file.size,
    metadata: {},
    tensors: [tensor],
    load: () => readBytes(file.name, tensor, () => file.read(offset, offset + bytes)),
  };
}

async function openNpy(file: ByteSource): Promise<TensorFile> {
  const whole: FileTensor = { name: file.name, dtype: 'npy', type: undefined, shape: [], bytes: file.size };
  const read = await readBytes(file.name, whole, () => file.read(0, file.size));
  const { dtype, shape, bytes } = parseNpy(read, file.name);
  const name = file.name.replace(/\.npy$/i, '');
  return {
    name: file.name,
    kind: 'npy',
    size: file.size,
    metadata: {},
    tensors: [{ name, dtype, type: NPY_TYPES[dtype], shape, bytes: bytes.length }],
    load: async () => bytes,
  };
}

function fromSafetensors(opened: SafetensorsFile, size: number): TensorFile {
  const tensors = [...opened.tensors].map(
    ([name, { dtype, shape, begin, end }]): FileTensor => ({
      name,
      dtype,
      type: isSafetensorsDtype(dtype) ? dtypeElement(dtype) : undefined,
      shape,
      bytes: end - begin,
    }),
  );
  return {
    name: opened.name,
    kind: 'safetensors',
    size,
    metadata: opened.metadata,
    tensors,
    async load(name) {
      const entry = tensors.find((tensor) => tensor.name === name);
      // An unknown name goes on to the reader, whose error lists the names.
      if (entry === undefined) return (await opened.read(name)).bytes;
      return readBytes(opened.name, entry, async () => (await opened.read(name)).bytes);
    },
  };
}

const NPY_TYPES: Readonly<Record<NpyDtype, ElementType>> = {
  b1: 'u8',
  u1: 'u8',
  i1: 'i8',
  u2: 'u16',
  i2: 'i16',
  u4: 'u32',
  i4: 'i32',
  u8: 'u64',
  i8: 'i64',
  f2: 'f16',
  f4: 'f32',
  f8: 'f64',
};

/** Reads, and turns a browser's refusal into words. */
async function readBytes(file: string, tensor: FileTensor, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
  if (tensor.bytes > MAX_TENSOR_BYTES) {
    throw new TensorFileError(
      file,
      `"${tensor.name}" has ${sizeText(tensor.bytes)}, more than the ${sizeText(MAX_TENSOR_BYTES)} that a browser holds in one piece. ` +
        'Cut out a part of it, such as one expert, and open that.',
    );
  }
  let bytes: Uint8Array;
  try {
    bytes = await read();
  } catch (error) {
    if (error instanceof PreshuffleError) throw error;
    throw new TensorFileError(
      file,
      `${sizeText(tensor.bytes)} of "${tensor.name}" could not be read: ${error instanceof Error ? error.message : String(error)}. ` +
        'The file was moved or changed, or there is no memory for it.',
    );
  }
  if (bytes.length !== tensor.bytes) {
    throw new TensorFileError(
      file,
      `ends after ${bytes.length} of the ${tensor.bytes} bytes of "${tensor.name}": it was changed since it was opened.`,
    );
  }
  return bytes;
}

/** `1,100 bytes`, `24.5 KiB`, `1.2 GiB`. */
export function sizeText(bytes: number): string {
  if (bytes < 10_240) return `${bytes.toLocaleString('en')} bytes`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(1).replace(/\.0$/, '')} ${units[power - 1]}`;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}
