import { describe, expect, it } from 'vitest';
import type { ElementType } from '../../../src/formats/element-type.ts';
import { codeValue } from '../../../src/formats/read-codes.ts';
import { catalog, type Layout, permute, rowMajor } from '../../../src/layout/index.ts';
import type { CodedTensor } from '../../../src/tensor/describe-element.ts';
import { FLAG, flagsOf } from '../../../src/visualizer/model/tensor-flags.ts';
import { dataRange } from '../../../src/visualizer/model/tensor-paint.ts';
import { inSlices } from '../../../src/visualizer/model/tensor-slices.ts';
import { findFlagSteps, statsSteps, type TensorStats } from '../../../src/visualizer/model/tensor-stats.ts';
import { codesOf } from '../../../src/visualizer/model/tensor-view.ts';

function tensorOf(type: ElementType, bytes: Uint8Array, layout: Layout): CodedTensor {
  return { name: 't', type, layout, codeAt: codesOf(bytes, type) };
}

function resultOf<T>(steps: Generator<number, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const stats = (type: ElementType, bytes: Uint8Array, layout: Layout): TensorStats =>
  resultOf(statsSteps(tensorOf(type, bytes, layout)));

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, at) => at);

describe('counts', () => {
  it('of every e4m3fn code', () => {
    const { flags, min, max, absmax, mean, different, histogram } = stats('e4m3fn', ALL_BYTES, rowMajor([16, 16]));
    expect(flags).toEqual({ nan: 2, infinity: 0, saturated: 2, subnormal: 14, zero: 2 });
    expect([min, max, absmax, mean, different]).toEqual([-448, 448, 448, 0, 256]);
    expect(histogram.of).toBe('code');
    expect(histogram.label(0x7e)).toBe('0x7e = 448');
    expect([...histogram.counts]).toEqual(new Array(256).fill(1));
  });

  it('of other formats', () => {
    expect(stats('e5m2', ALL_BYTES, rowMajor([256])).flags).toEqual({
      nan: 6,
      infinity: 2,
      saturated: 2,
      subnormal: 6,
      zero: 2,
    });
    expect(stats('e4m3fnuz', ALL_BYTES, rowMajor([256])).flags).toMatchObject({ nan: 1, zero: 1, saturated: 2 });
    expect(stats('e8m0', ALL_BYTES, rowMajor([256])).flags).toEqual({
      nan: 1,
      infinity: 0,
      saturated: 1,
      subnormal: 0,
      zero: 0,
    });
    const fp4 = stats('e2m1', ALL_BYTES, rowMajor([512]));
    expect(fp4.flags).toEqual({ nan: 0, infinity: 0, saturated: 64, subnormal: 64, zero: 64 });
    expect([...fp4.histogram.counts]).toEqual(new Array(16).fill(32));
    expect(stats('e2m3', ALL_BYTES, rowMajor([256])).histogram.counts.length).toBe(64);
    expect(stats('u8', ALL_BYTES, rowMajor([256]))).toMatchObject({ min: 0, max: 255, mean: 127.5 });
    expect(stats('i8', ALL_BYTES, rowMajor([256]))).toMatchObject({ min: -128, max: 127, mean: -0.5 });
  });

  it('of wide floats, with exponents', () => {
    const values = Float32Array.of(1, -2, 0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** -130, 3, 0.5);
    const wide = stats('f32', new Uint8Array(values.buffer), rowMajor([2, 4]));
    expect(wide.flags).toEqual({ nan: 1, infinity: 1, saturated: 0, subnormal: 1, zero: 1 });
    expect([wide.min, wide.max, wide.absmax]).toEqual([-2, 3, 3]);
    expect(wide.mean).toBeCloseTo(2.5 / 6, 6);
    expect(wide.histogram.of).toBe('exponent');
    expect(wide.histogram.counts[128]).toBe(2);
    expect(wide.histogram.label(128)).toBe('2^1');
    expect(wide.histogram.label(0)).toBe('zero and subnormals');
    const bf16 = stats('bf16', Uint8Array.of(0x80, 0x3f, 0x00, 0xc0), rowMajor([2]));
    expect([bf16.min, bf16.max, bf16.mean, bf16.histogram.counts[128]]).toEqual([-2, 1, -0.5, 1]);
    const f64 = stats('f64', new Uint8Array(Float64Array.of(1, Number.NaN).buffer), rowMajor([2]));
    expect([f64.max, f64.flags.nan, f64.histogram.counts[1023]]).toEqual([1, 1, 1]);
    const i32 = stats('i32', new Uint8Array(Int32Array.of(-1, 5).buffer), rowMajor([2]));
    expect([i32.min, i32.max, i32.histogram.counts[255]]).toEqual([-1, 5, 1]);
  });

  it('leave padding out, and say what it holds', () => {
    const entry = catalog.find(({ id }) => id === 'shuffle_scale(guinterleave)');
    const layout = entry?.bind([32, 11], { bits: 8, experts: 1 }) as Layout;
    const bytes = permute(new Uint8Array(352).fill(120), rowMajor([32, 11]), layout, 8, { fill: 0x7f });
    bytes[layout.storageSize - 1] = 3;
    const { elements, padding, min, max } = stats('e8m0', bytes, layout);
    expect([elements, min, max]).toEqual([352, 2 ** -7, 2 ** -7]);
    expect(padding.elements).toBe(160);
    expect(padding.codes).toEqual([
      { code: '0x7f', count: 159 },
      { code: '0x03', count: 1 },
    ]);
  });

  it('are NaN where nothing is finite', () => {
    const { min, mean } = stats('e4m3fn', Uint8Array.of(0x7f, 0xff), rowMajor([2]));
    expect([min, mean]).toEqual([Number.NaN, Number.NaN]);
  });
});

