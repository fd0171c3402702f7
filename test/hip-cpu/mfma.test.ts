// The matrix instructions of the CPU runtime against a triple loop over operands that are laid out here.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decode, encode, type FloatFormatName } from '../../src/formats/index.ts';
import { CpuDevice, skipWithoutCompiler } from './cpu-device.ts';
import { block, type Matrix, matrix, operandBytes, type Shape, scaleWords, WIDE } from './mfma-operands.ts';

/** f32 sums of 128 products round to this part of the sum of magnitudes at most. */
const TOLERANCE = 128 * 2 ** -24;
/** Of the scaled test kernels, by side. */
const SELECT: Readonly<Record<number, readonly [number, number]>> = { 16: [1, 3], 32: [2, 0] };

const PAIRS: readonly (readonly [FloatFormatName, FloatFormatName, string])[] = [
  ['e4m3fn', 'e4m3fn', 'e4m3_e4m3'],
  ['e2m1', 'e2m1', 'e2m1_e2m1'],
  ['e2m1', 'e4m3fn', 'e2m1_e4m3'],
  ['e4m3fn', 'e2m1', 'e4m3_e2m1'],
  ['e5m2', 'e4m3fn', 'e5m2_e4m3'],
];

interface Case {
  readonly shape: Shape;
  readonly a: Matrix;
  /** Of B: its columns. */
  readonly b: Matrix;
  /** e8m0 codes by row (column) and block of 32. */
  readonly scales?: { readonly a: readonly number[][]; readonly b: readonly number[][] };
}

/** Every value of D, and the sum of magnitudes behind it. */
function tripleLoop({ shape, a, b, scales }: Case, c: Float32Array): { value: number; magnitude: number }[] {
  const { side, depth } = shape;
  return Array.from({ length: side * side }, (_, index) => {
    const i = Math.floor(index / side);
    const j = index % side;
    let value = c[index] as number;
    let magnitude = Math.abs(value);
    for (let k = 0; k < depth; k += 1) {
      const left = decode(a.format, block(a.codes, i)[k] as number);
      const right = decode(b.format, block(b.codes, j)[k] as number);
      const group = Math.floor(k / 32);
      const scale =
        scales === undefined
          ? 1
          : decode('e8m0', block(scales.a, i)[group] as number) * decode('e8m0', block(scales.b, j)[group] as number);
      value += left * right * scale;
      magnitude += Math.abs(left * right * scale);
    }
    return { value, magnitude };
  });
}

/** Row-major C as the lanes hold it, and back. */
function placeOf({ side }: Shape, i: number, j: number): number {
  const groups = 64 / side;
  const lane = j + side * (Math.floor(i / 4) % groups);
  const register = (i % 4) + 4 * Math.floor(i / 4 / groups);
  return lane * ((side * side) / 64) + register;
}

function toLanes(shape: Shape, rows: Float32Array): Float32Array {
  const lanes = new Float32Array(rows.length);
  for (const [index, value] of rows.entries()) {
    lanes[placeOf(shape, Math.floor(index / shape.side), index % shape.side)] = value;
  }
  return lanes;
}

