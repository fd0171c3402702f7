import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { AMAX_FLOOR, fp8Rule } from '../../quant-rule.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { matrixOf, quantiseRows } from './quant-calls.ts';
import { quantiseTensor } from './quant-tensor.ts';

/** Row lengths that AITER's HIP per-token quantiser hands to its group kernel, with its floor. */
const GROUP_KERNEL_COLUMNS: readonly number[] = [32, 64, 128];

export const per1x128Quant: HipKernel<'per_1x128_quant'> = {
  op: 'per_1x128_quant',
  objects: ['quant'],
  async run(run, { format = 'e4m3fn', math = 'torch', group = 128 }, operands, outputs) {
    const { rows, columns } = matrixOf(tensorOf(operands, 'x'));
    await quantiseRows(run, operands, outputs, rowGroups(rows, columns, group), fp8Rule(format, math));
  },
};

export const perTokenQuant: HipKernel<'per_token_quant'> = {
  op: 'per_token_quant',
  objects: ['quant'],
  async run(run, { format = 'e4m3fn', math = 'torch' }, operands, outputs) {
    const { rows, columns } = matrixOf(tensorOf(operands, 'x'));
    const floor = GROUP_KERNEL_COLUMNS.includes(columns) ? AMAX_FLOOR : 0;
    await quantiseRows(run, operands, outputs, rowGroups(rows, columns, columns), fp8Rule(format, math, floor));
  },
};

export const perTensorQuant: HipKernel<'per_tensor_quant'> = {
  op: 'per_tensor_quant',
  objects: ['quant'],
  async run(run, { format = 'e4m3fn', math = 'torch' }, operands, outputs) {
    await quantiseTensor(run, operands, outputs, fp8Rule(format, math, 0));
  },
};
