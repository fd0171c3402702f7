import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { scaleCalls } from './quant-calls.ts';

/** Every number is the amax of a block of its own. */
export const ceilToUe8m0: WebGpuKernel<'ceil_to_ue8m0'> = {
  op: 'ceil_to_ue8m0',
  async run(run, _params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const count = x.layout.storageSize;
    const grid = { rows: count, columns: 1, blockRows: 1, blockColumns: 1 };
    const steps = run.scratch(count * 4, 'steps');
    const source = { array: x.array, type: 'f32' } as const;
    await run.dispatch(
      ...scaleCalls(run.gpu, source, grid, { rounding: 'ue8m0' }, tensorOf(outputs, 'y').array, steps),
    );
  },
};
