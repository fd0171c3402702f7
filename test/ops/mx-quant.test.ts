import { describe, expect, it } from 'vitest';
import { e8m0ToF32, MX_SCALE_MODES } from '../../src/formats/mx-scale.ts';
import { decode } from '../../src/ops/decode.ts';
import { dynamicMxfp4Quant } from '../../src/ops/dynamic-mxfp4-quant.ts';
import { mxScale } from '../../src/ops/mx-scale.ts';
import { mxfp4Quant } from '../../src/ops/mxfp4-quant.ts';
import { mxfp8Quant } from '../../src/ops/mxfp8-quant.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { noise } from './gemm-moe-support.ts';
import { errorOf, floats, hex } from './quant-support.ts';

/** 32 multiples of a factor with both signs, largest magnitude 4 * factor. */
function block(factor: number): number[] {
  return Array.from({ length: 32 }, (_, i) => (factor * (((37 * i) % 64) - 32)) / 8);
}

const CODES4_128 = '1d3c5ad8c2a4052d4b59c1b3941d3c5a';
const CODES4_127 = '2f5e7cf9e3c6074f6d7ae2d5963f5e7c';
const CODES8_121 = 'fd68f974f27addfc6df777ef7b55fb71f579ea7d65f973f37ae2fc6bf876f07b';
const CODES8_122 = 'f560f16cea72d5f465ef6fe7734df369ed71e2755df16beb72daf463f06ee873';

describe('mxfp4_quant and mxfp8_quant: known blocks', () => {
  it.each([
    ['RoundUp', 128, CODES4_128, 121, CODES8_121],
    ['Ceil', 128, CODES4_128, 122, CODES8_122],
    ['Even', 127, CODES4_127, 121, CODES8_121],
    ['RoundDown', 127, CODES4_127, 121, CODES8_121],
  ] as const)('amax 6.5, %s', (mode, byte4, codes4, byte8, codes8) => {
    const x = floats('x', 'f32', [1, 32], block(1.625));
    const four = mxfp4Quant.reference({ mode }, { x });
    expect([hex(four.y.bytes), Array.from(four.scale.bytes)]).toEqual([codes4, [byte4]]);
    const eight = mxfp8Quant.reference({ mode, math: 'hip' }, { x });
    expect([hex(eight.y.bytes), Array.from(eight.scale.bytes)]).toEqual([codes8, [byte8]]);
  });

  it.each(MX_SCALE_MODES)('amax 4, %s: all modes agree', (mode) => {
    const x = floats('x', 'bf16', [1, 32], block(1));
    const four = mxfp4Quant.reference({ mode }, { x });
    expect([hex(four.y.bytes), four.scale.bytes[0]]).toEqual(['1e4d5be8c2a4063d5c6ad1b4952e4c5a', 127]);
    const eight = mxfp8Quant.reference({ mode }, { x });
    const codes = 'f862f36fec74d8f668f271e97650f56bf072e47860f46eed74dcf766f270ea76';
    expect([hex(eight.y.bytes), eight.scale.bytes[0]]).toEqual([codes, 121]);
  });

  it('the shape and type of what comes out', () => {
    const x = floats('x', 'f16', [3, 2, 64], new Array<number>(384).fill(1));
    const { y, scale } = mxfp4Quant.plan({}, { x });
    expect([y.type, y.layout.shape, scale.type, scale.scaling, scale.layout.shape]).toEqual([
      'e2m1',
      [3, 2, 64],
      'e8m0',
      'e8m0',
      [3, 2, 2],
    ]);
    expect(mxfp8Quant.plan({ format: 'e4m3fnuz' }, { x }).y.type).toBe('e4m3fnuz');
  });
});

