import { f32Bits } from '../../../src/formats/f32.ts';
import { formatFacts } from '../../../src/formats/facts.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
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
    const resOut = tensorOf(outputs, 'res_out');
    const norm = tensorOf(outputs, 'norm');
    const sums = wordsFor(run, resOut);
    const normed = wordsFor(run, norm);
    await run.dispatch(
      ...normaliseCalls(run, operands, params.eps ?? 1e-6, sums, normed),
      ...narrowed(run, sums, resOut),
      ...narrowed(run, normed, norm),
    );
    const format = params.format ?? 'e4m3fn';
    const rule = tritonRule(format, formatFacts(format).max);
    const grid = rowGroups(rows, columns, params.group ?? 128);
    await quantiseBlocks(run, { array: normed, type: 'f32' }, grid, rule, outputs);
  },
};

/** Where the float32 values of an output are computed: in place when it is float32 itself. */
function wordsFor(run: OpRun, output: GpuTensor): GpuArray {
  return output.type === 'f32' ? output.array : run.scratch(output.layout.size * 4, `${output.name} in float32`);
}

function narrowed(run: OpRun, words: GpuArray, to: GpuTensor): readonly KernelCall[] {
  const type = sourceType(to.type);
  return type === 'f32' ? [] : narrowCalls(run.gpu, words, to.layout.size, type, to.array);
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
  const weight = tensorOf(operands, 'w');
  // Without a residual the shader does not read it, but something must be bound.
  const residual = operands.r ?? x;
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
      operands.r === undefined ? 0 : 1,
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
