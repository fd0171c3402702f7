import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { decodeTable, type NarrowFormatName } from '../../../src/formats/decode.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import { f32Bits } from '../../../src/formats/f32.ts';
import { formatFacts } from '../../../src/formats/facts.ts';
import { packNibbles } from '../../../src/formats/pack.ts';
import { compareTensors } from '../../../src/golden/index.ts';
import { shuffleScale } from '../../../src/layout/catalog.ts';
import { decode } from '../../../src/ops/decode.ts';
import { type EncodeParams, type EncodeTarget, encode } from '../../../src/ops/encode.ts';
import { asBytes, tensor, tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { uniform } from '../webgpu/quant-inputs.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

const NARROW = ['f16', 'bf16', 'e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz', 'e8m0', 'e2m1', 'e2m3', 'e3m2'] as const;
const TARGETS: readonly EncodeTarget[] = [...NARROW, 'f32'];
const CONVENTIONS = ['torch', 'ocp', 'aiter', 'ml_dtypes'] as const;

/** Every number of the format, every tie between neighbours, and the float32 on both sides of each; both signs. */
function hardWords(format: EncodeTarget): Uint32Array {
  const words: number[] = [];
  if (format !== 'f32') {
    const table = decodeTable(format);
    const values = [...new Set(table.map(Math.abs))].filter(Number.isFinite).sort((a, b) => a - b);
    const { max, eps } = formatFacts(format);
    const beyond = [max * (1 + eps / 2), max * (1 + eps), max * 2, max * 4];
    for (const [at, value] of values.entries()) {
      const next = values[at + 1] ?? value * 2;
      words.push(...around(f32Bits(value)), ...around(f32Bits((value + next) / 2)));
    }
    for (const value of beyond) words.push(...around(f32Bits(value)));
  }
  for (let exponent = 0; exponent < 256; exponent += 1) {
    for (const mantissa of [0, 1, 2, 0x1fff, 0x200000, 0x3fffff, 0x400000, 0x400001, 0x7ffffe, 0x7fffff]) {
      words.push(exponent * 2 ** 23 + mantissa);
    }
  }
  const random = uniform(words.length);
  for (let i = 0; i < 5000; i += 1) words.push(Math.floor(random() * 2 ** 31));
  return Uint32Array.from([...words, ...words], (word, i) => (i < words.length ? word : word | 0x80000000));
}

function around(bits: number): readonly number[] {
  return [Math.max(0, bits - 1), bits, bits + 1];
}

const vector = (type: 'f32' | 'f64', array: Uint32Array | Float32Array | Float64Array): Tensor => {
  const blank = type === 'f32' ? new Float32Array(array.length) : new Float64Array(array.length);
  return tensor('x', type, tensorFrom('x', type, [array.length], blank).layout, asBytes(array));
};
const everyCode = (type: 'bf16' | 'f16'): Tensor =>
  tensorFrom(
    'x',
    type,
    [65536],
    Uint16Array.from({ length: 65536 }, (_, code) => code),
  );

/** Numbers that two roundings, first to float32, would get wrong; and what lies outside of float32. */
function hardF64(format: EncodeTarget): Float64Array {
  const values: number[] = [0, -0, 5e-324, 1e-60, 2 ** -150, 2 ** -149, 1e300, Number.NaN, Number.POSITIVE_INFINITY];
  const numbers = new Float32Array(hardWords(format).buffer);
  // Of the 16-bit formats a part is enough: no multiple of the six numbers about each code.
  const every = numbers.length > 50_000 ? 11 : 1;
  for (const value of numbers.filter((_, i) => i % every === 0)) {
    const step = Math.abs(value) * 2 ** -40;
    values.push(value, value + step, value - step);
  }
  return Float64Array.from([...values, ...values.map((value) => -value)]);
}

/** The codes 0, 1, 2, …, from the first again after the last. */
function codes(format: NarrowFormatName, count: number): Tensor {
  const { codeBits } = formatFacts(format);
  const numbers = Array.from({ length: count }, (_, i) => i % 2 ** codeBits);
  if (codeBits === 16) return tensorFrom('x', format, [count], Uint16Array.from(numbers));
  if (codeBits !== 4) return tensorFrom('x', format, [count], Uint8Array.from(numbers));
  return tensorFrom('x', format, [count], packNibbles(Uint8Array.from(count % 2 === 0 ? numbers : [...numbers, 0])));
}

describe.skipIf(skipWithoutCpuRuntime)('conversions on HIP', () => {
  let backend: Backend;
  beforeAll(async () => {
    const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
    backend = await openHipBackend({ library: CPU_RUNTIME, environment });
  });
  afterAll(() => backend.dispose());

  /** Every byte must be that of the reference, of NaNs too. */
  async function expectEncoded(x: Tensor, params: EncodeParams): Promise<void> {
    const { y } = await backend.run('encode', params, { x });
    const expected = encode.reference(params, { x }).y;
    const label = `${x.type} ${JSON.stringify(params)}`;
    const { first } = compareTensors(y, { output: 'y', expected, compare: 'exact', padding: true });
    expect(first, label).toBeUndefined();
    const different = y.bytes.findIndex((byte, i) => byte !== expected.bytes[i]);
    expect(different, `first byte that differs, ${label}`).toBe(-1);
  }

  async function expectDecoded(x: Tensor): Promise<void> {
    const { y } = await backend.run('decode', {}, { x });
    const expected = decode.reference({}, { x }).y;
    expect(compareTensors(y, { output: 'y', expected, compare: 'exact', padding: true }).first, x.type).toBeUndefined();
  }

  describe.each(TARGETS)('encode to %s', (format) => {
    it.each(CONVENTIONS)('every code, tie and NaN under %s', async (convention) => {
      for (const saturate of [false, true]) {
        for (const x of [vector('f32', hardWords(format)), everyCode('bf16'), everyCode('f16')]) {
          await expectEncoded(x, { format, saturate, convention });
        }
      }
    });

    it('from f64, in one rounding', async () => {
      const x = vector('f64', hardF64(format));
      for (const convention of CONVENTIONS) {
        for (const saturate of [false, true]) await expectEncoded(x, { format, saturate, convention });
      }
    });
  });

  it('encode fills the last word, however many codes it holds', async () => {
    for (let count = 1; count <= 17; count += 1) {
      const values = Float32Array.from({ length: count }, (_, i) => i - 4.25);
      for (const format of TARGETS) await expectEncoded(tensorFrom('x', 'f32', [count], values), { format });
      await expectEncoded(tensorFrom('x', 'f16', [count], encodeArray('f16', values)), { format: 'e2m1' });
    }
  });

  it.each(NARROW)('decode gives the value of every %s code', async (format) => {
    await expectDecoded(codes(format, 65536));
    for (let count = 1; count <= 17; count += 1) await expectDecoded(codes(format, count));
  });

  it('converts padding, too: the layout stays', async () => {
    const layout = shuffleScale([3, 5]);
    const values = Float32Array.from({ length: layout.storageSize }, (_, i) => i % 97);
    await expectEncoded(tensor('x', 'f32', layout, asBytes(values)), { format: 'e4m3fn' });
    const bytes = Uint8Array.from({ length: layout.storageSize }, (_, i) => i);
    await expectDecoded(tensor('x', 'e8m0', layout, bytes));
  });
});
