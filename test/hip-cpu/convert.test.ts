// The conversions of the CPU runtime against the package's formats, which are tested against torch's and ml_dtypes' codes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decode, encode, type FloatFormatName, formatFacts } from '../../src/formats/index.ts';
import { CpuDevice, skipWithoutCompiler } from './cpu-device.ts';

const WAVE = 64;
const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);
const bitsOf = (x: number): number => {
  f32[0] = x;
  return u32[0] as number;
};
const fromBits = (bits: number): number => {
  u32[0] = bits;
  return f32[0] as number;
};

/** Every value of a format, every middle between two, the numbers beside these, what lies beyond, and some others. */
function numbersAround(format: FloatFormatName): number[] {
  const { maxCode, max } = formatFacts(format);
  const values = Array.from({ length: maxCode + 1 }, (_, code) => decode(format, code));
  const middles = values.map(
    (value, code) => (value + (values[code + 1] ?? value + (value - (values[code - 1] ?? 0)))) / 2,
  );
  const exact = [...values, ...middles, 2 * max, 1e30, 3.4e38, 1e-10, 1e-40, Number.POSITIVE_INFINITY, Number.NaN];
  const near = exact.flatMap((value) => {
    const bits = bitsOf(value);
    return bits > 0 && bits < 0x7f800000 ? [bits - 1, bits, bits + 1] : [bits];
  });
  let state = 1;
  const random = Array.from({ length: 2000 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  });
  return [...near, ...random].map(fromBits);
}

/** Filled up to whole waves of threads that take up to two words. */
function padded(words: readonly number[]): Uint32Array {
  const all = new Uint32Array(Math.ceil(words.length / (2 * WAVE)) * 2 * WAVE);
  all.set(words);
  return all;
}

/** Whether two codes are the same; NaNs are all alike. */
function sameCode(format: FloatFormatName, got: number, wanted: number): boolean {
  return got === wanted || (Number.isNaN(decode(format, got)) && Number.isNaN(decode(format, wanted)));
}

