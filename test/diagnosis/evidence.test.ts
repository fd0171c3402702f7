import { describe, expect, it } from 'vitest';
import { agreement, evidenceOf, type Observed, observe } from '../../src/diagnosis/evidence.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { scaleTransposedView } from '../../src/layout/catalog.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import type { KernelCall } from '../../src/ops/kernel-call.ts';
import { asBytes, tensor } from '../../src/tensor/make.ts';

const call = (op: KernelCall['op'], params: object = {}): KernelCall => ({ op, params, operands: {} });
const bf16 = (values: readonly number[], shape: readonly number[] = [1, values.length]): Observed =>
  observe({ y: tensor('y', 'bf16', rowMajor(shape), asBytes(encodeArray('bf16', Float64Array.from(values)))) });

const GEMM = call('gemm_a8w8_blockscale');
const marks = (predicted: Observed, actual: Observed, of: KernelCall = GEMM): readonly number[] => [
  ...agreement(of, predicted, actual),
];

describe('observe', () => {
  it('reads in logical order, whatever the layout', () => {
    const scale = tensor('s', 'f32', scaleTransposedView([2, 3]), asBytes(Float32Array.of(0, 10, 1, 11, 2, 12)));
    const { values, parts } = observe({ s: scale });
    expect([...values]).toEqual([0, 1, 2, 10, 11, 12]);
    expect(parts.map(({ name, start, end }) => [name, start, end])).toEqual([['s', 0, 6]]);
  });

  it('puts outputs one after another, in the order of the names', () => {
    const y = tensor('y', 'u8', rowMajor([2]), Uint8Array.of(1, 2));
    const scale = tensor('scale', 'e8m0', rowMajor([1]), Uint8Array.of(128));
    expect([...observe({ scale, y }, ['y', 'scale']).values]).toEqual([1, 2, 2]);
  });
});

describe('agreement of results of a multiplication', () => {
  it('2 to the bit, 1 within two units of a typical element, 0 beyond', () => {
    const want = [1, 1, 1, 1, 2];
    const got = [1, 1 + 2 ** -7, 1 + 2 ** -6, 1 + 2 ** -5, -2];
    expect(marks(bf16(want), bf16(got))).toEqual([2, 1, 1, 0, 0]);
  });

  it('measures small elements in units of the row, and other rows by themselves', () => {
    const want = [4, 4, 4, 0.001, 0.001, 0.001, 0.001, 0.001];
    const got = [4, 4, 4, 0.0018, 0.001, 0.001, 0.001, 0.0018];
    expect(marks(bf16(want, [2, 4]), bf16(got, [2, 4]))).toEqual([2, 2, 2, 1, 2, 2, 2, 0]);
  });

  it('NaN agrees with NaN, infinity with itself', () => {
    const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minus } = Number;
    expect(marks(bf16([nan, nan, 1, inf, inf, inf]), bf16([nan, 1, nan, inf, minus, 3]))).toEqual([2, 0, 0, 2, 0, 0]);
  });

  it('forgives a device that has no subnormal numbers', () =>
    expect(marks(bf16([2 ** -127, 2 ** -127, 2 ** -100]), bf16([0, 2 ** -127, 0]))).toEqual([1, 2, 0]));

  it('takes a wider dump of a narrower result', () => {
    const wide = observe({ y: tensor('y', 'f32', rowMajor([1, 2]), asBytes(Float32Array.of(1.0001, 1.5))) });
    expect(marks(bf16([1, 1]), wide)).toEqual([1, 0]);
  });
});

it('codes of exact ops must be the same', () => {
  const codes = (list: readonly number[]): Observed =>
    observe({ y: tensor('y', 'e4m3fn', rowMajor([list.length]), Uint8Array.from(list)) });
  expect(marks(codes([56, 56]), codes([56, 57]), call('per_1x128_quant'))).toEqual([2, 0]);
  expect(marks(codes([56, 56, 56]), codes([56, 57, 60]), call('fused_rms_fp8_group_quant'))).toEqual([2, 1, 0]);
});

it('intermediate results that are quantised again are given more room', () => {
  const scheme = (name: string): readonly number[] =>
    marks(bf16([1, 1, 1]), bf16([1, 1 + 2 ** -5, 1 + 2 ** -3]), call('fused_moe_mxfp4', { scheme: name }));
  expect(scheme('a16w4')).toEqual([2, 0, 0]);
  expect(scheme('a8w4')).toEqual([2, 1, 0]);
  expect(scheme('a4w4')).toEqual([2, 1, 1]);
});

it('counts what a prediction mends and breaks', () => {
  const asGiven = Uint8Array.of(2, 1, 0, 0, 0, 2);
  expect(evidenceOf(Uint8Array.of(2, 0, 2, 1, 0, 2), asGiven)).toEqual({
    elements: 6,
    matched: 4,
    equal: 3,
    wrong: 3,
    mended: 2,
    broken: 1,
  });
});
