import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acquireGpu, releaseGpu } from '../../../backends/webgpu/device.ts';
import type { Gpu } from '../../../backends/webgpu/gpu.ts';
import { decodeTable } from '../../../src/formats/decode.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import type { FloatFormatName } from '../../../src/formats/facts.ts';
import { ceilToUe8m0, e8m0ToF32, mxScaleByte } from '../../../src/formats/mx-scale.ts';
import { libraryText, probe } from './softfloat-probe.ts';

const NAN = 0x7fc00000;
const COUNT = 200_000;

/** Where rounding, overflow, underflow and the special values lie. */
const EDGES = [
  0, 1, 2, 3, 0x3fffff, 0x400000, 0x7fffff, 0x800000, 0x800001, 0xffffff, 0x1000000, 0x33000000, 0x33000001, 0x33800000,
  0x387fffff, 0x38800000, 0x3b124925, 0x3dcccccd, 0x3f000000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x40000000,
  0x43e00000, 0x477fefff, 0x477ff000, 0x4b000000, 0x4b800001, 0x7effffff, 0x7f000000, 0x7f7fffff, 0x7f800000,
  0x7f800001, 0x7fc00000,
].flatMap((bits) => [bits, (bits | 0x80000000) >>> 0]);

/** Reproducible 32-bit numbers. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    return (mixed ^ (mixed >>> 13)) >>> 0;
  };
}

/** Every pair of edges, then random bit patterns with exponents far apart, close together, and short significands. */
function pairs(): { readonly a: Uint32Array; readonly b: Uint32Array } {
  const random = generator(7);
  const a = new Uint32Array(COUNT);
  const b = new Uint32Array(COUNT);
  for (let index = 0; index < COUNT; index += 1) {
    const [first, second] = [EDGES[index % EDGES.length], EDGES[Math.floor(index / EDGES.length)]];
    a[index] = first !== undefined && second !== undefined ? first : random();
    b[index] = first !== undefined && second !== undefined ? second : random();
    if (second !== undefined) continue;
    if (index % 4 === 1) b[index] = (a[index] as number) ^ (random() & 0x81800007);
    if (index % 4 === 2) a[index] = (a[index] as number) & 0xfffff000;
    if (index % 4 === 3) a[index] = (a[index] as number) & 0x80ffffff;
  }
  return { a, b };
}

function floats(words: Uint32Array): Float32Array {
  return new Float32Array(words.buffer, words.byteOffset, words.length);
}

function canonical(words: Uint32Array): Uint32Array {
  return words.map((bits) => ((bits & 0x7fffffff) > 0x7f800000 ? NAN : bits));
}

/** Bits of the float32 that JavaScript computes: `Math.fround` of a float64 result is correctly rounded for + * / sqrt. */
function expected(f: (x: number, y: number) => number, a: Uint32Array, b: Uint32Array): Uint32Array {
  const [x, y] = [floats(a), floats(b)];
  const out = Float32Array.from(x, (value, index) => f(value, y[index] as number));
  return canonical(new Uint32Array(out.buffer));
}

/** The first disagreement, readable; `undefined` when there is none. */
function firstDifference(
  got: Uint32Array,
  want: ArrayLike<number>,
  a: Uint32Array,
  b: Uint32Array = a,
): string | undefined {
  const at = got.findIndex((bits, index) => bits !== want[index]);
  const hex = (bits: number | undefined): string => `0x${(bits ?? 0).toString(16)}`;
  return at < 0 ? undefined : `${hex(a[at])}, ${hex(b[at])}: got ${hex(got[at])}, want ${hex(want[at])}`;
}

let gpu: Gpu;
beforeAll(async () => {
  gpu = await acquireGpu();
});
afterAll(() => releaseGpu(gpu));