describe.skipIf(skipWithoutCompiler)('conversions', () => {
  let cpu: CpuDevice;
  beforeAll(async () => {
    cpu = await CpuDevice.open();
  });
  afterAll(() => cpu.close());

  /** Runs a kernel over words, `taken` to a thread, and returns its `given` words for each. */
  async function run(
    object: string,
    kernel: string,
    x: Uint32Array,
    taken: number,
    given: number,
  ): Promise<Uint32Array[]> {
    const threads = x.length / taken;
    const { y } = await cpu.run(object, kernel, {
      inputs: { x },
      outputs: { y: threads * given * 4 },
      u32: { count: threads },
      grid: [threads / WAVE, 1, 1],
    });
    const words = new Uint32Array((y as Uint8Array).slice().buffer);
    return Array.from({ length: threads }, (_, thread) => words.subarray(thread * given, (thread + 1) * given));
  }

  describe.each([
    ['e4m3fn', 'convert'],
    ['e4m3fnuz', 'convert-gfx942'],
  ] as const)('%s', (format, object) => {
    it('is rounded to nearest even, and beyond its range NaN', async () => {
      const numbers = numbersAround(format);
      const results = await run(object, 'to_fp8', padded(numbers.map(bitsOf)), 1, 1);
      const max = formatFacts(format).max;
      for (const [index, x] of numbers.entries()) {
        const word = results[index]?.[0] as number;
        const clamped = Number.isNaN(x) ? x : Math.max(-max, Math.min(max, x));
        const wanted = [x, -x, clamped, 1].map((value) => encode(format, value));
        const got = wanted.map((_, byte) => (word >>> (8 * byte)) & 255);
        expect(wanted.every((code, byte) => sameCode(format, got[byte] as number, code)) || { x, got, wanted }).toBe(
          true,
        );
      }
    });

    it('is decoded', async () => {
      const words = Array.from(
        { length: 256 },
        (_, code) => code | ((255 - code) << 8) | ((code ^ 0x55) << 16) | (code << 24),
      );
      const results = await run(object, 'from_fp8', padded(words.map((word) => word >>> 0)), 1, 4);
      for (const [code, word] of words.entries()) {
        const wanted = [0, 8, 16, 24].map((shift) => decode(format, (word >>> shift) & 255));
        expect([code, ...Array.from(results[code] as Uint32Array, fromBits)]).toEqual([code, ...wanted]);
      }
    });
  });

  it('rounds to bf16 and f16', async () => {
    const numbers = [
      ...numbersAround('e5m2'),
      ...[65519.9, 65520, 3.39e38, 3.4e38, 1e-45, 9.1835e-41, 2 ** -133, 2 ** -25].flatMap((x) => [x, -x]),
    ];
    const results = await run('convert', 'to_half', padded(numbers.map(bitsOf)), 1, 4);
    for (const [index, x] of numbers.map(Math.fround).entries()) {
      const [bf16 = 0, f16 = 0] = results[index] as Uint32Array;
      const got = [bf16 & 0xffff, bf16 >>> 16, f16 & 0xffff, f16 >>> 16];
      const wanted = [encode('bf16', x), encode('bf16', -x), encode('f16', x), encode('f16', -x)];
      const same = wanted.every((code, at) => sameCode(at < 2 ? 'bf16' : 'f16', got[at] as number, code));
      expect(same || { x, got, wanted }).toBe(true);
    }
  });

  /** e8m0 codes: none, the smallest, around 1, and the largest. */
  const SCALES = [0, 1, 96, 126, 127, 128, 131, 160, 253, 254];

  it('divides by the scale and rounds to e2m1, which saturates', async () => {
    const pairs = SCALES.flatMap((scale) =>
      numbersAround('e2m1').flatMap((x) => {
        const scaled = Math.fround(x * 2 ** (scale - 127));
        // The code of a NaN is not documented.
        return Number.isNaN(scaled) ? [] : [[scaled, scale] as const];
      }),
    );
    const results = await run('convert', 'to_fp4', padded(pairs.flatMap(([x, scale]) => [bitsOf(x), scale])), 2, 2);
    for (const [index, [x, scale]] of pairs.entries()) {
      const value = x / 2 ** (scale - 127);
      const plus = encode('e2m1', value);
      const minus = encode('e2m1', -value);
      const wanted = [
        (0x99009900 | plus | (minus << 4) | (minus << 16) | (plus << 20)) >>> 0,
        (0x00660066 | (plus << 8) | (plus << 12) | (plus << 24) | (minus << 28)) >>> 0,
      ];
      expect([x, scale, ...(results[index] as Uint32Array)]).toEqual([x, scale, ...wanted]);
    }
  });

  it('decodes e2m1 and multiplies by the scale', async () => {
    const pairs = [...SCALES, 255].flatMap((scale) =>
      [0x76543210, 0xfedcba98, 0x08f7a2b1].map((word) => [word, scale] as const),
    );
    const results = await run('convert', 'from_fp4', padded(pairs.flat()), 2, 12);
    for (const [index, [word, scale]] of pairs.entries()) {
      const values = Array.from(
        { length: 8 },
        (_, at) => decode('e2m1', (word >>> (4 * at)) & 15) * decode('e8m0', scale),
      );
      const got = results[index] as Uint32Array;
      expect([scale, ...Array.from(got.subarray(0, 8), fromBits)]).toEqual([scale, ...values.map(Math.fround)]);
      const halves = new Uint16Array(got.slice(8).buffer);
      expect([scale, ...Array.from(halves, (code) => decode('bf16', code))]).toEqual([
        scale,
        ...values.map((value) => decode('bf16', encode('bf16', value))),
      ]);
    }
  });

  it('divides by the scale and rounds to e4m3, and multiplies back', async () => {
    const pairs = SCALES.flatMap((scale) =>
      numbersAround('e4m3fn')
        .slice(0, 600)
        .map((x) => [Math.fround(x * 2 ** (scale - 127)), scale] as const),
    );
    pairs.push([1, 255]);
    const results = await run('convert', 'fp8_scaled', padded(pairs.flatMap(([x, scale]) => [bitsOf(x), scale])), 2, 5);
    for (const [index, [x, scale]] of pairs.entries()) {
      const value = x / decode('e8m0', scale);
      const [word = 0, ...back] = results[index] as Uint32Array;
      const wanted = [value, -value, -value, value].map((number) => encode('e4m3fn', number));
      const got = wanted.map((_, byte) => (word >>> (8 * byte)) & 255);
      expect(
        wanted.every((code, byte) => sameCode('e4m3fn', got[byte] as number, code)) || { x, scale, got, wanted },
      ).toBe(true);
      const values = wanted.map((code) => Math.fround(decode('e4m3fn', code) * decode('e8m0', scale)));
      expect([x, scale, ...back.map(fromBits)]).toEqual([x, scale, ...values]);
    }
  });
});
