import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { decodeTable } from '../../../src/formats/decode.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import { f32Bits } from '../../../src/formats/f32.ts';
import { formatFacts } from '../../../src/formats/facts.ts';
import { compareTensors } from '../../../src/golden/index.ts';
import { shuffleScale } from '../../../src/layout/catalog.ts';
import { type EncodeParams, type EncodeTarget, encode } from '../../../src/ops/encode.ts';
import { asBytes, tensor, tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { noise } from '../../ops/gemm-moe-support.ts';
import { expectGolden } from './gemm-support.ts';

const NARROW = ['f16', 'bf16', 'e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz', 'e8m0', 'e2m1', 'e2m3', 'e3m2'] as const;
const TARGETS: readonly EncodeTarget[] = [...NARROW, 'f32'];
const CONVENTIONS = ['torch', 'ocp', 'aiter', 'ml_dtypes'] as const;

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

/** Codes must be those of the reference; a NaN that stays in its format or becomes f32 may have other payload bits. */
async function expectReference(x: Tensor, params: EncodeParams, on: Backend = backend): Promise<void> {
  const { y } = await on.run('encode', params, { x });
  const expected = encode.reference(params, { x }).y;
  const label = `${x.type} ${JSON.stringify(params)}`;
  const { first } = compareTensors(y, { output: 'y', expected, compare: 'exact', padding: true });
  expect(first, label).toBeUndefined();
  if (x.type === params.format || params.format === 'f32') return;
  expect(
    y.bytes.every((byte, i) => byte === expected.bytes[i]),
    `NaN codes of ${label}`,
  ).toBe(true);
}

/** Every number of the format, every tie between neighbours, and the float32 on both sides of each; both signs. */
function hardF32(format: EncodeTarget): Float32Array {
  const words: number[] = [];
  if (format !== 'f32') {
    const table = decodeTable(format);
    const values = [...new Set(table.map(Math.abs))].filter(Number.isFinite).sort((a, b) => a - b);
    const stride = Math.max(1, Math.floor(values.length / 4096));
    for (let i = 0; i < values.length; i += stride) {
      const [value = 0, next = value * 2] = [values[i], values[i + 1]];
      for (const x of [value, (value + next) / 2]) {
        const bits = f32Bits(x);
        words.push(Math.max(0, bits - 1), bits, bits + 1);
      }
    }
    const { max, eps } = formatFacts(format);
    for (const x of [max * (1 + eps / 2), max * (1 + eps), max * 2, max * 4])
      words.push(f32Bits(x) - 1, f32Bits(x), f32Bits(x) + 1);
  }
  for (let exponent = 0; exponent < 256; exponent += 1) {
    for (const mantissa of [0, 1, 2, 0x1fff, 0x200000, 0x3fffff, 0x400000, 0x400001, 0x7ffffe, 0x7fffff]) {
      words.push(exponent * 2 ** 23 + mantissa);
    }
  }
  const next = noise(words.length);
  for (let i = 0; i < 5000; i += 1) words.push(next() & 0x7fffffff);
  const bits = Uint32Array.from([...words, ...words], (word, i) => (i < words.length ? word : word | 0x80000000));
  return new Float32Array(bits.buffer);
}

const hardInputs = (format: EncodeTarget): Tensor => {
  const values = hardF32(format);
  return tensor(
    'x',
    'f32',
    tensorFrom('x', 'f32', [values.length], new Float32Array(values.length)).layout,
    asBytes(values),
  );
};
const everyCode = (type: 'bf16' | 'f16'): Tensor =>
  tensorFrom(
    'x',
    type,
    [65536],
    Uint16Array.from({ length: 65536 }, (_, code) => code),
  );

describe('encode', () => {
  it('passes the golden cases', async () => {
    await expectGolden(backend, 'formats.safetensors', ['encode']);
  });

  describe.each(TARGETS)('to %s', (format) => {
    it.each(CONVENTIONS)('agrees with the reference under %s', async (convention) => {
      for (const saturate of [false, true]) {
        for (const x of [hardInputs(format), everyCode('bf16'), everyCode('f16')]) {
          await expectReference(x, { format, saturate, convention });
        }
      }
    });
  });

  it('fills the last word, however many codes it holds', async () => {
    for (let count = 1; count <= 9; count += 1) {
      const values = Float32Array.from({ length: count }, (_, i) => i - 4.25);
      for (const format of TARGETS) await expectReference(tensorFrom('x', 'f32', [count], values), { format });
      const halves = encodeArray('f16', values);
      await expectReference(tensorFrom('x', 'f16', [count], halves), { format: 'e2m1' });
    }
  });

  it('converts padding, too: the layout stays', async () => {
    const layout = shuffleScale([3, 5]);
    const values = Float32Array.from({ length: layout.storageSize }, (_, i) => i % 97);
    await expectReference(tensor('x', 'f32', layout, asBytes(values)), { format: 'e4m3fn' });
  });

  it('gives the same codes in parts on a small device', async () => {
    const small = await openWebGpu({
      limits: { maxStorageBufferBindingSize: 4096, maxComputeWorkgroupsPerDimension: 3 },
    });
    try {
      const values = hardF32('e4m3fn').slice(0, 7_001);
      for (const format of ['e2m1', 'e4m3fn', 'f16', 'f32'] as const) {
        await expectReference(tensorFrom('x', 'f32', [values.length], values), { format }, small);
      }
      await expectReference(everyCode('f16'), { format: 'e2m1' }, small);
    } finally {
      await small.dispose();
    }
  });

  it('leaves float64 to the CPU', () => {
    const x = tensorFrom('x', 'f64', [2], Float64Array.of(1, 2));
    expect(backend.supports('encode', { format: 'e4m3fn' }, { x })).toEqual({
      supported: false,
      reason: 'WGSL has no float64, so x cannot be rounded in one step: use the cpu backend.',
    });
  });
});
