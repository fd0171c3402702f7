import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { PreshuffleError } from '../../errors.ts';
import { elementBits } from '../../formats/element-type.ts';
import { type ByteSource, blobSource } from '../../io/index.ts';
import type { ScaleChoice, Scene } from '../model/scene.ts';
import {
  type FileTensor,
  isRawName,
  openRaw,
  openTensorFile,
  type RawSpec,
  type TensorFile,
} from '../model/tensor-file.ts';
import { servedSource } from '../model/tensor-served.ts';
import { firstReading, lengthProblem, scaleChoices, shapeAs, subjectData } from '../model/tensor-view.ts';
import { clearViews } from './lens.ts';
import { change, data, scene, subject } from './store.ts';

/** What was dropped. */
export type FileState =
  | { readonly kind: 'none' }
  | { readonly kind: 'opening'; readonly name: string }
  | { readonly kind: 'open'; readonly source: ByteSource; readonly file: TensorFile }
  /** It has no header: type and shape must be told. */
  | { readonly kind: 'raw'; readonly source: ByteSource; readonly message: string | undefined }
  | { readonly kind: 'failed'; readonly source: ByteSource | undefined; readonly message: string };

/** A tensor whose bytes are in memory. */
export interface LoadedTensor {
  readonly tensor: FileTensor;
  readonly bytes: Uint8Array;
}

export const fileState: Signal<FileState> = signal({ kind: 'none' });

/** The chosen tensor, while it is read too. */
export const chosen: Signal<string | undefined> = signal(undefined);
export const loadError: Signal<string | undefined> = signal(undefined);
export const loaded: Signal<LoadedTensor | undefined> = signal(undefined);
export const loadedScale: Signal<LoadedTensor | undefined> = signal(undefined);

/** Whether the page shows the loaded tensor now; a permalink that is opened meanwhile takes its place. */
export const isShown: Signal<boolean> = signal(false);

/** Fields of the scene that were shown last, for the way back. */
let lastReading: Partial<Scene> = {};
let opening = 0;

const type = computed(() => scene.value.type);
const scaleType = computed(() => scene.value.scale?.type);

// Codes are read as the scene's type, whoever changes it.
effect(() => {
  const shown = loaded.value;
  const scale = loadedScale.value;
  const shownType = type.value;
  const shownScaleType = scaleType.value;
  if (shown === undefined || !isShown.value) return;
  data.value = subjectData(
    shown.tensor,
    shown.bytes,
    shownType,
    scale === undefined || shownScaleType === undefined ? undefined : { ...scale, type: shownScaleType },
  );
});
effect(() => {
  if (data.value === undefined) isShown.value = false;
});
effect(() => {
  const { type, shape, a, experts, scale } = scene.value;
  if (isShown.peek()) lastReading = { type, shape, a, experts, scale };
});

/** Why bytes and layout do not fit, or undefined. */
export const misfit: ReadonlySignal<string | undefined> = computed(() => {
  const bound = subject.value;
  const tensor = loaded.value;
  if (!bound.ok || tensor === undefined || !isShown.value) return undefined;
  const { scale, bits } = bound.value;
  const problem = lengthProblem(`"${tensor.tensor.name}"`, tensor.bytes.length, bound.value.tensor.layout, bits);
  if (problem !== undefined || scale === undefined) return problem;
  const own = loadedScale.value;
  if (own === undefined) return undefined;
  const isWide = own.tensor.type === 'bf16' || own.tensor.type === 'f16';
  const scaleBits = isWide ? 16 : elementBits(scale.tensor.type);
  return lengthProblem(`The scale "${own.tensor.name}"`, own.bytes.length, scale.tensor.layout, scaleBits);
});

/** Opens a file that was dropped or chosen. */
export function openBlob(file: File): Promise<void> {
  return openSource(blobSource(file));
}

/** Opens the file that the page's own server offers. */
export async function openServed(address: string): Promise<void> {
  closeFile();
  const id = opening;
  fileState.value = { kind: 'opening', name: address };
  try {
    const source = await servedSource(address);
    if (id === opening) await openSource(source);
  } catch (error) {
    if (id === opening) fileState.value = { kind: 'failed', source: undefined, message: messageOf(error) };
  }
}