describe('softfloat.wgsl', () => {
  const { a, b } = pairs();
  const cases: readonly [string, (x: number, y: number) => number][] = [
    ['sf_div(a, b)', (x, y) => x / y],
    ['sf_mul(a, b)', (x, y) => x * y],
    ['sf_add(a, b)', (x, y) => x + y],
    ['sf_sqrt(a)', (x) => Math.sqrt(x)],
  ];
  it.each(cases)('%s is correctly rounded', async (expression, f) => {
    const got = await probe(gpu, libraryText('softfloat'), expression, a, b);
    expect(firstDifference(got, expected(f, a, b), a, b)).toBeUndefined();
  });

  it.each(['bf16', 'f16'] as const)('reads every %s pattern', async (format) => {
    const codes = Uint32Array.from({ length: 65536 }, (_, code) => code);
    const got = canonical(await probe(gpu, libraryText('softfloat'), `sf_from_${format}(a)`, codes));
    const table = decodeTable(format);
    const want = canonical(new Uint32Array(Float32Array.from(codes, (code) => table[code] as number).buffer));
    expect(firstDifference(got, want, codes)).toBeUndefined();
  });

  it.each(['bf16', 'f16'] as const)('rounds to %s as the formats module does', async (format) => {
    const finite = a.filter((bits) => (bits & 0x7fffffff) <= 0x7f800000);
    const got = await probe(gpu, libraryText('softfloat'), `sf_to_${format}(a)`, finite);
    expect(firstDifference(got, encodeArray(format, floats(finite)), finite)).toBeUndefined();
  });
});

describe('minifloat.wgsl', () => {
  // All upper halves, with and without something below: every tie and both its sides.
  const inputs = Uint32Array.from({ length: 1 << 17 }, (_, index) => ((index >>> 1) << 16) | (index & 1));
  const formats: readonly FloatFormatName[] = ['e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz', 'e2m1'];
  const library = libraryText('softfloat', 'minifloat');

  it.each(formats.map((format, id) => [format, id] as const))(
    'encodes to %s as torch and AITER do',
    async (format, id) => {
      const got = await probe(gpu, library, `mf_encode(a, mf_format(${id}u))`, inputs);
      const want = encodeArray(format, floats(inputs), { convention: 'aiter' }) as Uint8Array;
      expect(firstDifference(got, want, inputs)).toBeUndefined();
    },
  );
});

describe('block_scale.wgsl', () => {
  const library = libraryText('softfloat', 'block_scale');
  // Both sides of every half step of every exponent.
  const magnitudes = Uint32Array.from({ length: 255 * 64 }, (_, index) => {
    const [exponent, step] = [Math.floor(index / 64), index % 64];
    return (exponent << 23) | ((step >> 1) << 18) | (step & 1);
  });

  it('raises to UE8M0', async () => {
    const got = await probe(gpu, library, 'bs_ceil_to_ue8m0(a)', magnitudes);
    const want = new Uint32Array(floats(magnitudes).map(ceilToUe8m0).buffer);
    expect(firstDifference(got, want, magnitudes)).toBeUndefined();
  });

  it.each([
    ['e2m1', 1, 2],
    ['e4m3fn', 3, 8],
    ['e4m3fnuz', 3, 7],
  ] as const)('rounds amax to the precision of %s for mode Even', async (element, mantissa, exponent) => {
    const got = await probe(gpu, library, `bs_even_exponent(a, ${mantissa}u, ${exponent}u)`, magnitudes);
    const want = Array.from(floats(magnitudes), (amax) => mxScaleByte(amax, element, 'Even'));
    expect(firstDifference(got, want, magnitudes)).toBeUndefined();
  });

  it('decodes every e8m0 byte', async () => {
    const bytes = Uint32Array.from({ length: 256 }, (_, byte) => byte);
    const got = await probe(gpu, library, 'bs_e8m0_bits(a)', bytes);
    const want = canonical(new Uint32Array(Float32Array.from(bytes, e8m0ToF32).buffer));
    expect(firstDifference(got, want, bytes)).toBeUndefined();
  });
});
