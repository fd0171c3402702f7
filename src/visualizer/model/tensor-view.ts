import { decode } from '../../formats/decode.ts';
import { type ElementType, elementBits } from '../../formats/element-type.ts';
import { f32Bits } from '../../formats/f32.ts';
import { catalog, checkShape, codeReader } from '../../layout/index.ts';
import type { ScaleChoice, Scene } from './scene.ts';
import type { SubjectData } from './subject.ts';
import type { FileTensor, TensorFile } from './tensor-file.ts';
import { goldenHint } from './tensor-golden.ts';

/** How the bytes of a tensor are read: fields of the scene. */
export type TensorReading = Pick<Scene, 'type' | 'shape' | 'a' | 'experts'>;

/** Element types that bytes of a dtype may really hold, the file's own first. */
export function readableTypes(tensor: FileTensor): readonly ElementType[] {
  const byBits: Readonly<Record<number, readonly ElementType[]>> = {
    4: ['e2m1'],
    8: ['e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz', 'e8m0', 'e2m1', 'e2m3', 'e3m2', 'u8', 'i8'],
    16: ['bf16', 'f16', 'u16', 'i16'],
    32: ['f32', 'i32', 'u32'],
    64: ['f64', 'i64', 'u64'],
  };
  const own = tensor.type;
  const same = byBits[own === undefined ? 8 : elementBits(own)] ?? [];
  // Words are often packed bytes, and bytes packed nibbles: scales as int32, fp4 as int8.
  const packed: readonly ElementType[] =
    own === 'i32' || own === 'u32'
      ? ['e8m0', 'e4m3fn', 'e4m3fnuz', 'e2m1', 'u8']
      : own === 'i16' || own === 'u16'
        ? ['u8']
        : [];
  return [...new Set([...(own === undefined ? [] : [own]), ...same, ...packed])];
}

/** Logical shape of stored elements read as another type: packed fp4 doubles the last dimension. */
export function shapeAs(tensor: FileTensor, type: ElementType): readonly number[] {
  const stored = tensor.type === undefined ? storedBits(tensor) : elementBits(tensor.type);
  const [...sizes] = tensor.shape.length === 0 ? [1] : tensor.shape;
  const last = sizes.pop() ?? 1;
  return [...sizes, Math.max(1, Math.floor((last * stored) / elementBits(type)))];
}

function storedBits({ bytes, shape }: FileTensor): number {
  return (bytes * 8) / shape.reduce((all, size) => all * size, 1);
}

/** How a tensor is most likely meant: its name, the metadata of golden cases, and its dtype say so. */
export function firstReading(file: TensorFile, tensor: FileTensor): TensorReading {
  const hint = goldenHint(file.metadata, tensor);
  if (hint !== undefined) return hint;
  const type = likelyType(file, tensor);
  const plain = { type, shape: shapeAs(tensor, type), a: 'row-major', experts: 1 };
  // GPT-OSS: `…_blocks` [E, N, G, 16] holds the packed groups of `…_scales` [E, N, G].
  if (/_blocks$/.test(tensor.name) && tensor.shape.length === 4 && tensor.shape.at(-1) === 16) {
    const [experts = 1, rows = 1, groups = 1] = tensor.shape;
    return { ...plain, shape: [experts, rows, groups * 32], a: checkpointOrder(tensor) };
  }
  if (/_scales$/.test(tensor.name) && tensor.shape.length === 3) return { ...plain, a: checkpointOrder(tensor) };
  return plain;
}

function checkpointOrder({ name }: FileTensor): string {
  return /gate_up_proj/.test(name) ? 'gate_up_interleaved' : 'row-major';
}

const SCALE_NAME = /(^|[._/])(\w+_)?scales?(_inv|_packed)?$/;

function likelyType(file: TensorFile, tensor: FileTensor): ElementType {
  const { type, name } = tensor;
  if (type === undefined) return 'u8';
  if (type === 'u8' || type === 'i8') {
    if (SCALE_NAME.test(name)) return 'e8m0';
    if (/_blocks$|fp4|e2m1/i.test(name)) return 'e2m1';
    // A packed weight beside its scales: 16 bytes for each.
    const scale = scaleChoices(file, tensor, 'e2m1')[0];
    if (scale?.byName === true && scale.choice.block[1] === 32) return 'e2m1';
    return type;
  }
  if (type === 'i16' || type === 'u16') return 'bf16';
  return type;
}

/** A tensor of the same file that may hold the scales. */
export interface ScaleTensor {
  readonly tensor: FileTensor;
  readonly choice: ScaleChoice;
  /** Its name says so, not only its shape. */
  readonly byName: boolean;
}

/** Elements that share a scale along one dimension; the whole dimension too. */
const BLOCKS = [32, 128, 64, 16, 256, 1];

/** Tensors of the file whose name or shape makes them the scales of a tensor, likely ones first. */
export function scaleChoices(file: TensorFile, tensor: FileTensor, type: ElementType): readonly ScaleTensor[] {
  const shape = shapeAs(tensor, type);
  const names = scaleNames(tensor.name);
  const found: ScaleTensor[] = [];
  for (const other of file.tensors) {
    if (other === tensor) continue;
    const byName = names.includes(other.name);
    const choice = scaleChoiceOf(other, shape);
    if (choice !== undefined && (byName || SCALE_NAME.test(other.name))) found.push({ tensor: other, choice, byName });
  }
  return found.sort((a, b) => Number(b.byName) - Number(a.byName));
}

