import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { compareTensors } from '../../../src/golden/compare.ts';
import { type OpParams, ops } from '../../../src/ops/registry.ts';
import { SCALE_STORES } from '../../../src/ops/shared/groups-output.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asF32, asU16 } from '../../../src/tensor/views.ts';
import { expectReference, floatTensor, hardMatrix, SOURCE_TYPES, type SourceType, uniform } from './quant-inputs.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

function noise(name: string, type: SourceType, shape: readonly number[], seed: number, scale = 1): Tensor {
  const random = uniform(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  return floatTensor(
    name,
    type,
    shape,
    Float32Array.from({ length: count }, () => (random() * 2 - 1) * scale),
  );
}

describe.each(SOURCE_TYPES)('fused_flatten_fp8_group_quant from %s', (type) => {
  it.each(['e4m3fn', 'e4m3fnuz'] as const)('to %s', async (format) => {
    const { bytes } = hardMatrix(type, 5 * 3, 256, { group: 64 });
    const x = { ...noise('x', type, [5, 3, 256], 1), bytes };
    for (const scaleStore of ['row-major', 'column-major'] as const) {
      for (const group of [64, 128]) {
        await expectReference(backend, 'fused_flatten_fp8_group_quant', { format, group, scaleStore }, { x });
      }
    }
  });
});

type RmsParams = OpParams<'fused_rms_fp8_group_quant'>;
interface RmsOperands {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly r?: Tensor;
}

/** Runs the kernel and holds every output against the op's error bound, or the exact bytes where it has none. */
async function expectWithinBound(params: RmsParams, operands: RmsOperands): Promise<Readonly<Record<string, Tensor>>> {
  const op = ops.fused_rms_fp8_group_quant;
  const got: Readonly<Record<string, Tensor>> = await backend.run('fused_rms_fp8_group_quant', params, operands);
  const want: Readonly<Record<string, Tensor>> = op.reference(params, operands);
  const bounds = op.bound?.(params, operands) ?? {};
  for (const [output, expected] of Object.entries(want)) {
    const bound = bounds[output as keyof typeof bounds];
    const comparison = compareTensors(
      got[output] as Tensor,
      { output, expected, compare: bound ? 'bound' : 'exact' },
      bound,
    );
    expect(comparison.first, output).toBeUndefined();
  }
  return got;
}

describe.each(SOURCE_TYPES)('fused_rms_fp8_group_quant from %s', (type) => {
  const shapes = [
    [1, 128],
    [3, 384],
    [17, 300],
    [4, 1000],
  ] as const;

  it.each(shapes)('%i rows of %i, with and without a residual', async (rows, columns) => {
    const x = noise('x', type, [rows, columns], 3, 4);
    const r = noise('r', type, [rows, columns], 4, 2);
    const w = noise('w', type, [columns], 5, 1.5);
    await expectWithinBound({}, { x, w });
    for (const scaleStore of SCALE_STORES) await expectWithinBound({ scaleStore, eps: 1e-5, group: 64 }, { x, w, r });
    await expectWithinBound({ format: 'e4m3fnuz' }, { x, w, r });
  });

  it('takes weights of any float type', async () => {
    const x = noise('x', type, [2, 130], 6);
    for (const kind of SOURCE_TYPES) await expectWithinBound({}, { x, w: noise('w', kind, [130], 7) });
  });

  it('survives a zero row, and rows of very large and very small numbers', async () => {
    const columns = 128;
    const largest = type === 'f16' ? 6e4 : 1e15;
    const values = Float32Array.from(
      { length: 3 * columns },
      (_, index) => [0, largest, 1e-7][Math.floor(index / columns)] as number,
    );
    await expectWithinBound({}, { x: floatTensor('x', type, [3, columns], values), w: noise('w', type, [columns], 8) });
  });
});

it('fused_rms_fp8_group_quant quantises the float32 norm, exactly', async () => {
  const [rows, columns] = [9, 640];
  const x = noise('x', 'f32', [rows, columns], 10, 3);
  const got = await expectWithinBound({}, { x, w: noise('w', 'f32', [columns], 11) });
  const norm = { ...(got.norm as Tensor), name: 'x' };
  const want = ops.per_1x128_quant.reference({ math: 'aiter-triton' }, { x: norm });
  expect(asF32(got.scale as Tensor)).toEqual(asF32(want.scale));
  expect(got.y?.bytes).toEqual(want.y.bytes);
});

it('fused_rms_fp8_group_quant rounds the residual sum once, from float32', async () => {
  // 1 + 2^-8 lies halfway between two bf16 numbers; the even one is 1.
  const x = floatTensor('x', 'bf16', [1, 128], new Float32Array(128).fill(1));
  const r = floatTensor(
    'r',
    'bf16',
    [1, 128],
    Float32Array.from({ length: 128 }, (_, at) => 2 ** -8 * (at % 2 === 0 ? 1 : 1.0078125)),
  );
  const got = await expectWithinBound({}, { x, w: noise('w', 'bf16', [128], 12), r });
  expect(Array.from(asU16(got.res_out as Tensor).subarray(0, 2))).toEqual([0x3f80, 0x3f81]);
});