describe('MX edge cases', () => {
  const zeros = floats('x', 'f32', [1, 32], new Array<number>(32).fill(-0));

  it.each([
    ['torch', 0, 0],
    ['hip', 92, 85],
  ] as const)('zero block, %s', (math, byte4, byte8) => {
    const four = mxfp4Quant.reference({ math }, { x: zeros });
    expect([four.scale.bytes[0], new Set(four.y.bytes)]).toEqual([byte4, new Set([0x88])]);
    const eight = mxfp8Quant.reference({ math }, { x: zeros });
    expect([eight.scale.bytes[0], new Set(eight.y.bytes)]).toEqual([byte8, new Set([0x80])]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('%d in a block: NaN scale in torch', (special) => {
    const x = floats('x', 'f32', [1, 32], [special, ...new Array<number>(31).fill(-1)]);
    const four = mxfp4Quant.reference({}, { x });
    // e2m1 has no NaN: AITER's integer conversion leaves 3, and the scale carries it.
    expect([four.scale.bytes[0], new Set(four.y.bytes)]).toEqual([255, new Set([0x33])]);
    const eight = mxfp8Quant.reference({}, { x });
    expect([eight.scale.bytes[0], new Set(eight.y.bytes)]).toEqual([255, new Set([0x7f])]);
  });

  it('the kernel does not count a NaN', () => {
    const x = floats('x', 'f32', [1, 32], [Number.NaN, ...new Array<number>(31).fill(1)]);
    const { y, scale } = mxfp8Quant.reference({ math: 'hip' }, { x });
    expect([scale.bytes[0], y.bytes[0], y.bytes[1]]).toEqual([119, 0xfe, 0x78]);
  });

  it('saturates fp4 where the mode rounds the scale down', () => {
    const x = floats('x', 'f32', [1, 32], [7.9, ...new Array<number>(31).fill(-7.9)]);
    const { y, scale } = mxfp4Quant.reference({ mode: 'RoundDown' }, { x });
    expect([scale.bytes[0], hex(y.bytes.subarray(0, 2))]).toEqual([127, 'f7ff']);
  });

  it('the smallest blocks divide by the subnormal scale 2^-127', () => {
    const x = floats('x', 'f32', [1, 32], [2 ** -126, 2 ** -127, ...new Array<number>(30).fill(2 ** -149)]);
    const { y, scale } = mxfp4Quant.reference({ mode: 'RoundDown' }, { x });
    expect([scale.bytes[0], y.bytes[0]]).toEqual([0, 0x24]);
  });

  it('RoundUp never saturates, whatever the mantissa', () => {
    const next = noise(7);
    const values = Float32Array.from({ length: 32 * 500 }, () => (next() / 2 ** 31 - 1) * 2 ** ((next() % 40) - 20));
    const { y, scale } = mxfp4Quant.reference({}, { x: floats('x', 'f32', [500, 32], values) });
    const decoded = asF32(decode.reference({}, { x: y }).y);
    values.forEach((value, i) => {
      const step = e8m0ToF32(scale.bytes[i >> 5] ?? 255);
      // Half the coarsest e2m1 step, 2, in units of the scale.
      expect(Math.abs((decoded[i] as number) * step - value)).toBeLessThanOrEqual(step);
    });
  });

  it('says what is wrong', () => {
    const x = floats('act', 'f32', [2, 48], new Array<number>(96).fill(1));
    const text = 'has rows of 48 elements [2, 48], expected a multiple of 32. Pad the last dimension with zeros to 64.';
    expect(errorOf(() => mxfp4Quant.plan({}, { x }))).toBe(`mxfp4_quant: operand "act": ${text}`);
    expect(errorOf(() => mxfp8Quant.plan({}, { x }))).toBe(`mxfp8_quant: operand "act": ${text}`);
    expect(errorOf(() => mxfp4Quant.plan({ mode: 'roundup' as 'RoundUp' }, { x }))).toBe(
      'mxfp4_quant: parameter "mode": is "roundup", expected RoundDown or RoundUp or Even or Ceil.',
    );
  });
});

describe('dynamic_mxfp4_quant', () => {
  it('has the codes of mode Even, and stores no scale below 1', () => {
    const next = noise(9);
    const values = Float32Array.from({ length: 8 * 256 }, () => (next() / 2 ** 31 - 1) * 2 ** ((next() % 12) - 6));
    const x = floats('x', 'bf16', [8, 256], values);
    const even = mxfp4Quant.reference({ mode: 'Even' }, { x });
    const { y, scale } = dynamicMxfp4Quant.reference({}, { x });
    expect(hex(y.bytes)).toBe(hex(even.y.bytes));
    expect(scale.bytes).toEqual(even.scale.bytes.map((byte) => Math.max(127, byte)));
  });

  it.each([Number.POSITIVE_INFINITY, Number.NaN])('%d gives the largest scale, not NaN', (special) => {
    const x = floats('x', 'bf16', [1, 32], [special, ...new Array<number>(31).fill(2 ** 127)]);
    const { y, scale } = dynamicMxfp4Quant.reference({}, { x });
    expect([scale.bytes[0], y.bytes[0], y.bytes[1]]).toEqual([254, Number.isNaN(special) ? 0x23 : 0x27, 0x22]);
  });

  it('takes a shorter last block', () => {
    const x = floats(
      'x',
      'bf16',
      [2, 36],
      [...new Array<number>(32).fill(1), 64, 64, 64, 64, ...new Array<number>(36).fill(8)],
    );
    const { y, scale } = dynamicMxfp4Quant.reference({ mode: 'Even' }, { x });
    expect(scale.layout.shape).toEqual([2, 2]);
    expect(Array.from(scale.bytes)).toEqual([127, 131, 128, 128]);
    expect(hex(y.bytes.subarray(15, 18))).toBe('666666');
  });

  it('says what is wrong', () => {
    expect(
      errorOf(() => dynamicMxfp4Quant.plan({}, { x: floats('x', 'bf16', [1, 33], new Array<number>(33).fill(0)) })),
    ).toBe(
      'dynamic_mxfp4_quant: operand "x": has rows of 33 elements, expected an even number: two fp4 codes share a byte.',
    );
    expect(
      errorOf(() => dynamicMxfp4Quant.plan({ mode: 'RoundUp' as 'Even' }, { x: floats('x', 'bf16', [2], [0, 0]) })),
    ).toBe('dynamic_mxfp4_quant: parameter "mode": is "RoundUp", expected Even.');
  });
});

describe('mx_scale', () => {
  // Rows: amax; bytes for fp4 RoundUp, Even, RoundDown, Ceil, then fp8.
  const TABLE = [
    [1, 125, 125, 125, 125, 119, 119, 119, 119],
    [1.25, 125, 125, 125, 126, 119, 119, 119, 120],
    [1.5, 125, 125, 125, 126, 119, 119, 119, 120],
    [1.625, 126, 125, 125, 126, 119, 119, 119, 120],
    [1.75, 126, 126, 125, 126, 119, 119, 119, 120],
    [1.875, 126, 126, 125, 126, 120, 119, 119, 120],
    [1.9375, 126, 126, 125, 126, 120, 120, 119, 120],
    [2, 126, 126, 126, 126, 120, 120, 120, 120],
    [6, 127, 127, 127, 128, 121, 121, 121, 122],
    [6.5, 128, 127, 127, 128, 121, 121, 121, 122],
    [7, 128, 128, 127, 128, 121, 121, 121, 122],
    [7.5, 128, 128, 127, 128, 122, 121, 121, 122],
  ] as const;
  const MODES = ['RoundUp', 'Even', 'RoundDown', 'Ceil'] as const;

  it.each([0, 1, 2, 3] as const)('mode %i of the table', (index) => {
    const mode = MODES[index];
    const x = floats(
      'x',
      'bf16',
      [12],
      TABLE.map(([amax]) => amax),
    );
    expect(Array.from(mxScale.reference({ element: 'e2m1', mode }, { x }).y.bytes)).toEqual(
      TABLE.map((row) => row[1 + index]),
    );
    expect(Array.from(mxScale.reference({ element: 'e4m3fn', mode }, { x }).y.bytes)).toEqual(
      TABLE.map((row) => row[5 + index]),
    );
  });

  it('says what is wrong', () => {
    const x = floats('x', 'f32', [1], [1]);
    expect(errorOf(() => mxScale.plan({ element: 'e5m2' as 'e2m1', mode: 'Even' }, { x }))).toBe(
      'mx_scale: parameter "element": is "e5m2", expected e2m1 or e4m3fn or e4m3fnuz.',
    );
    expect(errorOf(() => mxScale.plan({ element: 'e2m1' } as never, { x }))).toBe(
      'mx_scale: parameter "mode": is missing, expected RoundDown or RoundUp or Even or Ceil.',
    );
  });
});
