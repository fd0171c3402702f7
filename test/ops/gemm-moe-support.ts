import { readFileSync } from 'node:fs';
import { decodeTable } from '../../src/formats/decode.ts';
import { type ElementType, elementBits } from '../../src/formats/element-type.ts';
import { f32FromBits } from '../../src/formats/f32.ts';
import { roundTo } from '../../src/golden/codes.ts';
import type { Layout } from '../../src/layout/layout.ts';
import { permute } from '../../src/layout/permute.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import type { ErrorBound } from '../../src/ops/op.ts';
import { tensor } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asU16 } from '../../src/tensor/views.ts';

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

export interface GoldenCase {
  readonly name: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly shape: (tensorName: string) => readonly number[];
  /** A tensor of the case, read as `type` in `layout` (default row-major over the stored shape). */
  readonly read: (tensorName: string, type: ElementType, layout?: Layout, as?: string) => Tensor;
  readonly bytes: (tensorName: string) => Uint8Array;
}

/** Reads the cases of one op from a golden file; a few lines on purpose, independent of the library's reader. */
export function goldenCases(file: string, op: string): readonly GoldenCase[] {
  const all = readFileSync(new URL(`../golden/${file}`, import.meta.url));
  const headerLength = Number(all.readBigUInt64LE(0));
  const { __metadata__: metadata, ...entries } = JSON.parse(all.subarray(8, 8 + headerLength).toString()) as Record<
    string,
    Entry
  > & {
    __metadata__: Record<string, string>;
  };
  const found: GoldenCase[] = [];
  for (const [key, text] of Object.entries(metadata)) {
    const meta = key.startsWith('case:') ? (JSON.parse(text) as Record<string, unknown>) : {};
    if (meta.op !== op) continue;
    const name = key.slice('case:'.length);
    const entry = (tensorName: string): Entry => {
      const value = entries[`${name}/${tensorName}`];
      if (value === undefined) throw new Error(`${file}: no tensor ${name}/${tensorName}`);
      return value;
    };
    const bytes = (tensorName: string): Uint8Array => {
      const [start, end] = entry(tensorName).data_offsets;
      return Uint8Array.from(all.subarray(8 + headerLength + start, 8 + headerLength + end));
    };
    found.push({
      name,
      meta,
      bytes,
      shape: (tensorName) => entry(tensorName).shape,
      read: (tensorName, type, layout, as = tensorName) => {
        const { shape } = entry(tensorName);
        const logical = type === 'e2m1' ? [...shape.slice(0, -1), (shape.at(-1) ?? 0) * 2] : shape;
        return tensor(as, type, layout ?? rowMajor(logical), bytes(tensorName));
      },
    });
  }
  if (found.length === 0) throw new Error(`${file}: no case of op ${op}`);
  return found;
}

/** The values of a row-major float tensor. */
export function valuesOf(source: Tensor): Float32Array {
  if (source.type === 'f32') return asF32(source);
  const table = decodeTable(source.type as 'bf16' | 'f16');
  return Float32Array.from(asU16(source), (code) => table[code] ?? Number.NaN);
}

/** Stores a row-major tensor in another layout. */
export function stored(source: Tensor, layout: Layout, fill = 0): Tensor {
  const bytes = permute(source.bytes, source.layout, layout, elementBits(source.type), { fill });
  return tensor(source.name, source.type, layout, bytes);
}

/** Number of elements that lie outside what the bound admits. */
export function outside(values: Float32Array, type: ElementType, bound: ErrorBound | undefined): number {
  if (bound === undefined) throw new Error('the op gives no bound for this output');
  expectSameLength(values.length, bound);
  let count = 0;
  values.forEach((value, i) => {
    const exact = bound.exact[i] ?? Number.NaN;
    const error = bound.error[i] ?? Number.NaN;
    const low = roundTo(type, exact - error, bound.rounding);
    const high = roundTo(type, exact + error, bound.rounding);
    const holds = Number.isNaN(low) || Number.isNaN(high) ? Number.isNaN(value) : value >= low && value <= high;
    if (!holds && error !== Number.POSITIVE_INFINITY) count += 1;
  });
  return count;
}

function expectSameLength(count: number, bound: ErrorBound): void {
  if (bound.exact.length !== count || bound.error.length !== count) {
    throw new Error(
      `the bound has ${bound.exact.length} values and ${bound.error.length} errors for ${count} elements`,
    );
  }
}

/** Deterministic 32-bit noise (mulberry32). */
export function noise(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Random codes that are not NaN in the format. */
export function randomCodes(type: 'e4m3fn' | 'e4m3fnuz' | 'bf16', count: number, seed: number): Uint8Array {
  const next = noise(seed);
  const table = decodeTable(type === 'bf16' ? 'e4m3fn' : type);
  return Uint8Array.from({ length: count }, () => {
    let code = next() & 255;
    while (Number.isNaN(table[code])) code = next() & 255;
    return code;
  });
}

/** Positive float32 scales between 2^-6 and 2^2 with full mantissas. */
export function randomScales(count: number, seed: number): Float32Array {
  const next = noise(seed);
  return Float32Array.from({ length: count }, () =>
    f32FromBits((((121 + (next() % 8)) << 23) | (next() & 0x7fffff)) >>> 0),
  );
}
