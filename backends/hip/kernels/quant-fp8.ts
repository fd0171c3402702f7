import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { fp8RowRule, fp8Rule } from '../../quant-rule.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { matrixOf, quantiseRows } from './quant-calls.ts';
import { quantiseTensor } from './quant-tensor.ts';

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
    const rule = fp8RowRule(format, math, columns);
    await quantiseRows(run, operands, outputs, rowGroups(rows, columns, columns), rule);
  },
};

export const perTensorQuant: HipKernel<'per_tensor_quant'> = {
  op: 'per_tensor_quant',
  objects: ['quant'],
  async run(run, { format = 'e4m3fn', math = 'torch' }, operands, outputs) {
    await quantiseTensor(run, operands, outputs, fp8Rule(format, math, 0));
  },
};
