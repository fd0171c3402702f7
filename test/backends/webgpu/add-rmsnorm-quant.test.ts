import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { compareTensors } from '../../../src/golden/compare.ts';
import { definitionOf, type OpName, type OpOperands, type OpParams } from '../../../src/ops/registry.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asU32 } from '../../../src/tensor/views.ts';
import { floatTensor, SOURCE_TYPES, type SourceType, uniform } from './quant-inputs.ts';

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

type Results = Readonly<Record<string, Tensor>>;

/** Runs an op and holds every output against its error bound, or the exact bytes where it has none. */
async function expectWithinBound<N extends OpName>(
  op: N,
  params: OpParams<N>,
  operands: OpOperands<N>,
): Promise<Results> {
  const definition = definitionOf(op);
  const tensors = operands as Results;
  const got = (await backend.run(op, params, operands)) as Results;
  const want = definition.reference(params, tensors);
  const bounds = definition.bound?.(params, tensors) ?? {};
  expect(Object.keys(got)).toEqual(Object.keys(want));
  for (const [output, expected] of Object.entries(want)) {
    const bound = bounds[output];
    const actual = got[output] as Tensor;
    expect([actual.type, actual.scaling, actual.layout.id]).toEqual([
      expected.type,
      expected.scaling,
      expected.layout.id,
    ]);
    const compare = bound === undefined ? 'exact' : 'bound';
    expect(compareTensors(actual, { output, expected, compare }, bound).first, output).toBeUndefined();
  }
  return got;
}

describe.each(['bf16', 'f16'] as const)('add_rmsnorm_quant from %s', (type) => {
  it.each([
    [1, 8],
    [3, 384],
    [5, 77],
    [2, 1000],
  ])('%i rows of %i, one scale each', async (rows, columns) => {
    const x = noise('x', type, [rows, columns], 3, 4);
    const r = noise('r', type, [rows, columns], 4, 2);
    const w = noise('w', type, [columns], 5, 1.5);
    await expectWithinBound('add_rmsnorm_quant', {}, { x, w });
    await expectWithinBound('add_rmsnorm_quant', { eps: 1e-2, format: 'e4m3fnuz' }, { x, w, r });
    await expectWithinBound('add_rmsnorm_quant', { gemmaNorm: true }, { x, w, r });
  });

  it.each([
    { group: 128 },
    { group: 64, scaleStore: 'transposed-view' },
    { group: 8, format: 'e4m3fnuz', gemmaNorm: true },
    { group: 32, scaleType: 'e8m0' },
    { group: 64, scaleType: 'e8m0', scaleStore: 'transposed-view', format: 'e4m3fnuz' },
    { group: 32, scaleType: 'e8m0', scaleStore: 'shuffled' },
  ] as const)('groups: %j', async (params) => {
    for (const shape of [
      [2, 3, 384],
      [1, 128],
    ]) {
      const w = noise('w', type, [shape.at(-1) ?? 0], 7, 1.5);
      const r = noise('r', type, shape, 8);
      await expectWithinBound('add_rmsnorm_quant', params, { x: noise('x', type, shape, 6, 3), w, r });
    }
  });

  it('zero rows, NaNs, infinities, very large and very small rows', async () => {
    const columns = 64;
    const large = type === 'f16' ? 6e4 : 1e15;
    const kinds = [() => 0, () => large, () => 1e-7, spoiled(Number.NaN), spoiled(Number.POSITIVE_INFINITY)];
    const values = Float32Array.from({ length: kinds.length * columns }, (_, i) =>
      (kinds[Math.floor(i / columns)] as (column: number) => number)(i % columns),
    );
    const x = floatTensor('x', type, [kinds.length, columns], values);
    const w = noise('w', type, [columns], 8);
    for (const params of [{}, { group: 32 }, { group: 32, scaleType: 'e8m0' }] as const) {
      await expectWithinBound('add_rmsnorm_quant', params, { x, w });
    }
  });
});

function spoiled(by: number): (column: number) => number {
  return (column) => (column === 3 ? by : 1);
}

describe('add_rmsnorm_quant', () => {
  it('rounds or truncates the unrounded residual sum', async () => {
    const x = noise('x', 'bf16', [3, 136], 9, 3);
    const r = noise('r', 'bf16', [3, 136], 10, 0.01);
    const w = noise('w', 'bf16', [136], 11);
    const nearest = await expectWithinBound('add_rmsnorm_quant', {}, { x, w, r });
    const cut = await expectWithinBound('add_rmsnorm_quant', { residualRounding: 'truncate' }, { x, w, r });
    expect(cut.res_out?.bytes).not.toEqual(nearest.res_out?.bytes);
    expect(cut.y?.bytes).toEqual(nearest.y?.bytes);
  });

  it('gives the bits of the reference where sum and root are exact', async () => {
    // As many 1s as 7s, times a power of two for each row: the mean square is 25 times a power of four.
    const random = uniform(12);
    const number = (index: number): number => (random() < 0.5 ? -1 : 1) * (index % 2 === 0 ? 1 : 7);
    const values = Float32Array.from(
      { length: 1024 },
      (_, index) => number(index) * 2 ** (Math.floor(index / 256) - 2),
    );
    const x = floatTensor('x', 'bf16', [4, 256], values);
    const w = noise('w', 'bf16', [256], 13, 2);
    for (const params of [
      { eps: 0 },
      { eps: 0, group: 64 },
      { eps: 0, format: 'e4m3fnuz', gemmaNorm: true },
    ] as const) {
      const got = await expectWithinBound('add_rmsnorm_quant', params, { x, w });
      const want = definitionOf('add_rmsnorm_quant').reference(params, { x, w });
      expect(asU32(got.scale as Tensor)).toEqual(asU32(want.scale as Tensor));
      expect(got.y?.bytes).toEqual(want.y?.bytes);
    }
  });

  it('runs on tensors that are on the device', async () => {
    const operands = { x: noise('x', 'bf16', [3, 128], 14), w: noise('w', 'bf16', [128], 15) };
    const x = await backend.upload(operands.x);
    const w = await backend.upload(operands.w);
    const outputs = await backend.runOnDevice('add_rmsnorm_quant', { group: 64 }, { x, w });
    expect(Object.keys(outputs)).toEqual(['y', 'scale']);
    const [y, host] = [
      await backend.download(outputs.y as typeof x),
      await backend.run('add_rmsnorm_quant', { group: 64 }, operands),
    ];
    expect(y.bytes).toEqual(host.y.bytes);
    for (const handle of [x, w, ...Object.values(outputs)]) backend.free(handle);
  });
});

describe.each(SOURCE_TYPES)('fused_rms_fp8_group_quant with a second input in %s', (type) => {
  it.each([
    [1, 128, 1],
    [3, 200, 77],
    [4, 130, 512],
  ])('%i rows of %i and %i', async (rows, columns, second) => {
    const x = noise('x', 'bf16', [rows, columns], 16, 4);
    const w = noise('w', 'f32', [columns], 17, 1.5);
    const r = noise('r', 'bf16', [rows, columns], 18);
    const x2 = noise('x2', type, [rows, second], 19, 3);
    for (const kind of SOURCE_TYPES) {
      const w2 = noise('w2', kind, [second], 20, 2);
      const got = await expectWithinBound('fused_rms_fp8_group_quant', { eps: 1e-5, eps2: 1e-2 }, { x, w, r, x2, w2 });
      expect([got.y2?.type, got.y2?.layout.shape]).toEqual([type, [rows, second]]);
    }
  });
});
