import { type ElementType, elementBits } from '../formats/element-type.ts';
import type { RawTensor, SafetensorsFile } from '../io/safetensors-read.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import { storageBytes, tensor } from '../tensor/make.ts';
import type { ScaleEncoding, Tensor } from '../tensor/tensor.ts';
import type { GoldenCase } from './case.ts';
import { GoldenCaseError } from './errors.ts';

/** The dtypes under which a golden file may store each element type: the raw code type first, as torch writes it. */
const STORED_AS: Readonly<Record<ElementType, readonly string[]>> = {
  f64: ['F64'],
  f32: ['F32', 'I32'],
  f16: ['I16', 'F16', 'U16'],
  bf16: ['I16', 'BF16', 'U16'],
  e4m3fn: ['U8', 'F8_E4M3', 'I8'],
  e4m3fnuz: ['U8', 'F8_E4M3FNUZ', 'I8'],
  e5m2: ['U8', 'F8_E5M2', 'I8'],
  e5m2fnuz: ['U8', 'F8_E5M2FNUZ', 'I8'],
  e8m0: ['U8', 'F8_E8M0'],
  e2m1: ['U8', 'F4'],
  e2m3: ['U8'],
  e3m2: ['U8'],
  u8: ['U8', 'I8', 'BOOL', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0'],
  i8: ['I8', 'U8'],
  u16: ['U16', 'I16'],
  i16: ['I16', 'U16', 'BF16', 'F16'],
  u32: ['U32', 'I32'],
  i32: ['I32', 'U32'],
  u64: ['U64', 'I64'],
  i64: ['I64', 'U64'],
};

export interface ReadOptions {
  /** Logical shape that the tensor must have. Default: whatever the file says. */
  readonly shape?: readonly number[];
  /** Layout of the stored bytes. Default: row-major over the logical shape. */
  readonly layout?: Layout;
  readonly scaling?: ScaleEncoding;
}

/** Reads parameters and tensors of one case, with errors that name the file, the case and the tensor. */
export class CaseReader {
  readonly case: GoldenCase;
  readonly #file: SafetensorsFile;

  constructor(file: SafetensorsFile, goldenCase: GoldenCase) {
    this.#file = file;
    this.case = goldenCase;
  }

  fail(message: string, cause?: unknown): GoldenCaseError {
    return new GoldenCaseError(this.case.file, this.case.name, message, cause === undefined ? {} : { cause });
  }

  has(name: string): boolean {
    return this.#file.tensors.has(this.#key(name));
  }

  /** Names of all tensors of the file, for cases that borrow an input from another one. */
  tensorNames(): readonly string[] {
    return [...this.#file.tensors.keys()];
  }

  /** Shape and dtype as the file has them, without reading the bytes. */
  info(name: string): { readonly dtype: string; readonly shape: readonly number[] } {
    const found = this.#file.tensors.get(this.#key(name));
    if (found === undefined) {
      const prefix = `${this.case.name}/`;
      const own = this.tensorNames().filter((key) => key.startsWith(prefix));
      throw this.fail(
        `tensor "${this.#key(name)}" is missing. The file has ` +
          `${own.length === 0 ? 'no tensor of this case' : own.join(', ')}; op "${this.case.op}" needs it.`,
      );
    }
    return found;
  }

  async raw(name: string): Promise<RawTensor> {
    this.info(name);
    return this.#file.read(this.#key(name));
  }

  /**
   * Reads a tensor as `type`. `name` is relative to the case; a name with a slash is taken as it stands.
   * fp4 is stored as bytes of two codes, so its last logical dimension is twice the stored one.
   */
  async tensor<T extends ElementType>(name: string, type: T, options: ReadOptions = {}): Promise<Tensor<T>> {
    const { dtype, shape: stored } = this.info(name);
    if (!STORED_AS[type].includes(dtype)) {
      throw this.fail(`tensor "${name}" has dtype ${dtype}, expected ${STORED_AS[type].join(' or ')} (${type}).`);
    }
    const packed = elementBits(type) === 4 && dtype !== 'F4';
    const logical = packed ? stored.map((size, axis) => (axis === stored.length - 1 ? size * 2 : size)) : stored;
    const layout = options.layout ?? rowMajor(options.shape ?? logical);
    if (options.layout === undefined && options.shape !== undefined && !sameShape(options.shape, logical)) {
      throw this.fail(
        `tensor "${name}" has shape [${logical.join(', ')}], expected [${options.shape.join(', ')}] from the parameters.`,
      );
    }
    const { bytes } = await this.raw(name);
    const expected = storageBytes({ type, layout });
    if (bytes.byteLength !== expected) {
      throw this.fail(
        `tensor "${name}" [${stored.join(', ')}] holds ${bytes.byteLength} bytes, but ${type} ` +
          `[${layout.shape.join(', ')}] in layout ${layout.id} takes ${expected}.`,
      );
    }
    return tensor(name, type, layout as Layout<string>, bytes, options.scaling);
  }

  #key(name: string): string {
    return name.includes('/') ? name : `${this.case.name}/${name}`;
  }

  /** A string parameter, one of `allowed` when given. */
  string<S extends string>(name: string, allowed?: readonly S[], fallback?: S): S {
    const value = this.case.params[name] ?? fallback;
    if (typeof value !== 'string' || (allowed !== undefined && !allowed.includes(value as S))) {
      throw this.#badParameter(name, value, allowed === undefined ? 'a string' : `one of ${allowed.join(', ')}`);
    }
    return value as S;
  }

  /** A positive integer parameter. */
  count(name: string, fallback?: number): number {
    const value = this.case.params[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0) {
      throw this.#badParameter(name, value, 'a positive integer');
    }
    return value;
  }

  number(name: string, fallback?: number): number {
    const value = this.case.params[name] ?? fallback;
    if (typeof value !== 'number') throw this.#badParameter(name, value, 'a number');
    return value;
  }

  flag(name: string, fallback = false): boolean {
    const value = this.case.params[name] ?? fallback;
    if (typeof value !== 'boolean') throw this.#badParameter(name, value, 'true or false');
    return value;
  }

  /** A list of positive integers, such as a shape. */
  counts(name: string, length?: number, fallback?: readonly number[]): readonly number[] {
    const value = this.case.params[name] ?? fallback;
    const isList =
      Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isSafeInteger(item) && item > 0);
    if (!isList || (length !== undefined && value.length !== length)) {
      throw this.#badParameter(name, value, `a list of ${length ?? 'some'} positive integers`);
    }
    return value as readonly number[];
  }

  #badParameter(name: string, value: unknown, expected: string): GoldenCaseError {
    return this.fail(`parameter "${name}" is ${JSON.stringify(value) ?? 'missing'}, expected ${expected}.`);
  }
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