describe.skipIf(skipWithoutCompiler)('matrix instructions', () => {
  let cpu: CpuDevice;
  beforeAll(async () => {
    cpu = await CpuDevice.open();
  });
  afterAll(() => cpu.close());

  async function run(kernel: string, given: Case, c: Float32Array): Promise<number[]> {
    const { shape, a, b, scales } = given;
    const [aSelect, bSelect] = SELECT[shape.side] as readonly [number, number];
    const { d } = await cpu.run('mfma', kernel, {
      inputs: {
        a: operandBytes(shape, a),
        b: operandBytes(shape, b),
        aScales: scaleWords(shape, scales?.a, aSelect),
        bScales: scaleWords(shape, scales?.b, bSelect),
        c: toLanes(shape, c),
      },
      outputs: { d: c.byteLength },
    });
    const lanes = new Float32Array((d as Uint8Array).slice().buffer);
    return Array.from(
      c,
      (_, index) => lanes[placeOf(shape, Math.floor(index / shape.side), index % shape.side)] as number,
    );
  }

  /** Fails with the first entry that is off by more than the tolerance. */
  function requireClose(got: readonly number[], wanted: readonly { value: number; magnitude: number }[]): void {
    const off = wanted.findIndex(({ value, magnitude }, index) => {
      const error = Math.abs((got[index] as number) - value);
      return !(Number.isNaN(value) ? Number.isNaN(got[index]) : error <= magnitude * TOLERANCE);
    });
    expect(off < 0 ? 'all close' : { index: off, got: got[off], wanted: wanted[off] }).toBe('all close');
  }

  const addends = ({ side }: Shape): Float32Array =>
    Float32Array.from({ length: side * side }, (_, index) => ((index * 37) % 101) - 50);

  describe.each(WIDE)('$side x $side x $depth', (shape) => {
    it.each(PAIRS)('multiplies %s by %s', async (aFormat, bFormat, name) => {
      const given = { shape, a: matrix(shape, aFormat, 1), b: matrix(shape, bFormat, 2) };
      const c = addends(shape);
      requireClose(await run(`plain_${shape.side}_${name}`, given, c), tripleLoop(given, c));
    });

    it.each(PAIRS)('multiplies %s by %s with a scale for each block and row', async (aFormat, bFormat, name) => {
      const blocks = shape.depth / 32;
      // No two neighbours alike, and distinct between the operands, so that a scale of another lane or byte shows.
      const scales = (seed: number): number[][] =>
        Array.from({ length: shape.side }, (_, row) =>
          Array.from({ length: blocks }, (_, at) => 120 + ((row * 5 + at * 7 + seed) % 13)),
        );
      const given = {
        shape,
        a: matrix(shape, aFormat, 3),
        b: matrix(shape, bFormat, 4),
        scales: { a: scales(0), b: scales(6) },
      };
      const c = addends(shape);
      requireClose(await run(`scaled_${shape.side}_${name}`, given, c), tripleLoop(given, c));
    });

    it('is exact where every sum is', async () => {
      const integers: Matrix = matrix(shape, 'e4m3fn', 5, (code) => encode('e4m3fn', (code % 17) - 8));
      const given = { shape, a: integers, b: matrix(shape, 'e4m3fn', 6, (code) => encode('e4m3fn', (code % 9) - 4)) };
      const c = addends(shape);
      const got = await run(`plain_${shape.side}_e4m3_e4m3`, given, c);
      expect(got).toEqual(tripleLoop(given, c).map(({ value }) => value));
    });

    it('spoils the block of a scale of 255, and takes extreme scales that meet', async () => {
      const blocks = shape.depth / 32;
      const codes = (fill: number): number[][] =>
        Array.from({ length: shape.side }, () => Array.from({ length: blocks }, () => fill));
      const given = {
        shape,
        a: matrix(shape, 'e2m1', 7),
        b: matrix(shape, 'e2m1', 8),
        scales: { a: codes(254), b: codes(1) },
      };
      block(given.scales.a, 3)[1] = 255;
      block(given.scales.b, 5)[0] = 255;
      const c = addends(shape);
      const got = await run(`scaled_${shape.side}_e2m1_e2m1`, given, c);
      // 2^127 * 2^-126 = 2
      requireClose(got, tripleLoop(given, c));
      const spoilt = got.flatMap((value, index) => (Number.isNaN(value) ? [index] : []));
      const wanted = got.flatMap((_, index) =>
        Math.floor(index / shape.side) === 3 || index % shape.side === 5 ? [index] : [],
      );
      expect(spoilt).toEqual(wanted);
    });

    it('passes NaN and infinity on to their rows and columns', async () => {
      const a = matrix(shape, 'e5m2', 9);
      const b = matrix(shape, 'e4m3fn', 10, (code) => ((code & 0x7f) === 0 ? 0x38 : code));
      block(a.codes, 2)[shape.depth - 1] = 0x7c;
      block(b.codes, 4)[1] = 0x7f;
      const given = { shape, a, b };
      const c = addends(shape);
      const got = await run(`plain_${shape.side}_e5m2_e4m3`, given, c);
      for (const [index, { value }] of tripleLoop(given, c).entries()) {
        if (!Number.isFinite(value)) expect([index, got[index]]).toEqual([index, value]);
        else expect([index, Number.isFinite(got[index] as number)]).toEqual([index, true]);
      }
    });
  });

  const narrow: Shape = { side: 16, depth: 32, run: 8 };

  it.each([
    ['bf16', 'mfma', 'narrow_bf16'],
    ['f16', 'mfma', 'narrow_f16'],
    ['e4m3fn', 'mfma', 'narrow_fp8'],
    ['e4m3fnuz', 'mfma-gfx942', 'narrow_fp8'],
  ] as const)('16 x 16 x 32 multiplies %s', async (format, object, kernel) => {
    const given = { shape: narrow, a: matrix(narrow, format, 11), b: matrix(narrow, format, 12) };
    const c = addends(narrow);
    if (object === 'mfma') {
      requireClose(await run(kernel, given, c), tripleLoop(given, c));
      return;
    }
    const packed = (operand: Matrix): Uint8Array =>
      Uint8Array.from(
        { length: 64 * 8 },
        (_, at) => operandBytes(narrow, operand)[Math.floor(at / 8) * 32 + (at % 8)] as number,
      );
    const { d } = await cpu.run(object, kernel, {
      inputs: { a: packed(given.a), b: packed(given.b), c: toLanes(narrow, c) },
      outputs: { d: c.byteLength },
    });
    const lanes = new Float32Array((d as Uint8Array).slice().buffer);
    const got = Array.from(c, (_, index) => lanes[placeOf(narrow, Math.floor(index / 16), index % 16)] as number);
    requireClose(got, tripleLoop(given, c));
  });
});
