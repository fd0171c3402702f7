import { f32Bits } from '../../../src/formats/f32.ts';
import { TRITON_AMAX_FLOOR } from '../../../src/ops/shared/triton-group-quant.ts';
import type { GpuArray } from '../buffers.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow } from '../split.ts';
import { type GpuOperands, type GpuTensor, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, quantiseBlocks, sourceType } from './quant-blocks.ts';
import { narrowCalls, sourceBytes, spansOf, wholeWordRows } from './quant-calls.ts';
import { SOURCE, tritonRule } from './quant-rules.ts';

/** Normalises into binary32 scratch, from where the rows are quantised and the 16-bit outputs are rounded. */
export const fusedRmsQuant: WebGpuKernel<'fused_rms_fp8_group_quant'> = {
  op: 'fused_rms_fp8_group_quant',
  async run(run, params, operands, outputs) {
    const { rows, columns } = matrixOf(tensorOf(operands, 'x'));
    const count = rows * columns;
    const sums = run.scratch(count * 4, 'sums');
    const normed = run.scratch(count * 4, 'norm');
    await run.dispatch(
      ...normaliseCalls(run, operands, params.epsilon, sums, normed),
      ...narrowed(run, sums, tensorOf(outputs, 'residual_out')),
      ...narrowed(run, normed, tensorOf(outputs, 'norm')),
    );
    const blocks = { rows, columns, blockRows: 1, blockColumns: params.group ?? 128 };
    await quantiseBlocks(run, { array: normed, type: 'f32' }, blocks, tritonRule(TRITON_AMAX_FLOOR), outputs);
  },
};

function narrowed(run: OpRun, words: GpuArray, to: GpuTensor): readonly KernelCall[] {
  return narrowCalls(run.gpu, words, to.layout.size, to.type === 'f16' ? 'f16' : 'bf16', to.array);
}

function normaliseCalls(
  run: OpRun,
  operands: GpuOperands,
  epsilon: number,
  sums: GpuArray,
  normed: GpuArray,
): readonly KernelCall[] {
  const x = tensorOf(operands, 'x');
  const { rows, columns } = matrixOf(x);
  const weight = tensorOf(operands, 'weight');
  // Without a residual the shader does not read it, but something must be bound.
  const residual = operands.residual ?? x;
  const xRow = columns * sourceBytes(sourceType(x.type));
  const residualRow = columns * sourceBytes(sourceType(residual.type));
  const resultRow = columns * 4;
  const parts = spansOf(run.gpu, x.array, rows, [resultRow, xRow, residualRow], wholeWordRows(xRow, residualRow));
  return parts.map(({ start, end }) => {
    const xs = bindWindow(run.gpu, x.array, start * xRow, end * xRow);
    const residuals = bindWindow(run.gpu, residual.array, start * residualRow, end * residualRow);
    const target = bindWindow(run.gpu, sums, start * resultRow, end * resultRow);
    const shape = Uint32Array.of(
      end - start,
      columns,
      f32Bits(epsilon),
      f32Bits(columns),
      SOURCE[sourceType(x.type)],
      SOURCE[sourceType(residual.type)],
      SOURCE[sourceType(weight.type)],
      operands.residual === undefined ? 0 : 1,
      xs.lead / 4,
      residuals.lead / 4,
      target.lead / 4,
    );
    return {
      shader: 'fused_rms_quant',
      entryPoint: 'normalise',
      bindings: [
        shape,
        xs.binding,
        residuals.binding,
        weight.array,
        target.binding,
        bindWindow(run.gpu, normed, start * resultRow, end * resultRow).binding,
      ],
      workgroups: end - start,
    };
  });
}