function scaleNames(name: string): readonly string[] {
  const stem = name.replace(/_blocks$/, '');
  const folder = name.slice(0, Math.max(0, name.lastIndexOf('/')));
  return [
    ...['_scale', '_scale_inv', '_scales', '.scale', '.scales', '_scale_packed'].map((end) => stem + end),
    `${folder}/scale`,
  ];
}

/** How a tensor would scale elements of `shape`; undefined when its shape does not fit. */
export function scaleChoiceOf(scale: FileTensor, shape: readonly number[]): ScaleChoice | undefined {
  const type = scaleType(scale);
  if (type === undefined) return undefined;
  const packing = scale.type === 'i32' || scale.type === 'u32' ? 4 : 1;
  const sizes = [...scale.shape.slice(0, -1), (scale.shape.at(-1) ?? 1) * packing];
  const [rows = 1, columns = 1] = shape.slice(-2);
  const outer = shape.slice(0, -2).reduce((all, size) => all * size, 1);
  const scaleColumns = sizes.at(-1) ?? 1;
  const scaleRows = sizes.slice(0, -1).reduce((all, size) => all * size, 1) / outer;
  const across = blockOf(columns, scaleColumns);
  const down = scaleRows === rows ? 1 : blockOf(rows, scaleRows);
  if (across !== undefined && down !== undefined) return { block: [down, across], type, layout: 'row-major' };
  // Shuffled scales are padded: their length tells them.
  const flat = [outer * rows, Math.ceil(columns / 32)];
  const padded = catalog.find((entry) => {
    if (entry.operand !== 'weight scale' || type !== 'e8m0') return false;
    const verdict = checkShape(entry, flat, { bits: 8, experts: outer });
    return verdict.ok && verdict.layout.storageSize === scale.bytes;
  });
  return padded === undefined ? undefined : { block: [1, 32], type, layout: padded.id };
}

function blockOf(size: number, scales: number): number | undefined {
  if (scales === 1) return size;
  return BLOCKS.find((block) => Math.ceil(size / block) === scales);
}

function scaleType({ type }: FileTensor): ScaleChoice['type'] | undefined {
  switch (type) {
    case 'u8':
    case 'e8m0':
    case 'i32':
    case 'u32':
      return 'e8m0';
    case 'f32':
    case 'bf16':
    case 'f16':
      return 'f32';
    default:
      return undefined;
  }
}

/** Codes of a tensor by storage offset: 64-bit types give their value, beyond the end there are zeros. */
export function codesOf(bytes: Uint8Array, type: ElementType): (offset: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.floor((bytes.length * 8) / elementBits(type));
  if (type === 'f64') return (offset) => (offset < count ? view.getFloat64(offset * 8, true) : 0);
  if (type === 'u64') return (offset) => (offset < count ? Number(view.getBigUint64(offset * 8, true)) : 0);
  if (type === 'i64') return (offset) => (offset < count ? Number(view.getBigInt64(offset * 8, true)) : 0);
  const code = codeReader(bytes, elementBits(type));
  // A 6-bit code lies in the lower bits of its byte; the upper ones mean nothing.
  if (type === 'e2m3' || type === 'e3m2') return (offset) => (offset < count ? code(offset) & 63 : 0);
  return (offset) => (offset < count ? code(offset) : 0);
}

/** Codes of a scale as the scene's type: bf16 and f16 scales become float32 codes. */
export function scaleCodesOf(
  tensor: FileTensor,
  bytes: Uint8Array,
  type: ScaleChoice['type'],
): (offset: number) => number {
  if (type === 'f32' && (tensor.type === 'bf16' || tensor.type === 'f16')) {
    const { type: own } = tensor;
    const code = codesOf(bytes, own);
    return (offset) => f32Bits(decode(own, code(offset)));
  }
  return codesOf(bytes, type);
}

/** What the store shows instead of address codes. */
export function subjectData(
  tensor: FileTensor,
  bytes: Uint8Array,
  type: ElementType,
  scale?: { readonly tensor: FileTensor; readonly bytes: Uint8Array; readonly type: ScaleChoice['type'] },
): SubjectData {
  return {
    name: tensor.name,
    codeAt: codesOf(bytes, type),
    scaleCodeAt: scale === undefined ? undefined : scaleCodesOf(scale.tensor, scale.bytes, scale.type),
  };
}

/** Why the bytes do not fill what a layout of `storageSize` elements takes; undefined when they do. */
export function lengthProblem(
  what: string,
  bytes: number,
  layout: { readonly id: string; readonly shape: readonly number[]; readonly storageSize: number },
  bits: number,
): string | undefined {
  const wanted = Math.ceil((layout.storageSize * bits) / 8);
  if (wanted === bytes) return undefined;
  return (
    `${what} has ${bytes} bytes, but ${layout.id} of [${layout.shape.join(', ')}] with ${bits}-bit elements takes ${wanted}. ` +
    'Change the shape, the element type or the layout.'
  );
}
