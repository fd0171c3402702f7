import { decodeTable } from '../../src/formats/decode.ts';
import { encode, encodeArray } from '../../src/formats/encode.ts';
import { f32Bits } from '../../src/formats/f32.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asU32 } from '../../src/tensor/views.ts';

/** A row-major float tensor; values that bf16 or f16 cannot hold are rounded. */
export function floats(
  name: string,
  type: 'f32' | 'bf16' | 'f16',
  shape: readonly number[],
  values: ArrayLike<number>,
): Tensor {
  const exact = Float32Array.from(values);
  return tensorFrom(name, type, shape, type === 'f32' ? exact : encodeArray(type, exact));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Storage words, e.g. of scales. */
export function wordsHex(source: Tensor): string[] {
  return Array.from(asU32(source), (word) => word.toString(16).padStart(8, '0'));
}

/** Number of bytes that differ; fp8 NaN codes count as equal to each other. */
export function differing(
  actual: Uint8Array,
  expected: Uint8Array,
  format?: 'e4m3fn' | 'e4m3fnuz' | 'e5m2' | 'e5m2fnuz',
): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} bytes instead of ${expected.length}`);
  const table = format === undefined ? undefined : decodeTable(format);
  const holdsNaN = (code: number): boolean => Number.isNaN(table?.[code] ?? 0);
  return actual.reduce((count, code, index) => {
    const wanted = expected[index] ?? -1;
    return code === wanted || (holdsNaN(code) && holdsNaN(wanted)) ? count : count + 1;
  }, 0);
}

/** A group quantised number by number, by a rule given as plain arithmetic: slow, and independent of the ops. */
export function quantizeNaively(
  values: readonly number[],
  format: 'e4m3fn' | 'e4m3fnuz',
  rule: {
    readonly scale: (amax: number) => number;
    readonly scaled: (x: number, scale: number, amax: number) => number;
  },
): { readonly codes: number[]; readonly scaleBits: number } {
  const amax = Math.max(...values.map(Math.abs));
  const scale = Math.fround(rule.scale(amax));
  return {
    codes: values.map((x) => encode(format, Math.fround(rule.scaled(x, scale, amax)))),
    scaleBits: f32Bits(scale),
  };
}

export function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}
