import { PreshuffleError } from '../errors.ts';
import { type ElementType, elementBits, isIntegerType } from '../formats/element-type.ts';
import { dtypeElement, type SafetensorsDtype } from '../io/safetensors-dtypes.ts';
import { catalog } from '../layout/catalog-entries.ts';
import type { Layout } from '../layout/layout.ts';
import { bindPattern, parsePattern } from '../layout/notation.ts';
import { rowMajor } from '../layout/plain.ts';
import { storageBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Two dumps cannot be compared as they are: nothing is known about whether they agree. */
export class DumpError extends PreshuffleError {
  constructor(message: string) {
    super('compare', message);
  }
}

/** A tensor as a file has it. */
export interface Dump {
  readonly name: string;
  /** `undefined` for raw bytes. */
  readonly dtype: SafetensorsDtype | undefined;
  readonly shape: readonly number[] | undefined;
  readonly bytes: Uint8Array;
}

/** How the bytes of two dumps are to be read. */
export interface ReadDumpOptions {
  /** What raw bytes and integer codes of that width hold. Tensors that are stored as floats keep their type. */
  readonly type?: ElementType;
  /** Logical shape of both. Default: what the files say. */
  readonly shape?: readonly number[];
  /** Catalog id or notation. Default: row-major. */
  readonly layoutA?: string;
  readonly layoutB?: string;
  /** Experts stacked in the rows of a scale, for layouts that need to know. Default 1. */
  readonly experts?: number;
}

/**
 * Gives two dumps of one logical shape their types and layouts.
 * @throws DumpError where the files and the options do not say enough, or contradict each other
 * @throws ShapeRejectedError, NotationError for a layout that does not take the shape, or that cannot be read
 */
export function readDumps(a: Dump, b: Dump, options: ReadDumpOptions = {}): readonly [Tensor, Tensor] {
  const typeA = typeOf('A', a, options.type);
  const typeB = typeOf('B', b, options.type);
  const shape = commonShape(
    { dump: a, own: ownShape(a, typeA), plain: options.layoutA === undefined },
    { dump: b, own: ownShape(b, typeB), plain: options.layoutB === undefined },
    options.shape,
  );
  return [
    bind('A', a, typeA, shape, options.layoutA, options.experts),
    bind('B', b, typeB, shape, options.layoutB, options.experts),
  ];
}

/** `A "x"`: the side first, because both files may name their tensor alike. */
function nameOf(side: 'A' | 'B', dump: Dump): string {
  return `${side} "${dump.name}"`;
}

function typeOf(side: 'A' | 'B', dump: Dump, given: ElementType | undefined): ElementType {
  const { dtype } = dump;
  if (dtype === undefined) {
    if (given !== undefined) return given;
    throw new DumpError(`${nameOf(side, dump)} is raw bytes. Say what they hold with --type, such as bf16.`);
  }
  const stored = dtypeElement(dtype);
  if (stored === undefined)
    throw new DumpError(
      `${nameOf(side, dump)} has dtype ${dtype}, which has no element type here and cannot be compared.`,
    );
  if (given === undefined || !isIntegerType(stored)) return stored;
  const bits = elementBits(given);
  return bits === elementBits(stored) || (bits === 4 && dtype === 'U8') ? given : stored;
}

/** Logical shape by the file alone: fp4 in bytes has two elements a byte. */
function ownShape({ dtype, shape }: Dump, type: ElementType): readonly number[] | undefined {
  const packed = elementBits(type) === 4 && dtype !== 'F4';
  return packed ? shape?.map((size, axis) => (axis === shape.length - 1 ? size * 2 : size)) : shape;
}

interface Side {
  readonly dump: Dump;
  readonly own: readonly number[] | undefined;
  /** No layout was given: its shape is the logical one. */
  readonly plain: boolean;
}

function commonShape(a: Side, b: Side, given: readonly number[] | undefined): readonly number[] {
  if (given !== undefined) return given;
  const [ofA, ofB] = [a.plain ? a.own : undefined, b.plain ? b.own : undefined];
  if (ofA !== undefined && ofB !== undefined && !same(ofA, ofB))
    throw new DumpError(disagreement(a.dump.name, ofA, ofB));
  const shape = ofA ?? ofB ?? a.own ?? b.own;
  if (shape === undefined)
    throw new DumpError(`A and B are raw bytes. Give their logical shape with --shape, such as 4096,7168.`);
  return shape;
}

function disagreement(name: string, a: readonly number[], b: readonly number[]): string {
  const text = `"${name}": A is ${list(a)}, B is ${list(b)}; there is no logical shape in common.`;
  if (product(a) !== product(b)) return text;
  if (a.length === 2 && same(a, b.toReversed()))
    return `${text} If B is A transposed, give --shape ${a.join(',')} --layout-b column-major.`;
  return `${text} Both hold ${product(a)} elements: if they are in the same order, give --shape ${b.join(',')}.`;
}

function bind(
  side: 'A' | 'B',
  dump: Dump,
  type: ElementType,
  shape: readonly number[],
  layoutText: string | undefined,
  experts: number | undefined,
): Tensor {
  const layout = layoutText === undefined ? rowMajor(shape) : layoutNamed(layoutText, shape, type, experts);
  const expected = storageBytes({ type, layout });
  if (dump.bytes.byteLength === expected) {
    checkCodes(side, dump, type);
    return tensor(dump.name, type, layout, dump.bytes);
  }
  throw new DumpError(
    `${nameOf(side, dump)} holds ${dump.bytes.byteLength} bytes, but ${type} ${list(shape)} in layout ${layout.id} takes ${expected}. ` +
      'Check --shape, --type and the layout.',
  );
}

/** 6-bit codes are stored a byte each, and a byte can hold what is none. */
function checkCodes(side: 'A' | 'B', dump: Dump, type: ElementType): void {
  if (type !== 'e2m3' && type !== 'e3m2') return;
  const at = dump.bytes.findIndex((code) => code > 63);
  if (at !== -1)
    throw new DumpError(
      `${nameOf(side, dump)} holds ${dump.bytes[at]} in byte ${at}, which is no ${type} code (0 to 63). Check --type.`,
    );
}

function layoutNamed(text: string, shape: readonly number[], type: ElementType, experts: number | undefined): Layout {
  const entry = catalog.find(({ id }) => id === text);
  const bits = elementBits(type);
  if (entry !== undefined) return entry.bind(shape, experts === undefined ? { bits } : { bits, experts });
  if (text.includes('->')) return bindPattern(parsePattern(text), shape, { id: text });
  throw new DumpError(
    `layout "${text}" is unknown. Give it in notation, such as "(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1", or one of ${catalog.map(({ id }) => id).join(', ')}.`,
  );
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}

function list(sizes: readonly number[]): string {
  return `[${sizes.join(', ')}]`;
}
