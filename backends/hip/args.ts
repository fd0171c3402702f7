import { PreshuffleError } from '../../src/errors.ts';

/** `ptr` is a 64-bit address; the others are 32 bits wide. */
export type FieldType = 'ptr' | 'u32' | 'i32' | 'f32';

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Length of an array in the struct. Default: a single value. */
  readonly count?: number;
}

type Value<F extends Field> = F extends { readonly count: number }
  ? readonly (F['type'] extends 'ptr' ? bigint : number)[] | Uint32Array
  : F['type'] extends 'ptr'
    ? bigint
    : number;

/** The values of a struct, by field name. */
export type FieldValues<Fields extends readonly Field[]> = {
  readonly [F in Fields[number] as F['name']]: Value<F>;
};

export interface PlacedField extends Field {
  readonly offset: number;
}

/**
 * The one argument of a kernel: a struct passed by value, laid out here once as C++ lays it out. Pointers come first and then
 * 32-bit fields, so that there is no padding inside.
 */
export interface ArgumentStruct<Fields extends readonly Field[] = readonly Field[]> {
  readonly name: string;
  readonly fields: readonly PlacedField[];
  /** sizeof, a multiple of 8 when there is a pointer. */
  readonly byteLength: number;
  /** Writes all values at the start of a view, little-endian; the padding at the end is zeroed. */
  pack(view: DataView, values: FieldValues<Fields>): void;
}

/**
 * Lays a struct out.
 * @throws PreshuffleError when a pointer follows a 32-bit field, or a name comes twice
 */
export function argumentStruct<const Fields extends readonly Field[]>(
  name: string,
  fields: Fields,
): ArgumentStruct<Fields> {
  const placed: PlacedField[] = [];
  let offset = 0;
  for (const field of fields) {
    const isPointer = field.type === 'ptr';
    if (isPointer && placed.some(({ type }) => type !== 'ptr')) {
      throw new PreshuffleError(
        'hip-args',
        `struct ${name}: pointer "${field.name}" follows a 32-bit field; put it before.`,
      );
    }
    if (placed.some((other) => other.name === field.name)) {
      throw new PreshuffleError('hip-args', `struct ${name}: field "${field.name}" is listed twice.`);
    }
    placed.push({ ...field, offset });
    offset += (isPointer ? 8 : 4) * (field.count ?? 1);
  }
  const alignment = placed.some(({ type }) => type === 'ptr') ? 8 : 4;
  const byteLength = Math.ceil(offset / alignment) * alignment;
  return {
    name,
    fields: placed,
    byteLength,
    pack(view, values) {
      const given = values as Readonly<Record<string, bigint | number | ArrayLike<bigint | number>>>;
      for (const field of placed) writeField(name, view, field, given[field.name]);
      for (let at = offset; at < byteLength; at += 4) view.setUint32(at, 0, true);
    },
  };
}

/** Writes one field; an array is filled up with zeros. @throws PreshuffleError when the value does not fit */
export function writeField(
  struct: string,
  view: DataView,
  { name, type, offset, count }: PlacedField,
  value: bigint | number | ArrayLike<bigint | number> | undefined,
): void {
  if (count === undefined) {
    write(struct, view, name, type, offset, value);
    return;
  }
  const values = value as ArrayLike<bigint | number>;
  if (values.length > count) {
    throw new PreshuffleError(
      'hip-args',
      `struct ${struct}: "${name}" holds ${count} values, ${values.length} were given.`,
    );
  }
  const width = type === 'ptr' ? 8 : 4;
  const zero = type === 'ptr' ? 0n : 0;
  for (let index = 0; index < count; index += 1) {
    write(struct, view, name, type, offset + index * width, index < values.length ? values[index] : zero);
  }
}

/** The kernel believes every bit, so what does not fit is an error and not cut off. */
function write(struct: string, view: DataView, name: string, type: FieldType, offset: number, value: unknown): void {
  if (type === 'ptr') {
    if (typeof value !== 'bigint') fail(struct, name, value, 'an address');
    view.setBigUint64(offset, value, true);
  } else if (type === 'f32') {
    if (typeof value !== 'number') fail(struct, name, value, 'a number');
    view.setFloat32(offset, value, true);
  } else if (type === 'u32') {
    if (typeof value !== 'number' || value >>> 0 !== value) fail(struct, name, value, 'an integer from 0 to 2^32 - 1');
    view.setUint32(offset, value, true);
  } else {
    if (typeof value !== 'number' || (value | 0) !== value)
      fail(struct, name, value, 'an integer from -2^31 to 2^31 - 1');
    view.setInt32(offset, value, true);
  }
}

function fail(struct: string, name: string, value: unknown, expected: string): never {
  throw new PreshuffleError('hip-args', `struct ${struct}: "${name}" is ${String(value)}, expected ${expected}.`);
}
