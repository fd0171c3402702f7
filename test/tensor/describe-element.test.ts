import { describe, expect, it } from 'vitest';
import type { ElementType } from '../../src/formats/element-type.ts';
import { encode } from '../../src/formats/encode.ts';
import { codeValue } from '../../src/formats/read-codes.ts';
import {
  loadRegisters,
  mfmaMap,
  mfmaRegisters,
  rowMajor,
  shuffleScale,
  shuffleWeight,
} from '../../src/layout/index.ts';
import {
  type CodedTensor,
  codeText,
  describeElement,
  elementFacts,
  numberText,
  registerText,
  scaleCoord,
} from '../../src/tensor/describe-element.ts';

const tensorOf = (type: ElementType, layout: CodedTensor['layout'], code: number, name = 'W'): CodedTensor => ({
  name,
  type,
  layout,
  codeAt: () => code,
});

describe('describeElement', () => {
  it('is one line about an MXFP4 expert', () => {
    const tensor = tensorOf('e2m1', shuffleWeight([8, 5760, 2880], { bits: 4 }), 0xb);
    const scale = { block: [1, 1, 32], tensor: tensorOf('e8m0', rowMajor([8, 5760, 90]), 0x7b, 'scale') };
    const facts = elementFacts(tensor, [3, 517, 96], { scale, registers: loadRegisters(16) });
    expect(describeElement(tensor, facts)).toBe(
      'W[e=3, n=517, k=96] e2m1 code 0xb = -1.5, scale[3, 517, 3] = 2^-4 (0x7b), dequantised -0.09375, ' +
        `byte 0x${facts.location.byte.toString(16)} low nibble, 16-byte line 0x${facts.location.line16.toString(16)}, lane 53, v0[3:0]`,
    );
  });
  it('is shorter without a scale and registers', () => {
    const tensor = tensorOf('e4m3fn', rowMajor([4, 8]), 0x38, 'X');
    expect(describeElement(tensor, elementFacts(tensor, [2, 5]))).toBe(
      'X[d0=2, d1=5] e4m3fn code 0x38 = 1, byte 0x15, 16-byte line 0x1',
    );
  });
  it.each([
    ['bf16', encode('bf16', 1.5), 'T[d0=1] bf16 code 0x3fc0 = 1.5, byte 0x2, 16-byte line 0x0, lane 0, v0[31:16]'],
    ['f32', encode('f32', -2), 'T[d0=1] f32 code 0xc0000000 = -2, byte 0x4, 16-byte line 0x0, lane 0, v1'],
    ['i8', 0xff, 'T[d0=1] i8 code 0xff = -1, byte 0x1, 16-byte line 0x0, lane 0, v0[15:8]'],
    ['e4m3fn', 0x7f, 'T[d0=1] e4m3fn code 0x7f = NaN, byte 0x1, 16-byte line 0x0, lane 0, v0[15:8]'],
    ['e5m2', 0xfc, 'T[d0=1] e5m2 code 0xfc = -Infinity, byte 0x1, 16-byte line 0x0, lane 0, v0[15:8]'],
    ['e2m1', 0x8, 'T[d0=1] e2m1 code 0x8 = 0, byte 0x0 high nibble, 16-byte line 0x0, lane 0, v0[7:4]'],
  ] as const)('%s', (type, code, line) => {
    const tensor = tensorOf(type, rowMajor([32]), code, 'T');
    expect(describeElement(tensor, elementFacts(tensor, [1], { registers: loadRegisters(16) }))).toBe(line);
  });
  it('tells the registers of a matrix operand', () => {
    const tensor = tensorOf('e2m1', shuffleWeight([32, 256], { bits: 4 }), 1);
    const registers = mfmaRegisters(mfmaMap('v_mfma_scale_f32_16x16x128_f8f6f4', 'B', 4));
    expect(describeElement(tensor, elementFacts(tensor, [21, 128 + 37], { registers }))).toMatch(
      /, lane 21, v0\[23:20\]$/,
    );
  });
});

describe('scaleCoord', () => {
  const shape = [3, 64, 96];
  const scaleOf = (layout: CodedTensor['layout'], block: readonly number[]) => ({
    block,
    tensor: tensorOf('e8m0', layout, 1),
  });
  it('is the block of each dimension', () => {
    expect(scaleCoord(scaleOf(rowMajor([3, 64, 3]), [1, 1, 32]), shape, [2, 5, 95])).toEqual([2, 5, 2]);
    expect(scaleCoord(scaleOf(rowMajor([1, 1, 1]), [3, 64, 96]), shape, [2, 63, 95])).toEqual([0, 0, 0]);
  });
  it('folds experts into the rows of a matrix', () => {
    expect(scaleCoord(scaleOf(shuffleScale([192, 3]), [1, 1, 32]), shape, [2, 5, 95])).toEqual([2 * 64 + 5, 2]);
  });
  it('refuses an element whose block the scale does not have', () => {
    const tensor = tensorOf('e2m1', rowMajor([4, 64]), 0);
    expect(() => elementFacts(tensor, [3, 0], { scale: scaleOf(rowMajor([2, 2]), [1, 32]) })).toThrow(
      /is outside \[2, 2\]/,
    );
    expect(() => elementFacts(tensor, [4, 0])).toThrow(/is outside \[4, 64\]/);
  });
});

describe('texts', () => {
  it.each([
    [2 ** -4, '2^-4'],
    [2 ** -3, '0.125'],
    [2 ** 3, '8'],
    [2 ** 4, '2^4'],
    [-(2 ** 10), '-1024'],
    [0, '0'],
    [-0, '0'],
    [1 / 3, '0.333333'],
    [1e9, '1000000000'],
    [123456789.5, '123457000'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
  ])('number %d is %s', (value, text) => {
    expect(numberText(value)).toBe(text);
  });
  it('codes have a digit for every nibble', () => {
    expect([
      codeText('e2m1', 0xb),
      codeText('e4m3fn', 5),
      codeText('bf16', 0x80),
      codeText('f32', 1),
      codeText('i64', 77),
    ]).toEqual(['0xb', '0x05', '0x0080', '0x00000001', '77']);
  });
  it('registers name their bits', () => {
    const place = { tile: 0, lane: 1, vgpr: 2, byte: 1, nibble: 0 } as const;
    expect([
      registerText(place, 4),
      registerText(place, 8),
      registerText({ ...place, byte: 2 }, 16),
      registerText({ ...place, byte: 0 }, 32),
    ]).toEqual(['v2[11:8]', 'v2[15:8]', 'v2[31:16]', 'v2']);
  });
  it('codes of integers count as they are, signed ones with their sign', () => {
    expect([
      codeValue('u8', 255),
      codeValue('i8', 255),
      codeValue('i16', 0xfffe),
      codeValue('i32', 0xffffffff),
      codeValue('u32', 0xffffffff),
    ]).toEqual([255, -1, -2, -1, 4294967295]);
  });
});
