import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { fp8RowRule, fp8Rule } from '../../quant-rule.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';
import { encodeCalls, scaleCalls } from './quant-calls.ts';

/** Elements of a partial maximum of the whole tensor. */
const PARTIAL = 1024;

export const per1x128Quant: WebGpuKernel<'per_1x128_quant'> = {
  op: 'per_1x128_quant',
  async run(run, { format = 'e4m3fn', math = 'torch', group = 128 }, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const grid = rowGroups(x.rows, x.columns, group);
    await quantiseBlocks(run, x, grid, fp8Rule(format, math), outputs);
  },
};

export const perTokenQuant: WebGpuKernel<'per_token_quant'> = {
  op: 'per_token_quant',
  async run(run, { format = 'e4m3fn', math = 'torch' }, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const grid = rowGroups(x.rows, x.columns, x.columns);
    await quantiseBlocks(run, x, grid, fp8RowRule(format, math, x.columns), outputs);
  },
};

/** In two levels: maxima of short runs, then the maximum of those. */
export const perTensorQuant: WebGpuKernel<'per_tensor_quant'> = {
  op: 'per_tensor_quant',
  async run(run, { format = 'e4m3fn', math = 'torch' }, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const { scale, encode } = fp8Rule(format, math, 0);
    // As one long column the tensor can be cut anywhere.
    const count = x.rows * x.columns;
    const column = { rows: count, columns: 1, blockColumns: 1 };
    const parts = Math.ceil(count / PARTIAL);
    const maxima = run.scratch(parts * 4, 'partial maxima');
    const steps = run.scratch(parts * 4, 'steps');
    const { ignoreNan = false } = scale;
    await run.dispatch(
      ...scaleCalls(run.gpu, x, { ...column, blockRows: PARTIAL }, { ignoreNan }, maxima, steps),
      ...scaleCalls(
        run.gpu,
        { array: maxima, type: 'f32' },
        { ...column, rows: parts, blockRows: parts },
        scale,
        tensorOf(outputs, 'scale').array,
        steps,
      ),
      ...encodeCalls(run.gpu, x, { ...column, blockRows: count }, encode, steps, tensorOf(outputs, 'y').array),
    );
  },
};
