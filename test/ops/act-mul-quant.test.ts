import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { compareTensors } from '../../src/golden/compare.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { type ActMulFp8GroupQuantParams, actMulAndFp8GroupQuant } from '../../src/ops/act-mul-and-fp8-group-quant.ts';
import { per1x128Quant } from '../../src/ops/per-1x128-quant.ts';
import { asBytes, tensor, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32 } from '../../src/tensor/views.ts';

let webgpu: Backend;
beforeAll(async () => {
  webgpu = await openBackend('webgpu');
});
afterAll(() => webgpu.dispose());

function source(type: 'f32' | 'bf16' | 'f16', shape: readonly number[], value: (index: number) => number): Tensor {
  const count = shape.reduce((a: number, b) => a * b, 1);
  const values = Float32Array.from({ length: count }, (_, index) => value(index));
  return tensor('x', type, rowMajor(shape), asBytes(type === 'f32' ? values : encodeArray(type, values)));
}

const wave = (index: number): number => Math.sin(index * 0.37) * 9 * (1 + (index % 5));

/** Every output lies within the bound of the op. */
function expectWithin(
  x: Tensor,
  params: ActMulFp8GroupQuantParams,
  actual: Readonly<Record<'y' | 'scale', Tensor>>,
): void {
  const bound = actMulAndFp8GroupQuant.bound?.(params, { x });
  const expected = actMulAndFp8GroupQuant.reference(params, { x });
  for (const output of ['y', 'scale'] as const) {
    const { passed, first } = compareTensors(
      actual[output],
      { output, expected: expected[output], compare: 'bound' },
      bound?.[output],
    );
    expect([output, passed, first]).toEqual([output, true, undefined]);
  }
}

it('quantises silu(gate) * up as float32, gate half first', () => {
  const x = source('f32', [2, 512], wave);
  const values = asF32(x);
  const products = Float32Array.from({ length: 512 }, (_, index) => {
    const at = Math.floor(index / 256) * 512 + (index % 256);
    const [gate, up] = [values[at] as number, values[at + 256] as number];
    return (gate / (1 + Math.exp(-gate))) * up;
  });
  const out = actMulAndFp8GroupQuant.reference({}, { x });
  const plain = per1x128Quant.reference({ math: 'aiter-triton' }, { x: tensorFrom('x', 'f32', [2, 256], products) });
  expect(out.y.bytes).toEqual(plain.y.bytes);
  expect(out.scale.bytes).toEqual(plain.scale.bytes);
});

describe.each(['f32', 'bf16', 'f16'] as const)('from %s on WebGPU', (type) => {
  it.each([
    [[1, 256], {}],
    [[5, 768], { scaleStore: 'column-major' }],
    [[3, 2, 200], { group: 64 }],
    [[4, 256], { format: 'e4m3fnuz', scaleStore: 'transposed-view' }],
    [[7, 2], { group: 1 }],
  ] as const)('gives %o with %o within the bound', async (shape, params) => {
    const x = source(type, shape, wave);
    const actual = await webgpu.run('act_mul_and_fp8_group_quant', params, { x });
    expectWithin(x, params, actual);
    // Within the bound is not enough where nearly every code should be the same.
    const expected = actMulAndFp8GroupQuant.reference(params, { x });
    const different = expected.y.bytes.filter((code, at) => code !== actual.y.bytes[at]).length;
    expect(different).toBeLessThanOrEqual(Math.ceil(expected.y.bytes.length / 50));
  });
});

it('holds for gates from the smallest to the largest, zero rows, infinity and NaN', async () => {
  const gates = [0, -0, 1e-30, -1e-30, 0.5, -0.5, 20, -20, 88, -88, 103, -103, 104, -104, 200, -200, 3e38, -3e38];
  const x = source('f32', [18, 4], (index) => {
    const gate = gates[Math.floor(index / 4)] as number;
    return [gate, gate / 2, 1.5, -3][index % 4] as number;
  });
  expectWithin(x, { group: 2 }, await webgpu.run('act_mul_and_fp8_group_quant', { group: 2 }, { x }));

  const odd = source('f32', [4, 4], (index) => {
    const gate = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0][Math.floor(index / 4)] as number;
    return index % 4 === 0 ? gate : 1;
  });
  const [actual, expected] = [
    await webgpu.run('act_mul_and_fp8_group_quant', { group: 2 }, { x: odd }),
    actMulAndFp8GroupQuant.reference({ group: 2 }, { x: odd }),
  ];
  expect([...asF32(actual.scale)]).toEqual([...asF32(expected.scale)]);
  expect(actual.y.bytes.map((code) => code & 0x7f)).toEqual(expected.y.bytes.map((code) => code & 0x7f));
});

it('names what it cannot take', () => {
  expect(() =>
    actMulAndFp8GroupQuant.plan({}, { x: source('bf16', [2, 255], wave) }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[OperandError: act_mul_and_fp8_group_quant: operand "x": has rows of 255 elements [2, 255], expected an even number: the gate half, then the up half.]`,
  );
  const params = { activation: 'gelu' } as unknown as ActMulFp8GroupQuantParams;
  expect(() =>
    actMulAndFp8GroupQuant.plan(params, { x: source('bf16', [2, 256], wave) }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[ParameterError: act_mul_and_fp8_group_quant: parameter "activation": is "gelu", expected silu.]`,
  );
});
