import { describe, expect, it } from 'vitest';
import { encode as encodeOne } from '../../src/formats/encode.ts';
import { columnMajor } from '../../src/layout/plain.ts';
import { shuffleWeight } from '../../src/layout/weights.ts';
import { decode } from '../../src/ops/decode.ts';
import { encode } from '../../src/ops/encode.ts';
import { tensor, tensorFrom } from '../../src/tensor/make.ts';
import { asF32, asU16, asU32 } from '../../src/tensor/views.ts';
import { errorOf, floats, hex } from './quant-support.ts';

const EDGES = [
  0,
  -0,
  1,
  -1,
  447,
  464,
  464.1,
  -465,
  1e-9,
  2 ** -9,
  2 ** -10,
  1.5 * 2 ** -10,
  Number.NEGATIVE_INFINITY,
  Number.POSITIVE_INFINITY,
];

describe('encode', () => {
  it.each(['f32', 'bf16', 'f16', 'e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz', 'e8m0', 'e2m3', 'e3m2'] as const)(
    'f32 to %s encodes each element',
    (format) => {
      const x = floats('x', 'f32', [2, 7], EDGES);
      const { y } = encode.reference({ format }, { x });
      const codes = format === 'f32' ? asU32(y) : format === 'bf16' || format === 'f16' ? asU16(y) : y.bytes;
      // Float32 first: that is what the tensor holds.
      expect(Array.from(codes)).toEqual(EDGES.map((value) => encodeOne(format, Math.fround(value))));
      expect([y.type, y.layout.shape]).toEqual([format, [2, 7]]);
    },
  );

  it('rounds f64 once, not through f32', () => {
    // Just above the tie between 1 and 1.125; float32 would round it onto the tie, and to even.
    const x = tensorFrom('x', 'f64', [1], Float64Array.of(1.0625 + 2 ** -40));
    expect(encode.reference({ format: 'e4m3fn' }, { x }).y.bytes).toEqual(Uint8Array.of(0x39));
  });

  it('packs e2m1 two a byte and leaves the nibble after an odd last element zero', () => {
    const x = floats('x', 'f32', [3], [0.5, 6, -1]);
    const { y } = encode.reference({ format: 'e2m1' }, { x });
    expect(hex(y.bytes)).toBe('710a');
    expect(asF32(decode.reference({}, { x: y }).y)).toEqual(Float32Array.of(0.5, 6, -1));
  });

  it('rounds e2m1 to the even code at ties, as the integer conversion of AITER does', () => {
    const values = [
      0, -0, 0.1, 0.25, 0.2500001, 0.5, 0.75, 0.7499999, 1, 1.25, 1.2500001, 1.5, 1.75, 1.7499999, 2, 2.5, 2.5000002, 3,
    ];
    const more = [3.5, 3.4999998, 4, 5, 5.0000005, 6, 1e30, Number.POSITIVE_INFINITY, -0.3, -5, Number.NaN, 0];
    const x = floats('x', 'f32', [30], [...values, ...more]);
    const { y } = encode.reference({ format: 'e2m1', convention: 'aiter' }, { x });
    const codes = Array.from({ length: 30 }, (_, i) => ((y.bytes[i >> 1] ?? 0) >> ((i & 1) * 4)) & 15);
    expect(codes).toEqual([0, 8, 0, 0, 1, 1, 2, 1, 2, 2, 3, 3, 4, 3, 4, 4, 5, 5, 6, 5, 6, 6, 7, 7, 7, 7, 9, 14, 3, 0]);
  });

  it.each(['bf16', 'f16', 'e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz', 'e8m0'] as const)('keeps NaN in %s', (format) => {
    const { y } = encode.reference({ format }, { x: floats('x', 'f32', [1], [Number.NaN]) });
    expect(asF32(decode.reference({}, { x: y }).y)[0]).toBeNaN();
  });

  it('saturates on request and keeps NaN', () => {
    const x = floats('x', 'f32', [4], [1e9, -1e9, Number.POSITIVE_INFINITY, Number.NaN]);
    expect(hex(encode.reference({ format: 'e4m3fn', saturate: true }, { x }).y.bytes.map((code) => code & 0x7f))).toBe(
      '7e7e7e7f',
    );
    expect(hex(encode.reference({ format: 'e4m3fn' }, { x }).y.bytes.map((code) => code & 0x7f))).toBe('7f7f7f7f');
  });

  it('commutes with a shuffle: the layout stays', () => {
    const layout = shuffleWeight([32, 64], { bits: 8 });
    const values = Float32Array.from({ length: 2048 }, (_, i) => i);
    const shuffled = tensor('x', 'f32', layout, new Uint8Array(values.buffer));
    const { y } = encode.reference({ format: 'bf16' }, { x: shuffled });
    expect(y.layout).toBe(layout);
    expect(asU16(y)[layout.offset([17, 40])]).toBe(encodeOne('bf16', layout.offset([17, 40])));
  });

  it('refuses what it cannot write or read', () => {
    const x = floats('x', 'f32', [1], [1]);
    const codes = tensorFrom('x', 'e4m3fn', [1], Uint8Array.of(1));
    expect(errorOf(() => encode.plan({ format: 'f64' as 'f32' }, { x }))).toBe(
      'encode: parameter "format": is "f64", expected f32 or f16 or bf16 or e4m3fn or e4m3fnuz or e5m2 or e5m2fnuz or e8m0 or e2m1 or e2m3 or e3m2.',
    );
    expect(errorOf(() => encode.plan({ format: 'e5m2', convention: 'ieee' as 'ocp' }, { x }))).toBe(
      'encode: parameter "convention": is "ieee", expected torch or ocp or aiter or ml_dtypes.',
    );
    expect(errorOf(() => encode.plan({ format: 'e5m2' }, { x: codes }))).toBe(
      'encode: operand "x": is e4m3fn, expected f32 or bf16 or f16 or f64. Convert it with encode, or assume() the type if the bytes are right.',
    );
  });
});