it('flags agree with the values of all 16-bit codes', () => {
  for (const type of ['f16', 'bf16'] as const) {
    const flags = flagsOf(type);
    for (let code = 0; code < 65_536; code += 7) {
      const value = codeValue(type, code);
      expect((flags(code) & FLAG.nan) !== 0).toBe(Number.isNaN(value));
      expect((flags(code) & FLAG.zero) !== 0).toBe(value === 0);
    }
  }
});

it('goes from one NaN to the next in memory order, and around', () => {
  const bytes = new Uint8Array(64);
  bytes[5] = 0x7f;
  bytes[40] = 0xff;
  const tensor = tensorOf('e4m3fn', bytes, rowMajor([8, 8]));
  const after = (offset: number): number | undefined => resultOf(findFlagSteps(tensor, 'nan', offset));
  expect([after(-1), after(5), after(40), resultOf(findFlagSteps(tensor, 'saturated', -1))]).toEqual([
    5,
    40,
    5,
    undefined,
  ]);
});

describe('slices', () => {
  function* counting(): Generator<number, string, void> {
    for (let at = 0; at < 50; at += 1) {
      const end = performance.now() + 1;
      while (performance.now() < end);
      yield at / 50;
    }
    return 'done';
  }
  it('report progress and end with the result', async () => {
    const shares: number[] = [];
    const sliced = inSlices(counting(), (share) => shares.push(share));
    expect(await sliced.done).toBe('done');
    expect(shares.length).toBeGreaterThan(1);
  });
  it('can be cancelled', async () => {
    const sliced = inSlices(counting());
    setTimeout(() => sliced.cancel(), 5);
    expect(await sliced.done).toBeUndefined();
  });
});

it('colours spread over the range of the data', () => {
  const values = Float32Array.from({ length: 1000 }, (_, at) => 2 ** (-10 + (at % 5)));
  const tensor = tensorOf('f32', new Uint8Array(values.buffer), rowMajor([1000]));
  expect(dataRange(tensor)).toEqual({ low: -10, high: -6 });
  expect(dataRange(tensorOf('f32', new Uint8Array(40), rowMajor([10])))).toBeUndefined();
});
