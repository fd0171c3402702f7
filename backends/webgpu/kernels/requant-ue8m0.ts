import { bindTrailing } from '../../../src/layout/leading.ts';
import { REQUANT_BLOCK, type RequantSizes, requantSizes } from '../../../src/ops/requant-weight-ue8m0.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { castRule } from '../../quant-rule.ts';
import type { GpuArray } from '../buffers.ts';
import { DeviceMemoryError } from '../errors.ts';
import type { Gpu } from '../gpu.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow, splitRows } from '../split.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { encodeCalls, scaleCalls } from './quant-calls.ts';

/**
 * Dequantises to words, then quantises as DeepGEMM's cast does. Each expert gets rows in whole blocks in scratch memory, the
 * added ones zero, so that no block reaches into the next expert.
 */
export const requantWeightUe8m0: WebGpuKernel<'requant_weight_ue8m0'> = {
  op: 'requant_weight_ue8m0',
  async run(run, _params, operands, outputs) {
    const [w, scale] = [tensorOf(operands, 'w'), tensorOf(operands, 'scale')];
    const sizes = requantSizes({ w: w as unknown as Tensor, scale: scale as unknown as Tensor });
    const { experts, n, k, rowBlocks, groups } = sizes;
    const rows = experts * rowBlocks * REQUANT_BLOCK;
    const values = run.scratch(rows * k * 4, 'values');
    const steps = run.scratch(experts * rowBlocks * groups * 4, 'steps');
    const grid = { rows, columns: k, blockRows: REQUANT_BLOCK, blockColumns: REQUANT_BLOCK };
    const rule = castRule(true);
    const y = tensorOf(outputs, 'y');
    const whole = n % REQUANT_BLOCK === 0;
    const codes = whole ? y.array : run.scratch(rows * k, 'codes');
    const source = { array: values, type: 'f32' } as const;
    await run.dispatch(
      ...dequantCalls(run.gpu, sizes, w.array, scale.array, values),
      ...scaleCalls(run.gpu, source, grid, rule.scale, tensorOf(outputs, 'scale').array, steps),
      ...encodeCalls(run.gpu, source, grid, rule.encode, steps, codes),
    );
    if (whole) return;
    const padded = bindTrailing('rows in whole blocks', `n=(n | pad ${REQUANT_BLOCK}) (k)`, 'n k', 2, y.layout.shape);
    await run.permute(codes, padded, y.array, y.layout, 8);
  },
};

function dequantCalls(
  gpu: Gpu,
  { experts, n, k, rowBlocks, groups }: RequantSizes,
  w: GpuArray,
  scale: GpuArray,
  values: GpuArray,
): readonly KernelCall[] {
  const parts = splitRows(gpu, n, [k, 4 * k]);
  if (parts === undefined) {
    throw new DeviceMemoryError(
      values.label,
      values.byteLength,
      `one row of ${k} values takes ${4 * k} bytes, and one binding of this device ${gpu.limits.maxStorageBufferBindingSize}. Use the cpu backend.`,
    );
  }
  return Array.from({ length: experts }, (_, expert) =>
    parts.map(({ start, end }): KernelCall => {
      const [from, to] = [(expert * n + start) * k, (expert * n + end) * k];
      const first = (expert * rowBlocks * REQUANT_BLOCK + start) * k * 4;
      const source = bindWindow(gpu, w, from, to);
      const target = bindWindow(gpu, values, first, first + (end - start) * k * 4);
      const shape = [start, end - start, k, groups, expert * rowBlocks * groups, source.lead, target.lead / 4];
      return {
        shader: 'dequant_block',
        bindings: [Uint32Array.from(shape), source.binding, scale, target.binding],
        workgroups: Math.ceil(((end - start) * k) / 256),
      };
    }),
  ).flat();
}
