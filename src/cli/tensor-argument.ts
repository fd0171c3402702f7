import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { SafetensorsDtype } from '../io/safetensors-dtypes.ts';
import { InputError } from './inputs.ts';
import { listOfNames, nearestNames } from './nearest-names.ts';
import { openTensorFile, type TensorFile } from './tensor-file.ts';

/** One tensor as a user's file has it: no layout, no meaning. */
export interface TensorArgument {
  /** Name of the tensor in its file; the name of the file where it holds a single unnamed one. */
  readonly name: string;
  readonly file: string;
  /** `undefined` for a raw dump: the bytes alone do not say. */
  readonly dtype: SafetensorsDtype | undefined;
  readonly shape: readonly number[] | undefined;
  /** Aligned to 8 bytes. */
  readonly bytes: Uint8Array;
}

/** An argument taken apart. `tensor` is undefined where only a file was named. */
interface SplitArgument {
  readonly file: string;
  readonly tensor: string | undefined;
}

/**
 * Reads the tensor that an argument names: `FILE`, where the file holds one, or `FILE:TENSOR`. Files are safetensors, the index.json
 * of a sharded checkpoint, npy, or raw bytes. A colon inside a path that exists is part of the path.
 * @throws InputError when the file or the tensor is not there, or the file has several tensors and none is named
 * @throws SafetensorsError, NpyError when the file breaks its format
 */
export async function readTensorArgument(text: string): Promise<TensorArgument> {
  const { file: name, tensor } = await splitArgument(text);
  const file = await openTensorFile(name);
  try {
    return await file.read(tensor === undefined ? onlyTensor(file) : namedTensor(file, tensor));
  } finally {
    await file.close();
  }
}

/**
 * Opens every tensor that an argument names: all of a file, or the one of `FILE:TENSOR`. Only headers are read; close it when done.
 * @throws InputError, SafetensorsError, NpyError
 */
export async function listTensorArgument(text: string): Promise<TensorFile & { readonly named: boolean }> {
  const { file: name, tensor } = await splitArgument(text);
  const file = await openTensorFile(name);
  if (tensor === undefined) return { ...file, named: false };
  try {
    const entry = file.entries.get(namedTensor(file, tensor)) as NonNullable<ReturnType<typeof file.entries.get>>;
    return { ...file, named: true, entries: new Map([[tensor, entry]]) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function splitArgument(text: string): Promise<SplitArgument> {
  // The longest path wins, so that "run:2/x.npy" and "x.npy:a:b" both mean what they say.
  for (let end = text.length; end > 0; end = text.lastIndexOf(':', end - 1)) {
    const file = text.slice(0, end);
    const info = await stat(file).catch(() => undefined);
    if (info?.isDirectory() === true && end === text.length) throw await directoryError(file);
    if (info === undefined || info.isDirectory()) continue;
    if (end === text.length) return { file, tensor: undefined };
    const tensor = text.slice(end + 1);
    if (tensor === '') throw new InputError(`"${text}" ends in a colon; name a tensor after it, or leave it out.`);
    return { file, tensor };
  }
  const file = text.includes(':') ? text.slice(0, text.lastIndexOf(':')) : text;
  const what = file === text ? `"${text}" does not exist.` : `neither "${text}" nor "${file}" exists.`;
  throw new InputError(
    `${what} Name a file as FILE or FILE:TENSOR: .safetensors, .safetensors.index.json, .npy or raw bytes.`,
  );
}

async function directoryError(directory: string): Promise<InputError> {
  for (const name of ['model.safetensors.index.json', 'model.safetensors']) {
    const inside = path.join(directory, name);
    if ((await stat(inside).catch(() => undefined)) !== undefined)
      return new InputError(`"${directory}" is a directory, expected a file. Name "${inside}".`);
  }
  return new InputError(`"${directory}" is a directory, expected a file. Name a file in it.`);
}

function onlyTensor(file: TensorFile): string {
  const names = [...file.entries.keys()];
  if (names.length === 1) return names[0] as string;
  if (names.length === 0) throw new InputError(`${file.file}: holds no tensor.`);
  throw new InputError(
    `${file.file}: holds ${names.length} tensors; name one as ${file.file}:TENSOR. It has ${listOfNames(names)}.`,
  );
}

function namedTensor(file: TensorFile, tensor: string): string {
  if (file.entries.has(tensor)) return tensor;
  const names = [...file.entries.keys()];
  if (!file.namesTensors) {
    throw new InputError(`${file.file}: is ${file.kind}, which names no tensors; leave out ":${tensor}".`);
  }
  const near = nearestNames(tensor, names);
  const hint = near.length === 0 || names.length === near.length ? '' : ` Did you mean ${near.join(' or ')}?`;
  throw new InputError(`${file.file}: has no tensor "${tensor}".${hint} It has ${listOfNames(names)}.`);
}