describe('decode', () => {
  it('gives e8m0 byte 0 its true value, a subnormal, and byte 255 NaN', () => {
    const x = tensorFrom('x', 'e8m0', [3], Uint8Array.of(0, 127, 255));
    expect(Array.from(asU32(decode.reference({}, { x }).y)).slice(0, 2)).toEqual([0x00400000, 0x3f800000]);
    expect(asF32(decode.reference({}, { x }).y)[2]).toBeNaN();
  });

  it('undoes encode for all 65,536 bf16 patterns', () => {
    const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
    const { y } = decode.reference({}, { x: tensorFrom('x', 'bf16', [256, 256], codes) });
    const back = asU16(encode.reference({ format: 'bf16' }, { x: y }).y);
    const values = asF32(y);
    expect(codes.filter((code, i) => back[i] !== code && !Number.isNaN(values[i]))).toEqual(new Uint16Array());
  });

  it('keeps the layout', () => {
    const layout = columnMajor([2, 3]);
    const x = tensor('x', 'e4m3fn', layout, Uint8Array.of(0x38, 0x40, 0, 0, 0, 0x7e));
    const { y } = decode.reference({}, { x });
    expect(y.layout).toBe(layout);
    expect(asF32(y)[layout.offset([1, 2])]).toBe(448);
  });

  it('refuses floats, integers and a format that x does not have', () => {
    const x = floats('w', 'f32', [1], [1]);
    const list = 'f16 or bf16 or e4m3fn or e4m3fnuz or e5m2 or e5m2fnuz or e8m0 or e2m1 or e2m3 or e3m2';
    const hint = 'Convert it with encode, or assume() the type if the bytes are right.';
    expect(errorOf(() => decode.plan({}, { x }))).toBe(`decode: operand "w": is f32, expected ${list}. ${hint}`);
    const bytes = tensorFrom('w', 'u8', [1], Uint8Array.of(1));
    expect(errorOf(() => decode.plan({ format: 'e8m0' }, { x: bytes }))).toBe(
      `decode: operand "w": is u8, expected e8m0. ${hint}`,
    );
  });
});
