import { afterAll, beforeAll, expect } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { compareTensors } from '../../../src/golden/compare.ts';
import { definitionOf, type OpName, type OpOperands, type OpParams } from '../../../src/ops/registry.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { floatTensor, type SourceType, uniform } from '../webgpu/quant-inputs.ts';
import { CPU_OBJECTS, CPU_RUNTIME } from './cpu-runtime.ts';

export type Results = Readonly<Record<string, Tensor>>;

/** The HIP backend on the CPU runtime, for the tests of a `describe`. */
export function useCpuRuntime(): { readonly backend: Backend } {
  let backend: Backend | undefined;
  beforeAll(async () => {
    const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
    backend = await openHipBackend({ library: CPU_RUNTIME, environment });
  });
  afterAll(() => backend?.dispose());
  return {
    get backend() {
      if (backend === undefined) throw new Error('the backend is open in tests only');
      return backend;
    },
  };
}

export function noise(name: string, type: SourceType, shape: readonly number[], seed: number, scale = 1): Tensor {
  const random = uniform(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, () => (random() * 2 - 1) * scale);
  return floatTensor(name, type, shape, values);
}

/** Runs an op and holds every output against its error bound, or the exact codes where it has none. */
export async function expectWithinBound<N extends OpName>(
  backend: Backend,
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
    const { first } = compareTensors(actual, { output, expected, compare }, bound);
    expect(first, `${output} of ${JSON.stringify(params)}`).toBeUndefined();
  }
  return got;
}