/** Opens a file; its first tensor that can be shown is chosen when there is only one. */
export async function openSource(source: ByteSource): Promise<void> {
  closeFile();
  const id = opening;
  if (isRawName(source.name)) {
    fileState.value = { kind: 'raw', source, message: undefined };
    return;
  }
  fileState.value = { kind: 'opening', name: source.name };
  try {
    const file = await openTensorFile(source);
    if (id !== opening) return;
    fileState.value = { kind: 'open', source, file };
    const [only, ...others] = file.tensors;
    if (only !== undefined && others.length === 0) await chooseTensor(only);
  } catch (error) {
    if (id === opening) fileState.value = { kind: 'failed', source, message: messageOf(error) };
  }
}

/** Shows any file as bytes whose meaning is typed in. */
export function askRaw(source: ByteSource): void {
  closeFile();
  fileState.value = { kind: 'raw', source, message: undefined };
}

export async function openRawFile(source: ByteSource, spec: RawSpec): Promise<void> {
  closeFile();
  try {
    const file = openRaw(source, spec);
    fileState.value = { kind: 'open', source, file };
    const [tensor] = file.tensors;
    if (tensor !== undefined) await chooseTensor(tensor);
  } catch (error) {
    fileState.value = { kind: 'raw', source, message: messageOf(error) };
  }
}

export function closeFile(): void {
  opening += 1;
  batch(() => {
    if (isShown.peek()) data.value = undefined;
    fileState.value = { kind: 'none' };
    chosen.value = undefined;
    loadError.value = undefined;
    loaded.value = undefined;
    loadedScale.value = undefined;
  });
}

/** Reads a tensor, and its scale where one is found, and shows it the way its name and dtype suggest. */
export async function chooseTensor(tensor: FileTensor): Promise<void> {
  const state = fileState.peek();
  if (state.kind !== 'open') return;
  opening += 1;
  const id = opening;
  chosen.value = tensor.name;
  loadError.value = undefined;
  try {
    const { file } = state;
    const bytes = await file.load(tensor.name);
    if (id !== opening) return;
    if (bytes.length === 0) throw new EmptyTensor(tensor.name);
    const reading = firstReading(file, tensor);
    const scale = scaleChoices(file, tensor, reading.type).find(({ byName }) => byName);
    const scaleBytes = scale === undefined ? undefined : await file.load(scale.tensor.name);
    if (id !== opening) return;
    clearViews();
    batch(() => {
      loaded.value = { tensor, bytes };
      loadedScale.value =
        scale === undefined || scaleBytes === undefined ? undefined : { tensor: scale.tensor, bytes: scaleBytes };
      change({ ...reading, screen: 'tensor', scale: scale?.choice, pins: [], step: undefined, color: 'value' });
      isShown.value = true;
      data.value = subjectData(tensor, bytes, reading.type);
    });
  } catch (error) {
    if (id !== opening) return;
    loaded.value = undefined;
    if (isShown.peek()) data.value = undefined;
    loadError.value = messageOf(error);
  }
}

class EmptyTensor extends PreshuffleError {
  constructor(name: string) {
    super('tensor-file', `"${name}" holds no elements: one of its sizes is 0.`);
  }
}

/** Takes another tensor of the file as the scale, or none. */
export async function chooseScale(tensor: FileTensor | undefined, choice: ScaleChoice | undefined): Promise<void> {
  const state = fileState.peek();
  if (state.kind !== 'open') return;
  if (tensor === undefined || choice === undefined) {
    batch(() => {
      loadedScale.value = undefined;
      change({ scale: undefined });
    });
    return;
  }
  const id = opening;
  try {
    const bytes = await state.file.load(tensor.name);
    if (id !== opening) return;
    batch(() => {
      loadedScale.value = { tensor, bytes };
      change({ scale: choice });
    });
  } catch (error) {
    loadError.value = messageOf(error);
  }
}

/** Reads the bytes as another type; the shape follows, and the layout where it still fits. */
export function readAsType(next: Scene['type']): void {
  const tensor = loaded.peek()?.tensor;
  if (tensor === undefined) return;
  change({ type: next, shape: shapeAs(tensor, next), pins: [] });
}

/** Shows the loaded tensor again, after something else was shown. */
export function showAgain(): void {
  const shown = loaded.peek();
  if (shown === undefined) return;
  batch(() => {
    change({ ...lastReading, screen: 'tensor', pins: [], step: undefined });
    isShown.value = true;
    data.value = subjectData(shown.tensor, shown.bytes, scene.peek().type);
  });
}

function messageOf(error: unknown): string {
  if (error instanceof PreshuffleError) return error.message;
  return error instanceof Error ? `The file could not be read: ${error.message}.` : String(error);
}
