import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { mxRule, mxScaleRule, type QuantRule, tritonMxfp4Rule } from '../../quant-rule.ts';
import { type HipKernel, type HipOperands, type OpRun, tensorOf } from './kernel.ts';
import { matrixOf, quantiseRows } from './quant-calls.ts';
import { scaleEach } from './quant-tensor.ts';

/** Elements that share a scale in OCP MX. */
const BLOCK = 32;

async function quantiseMx(run: OpRun, rule: QuantRule, operands: HipOperands, outputs: HipOperands): Promise<void> {
  const { rows, columns } = matrixOf(tensorOf(operands, 'x'));
  await quantiseRows(run, operands, outputs, rowGroups(rows, columns, BLOCK), rule);
}

export const mxfp4Quant: HipKernel<'mxfp4_quant'> = {
  op: 'mxfp4_quant',
  objects: ['quant'],
  async run(run, { mode = 'RoundUp', math = 'torch' }, operands, outputs) {
    await quantiseMx(run, mxRule('e2m1', mode, math), operands, outputs);
  },
};

export const mxfp8Quant: HipKernel<'mxfp8_quant'> = {
  op: 'mxfp8_quant',
  objects: ['quant'],
  async run(run, { format = 'e4m3fn', mode = 'RoundUp', math = 'torch' }, operands, outputs) {
    await quantiseMx(run, mxRule(format, mode, math), operands, outputs);
  },
};

export const dynamicMxfp4Quant: HipKernel<'dynamic_mxfp4_quant'> = {
  op: 'dynamic_mxfp4_quant',
  objects: ['quant'],
  async run(run, _params, operands, outputs) {
    await quantiseMx(run, tritonMxfp4Rule(), operands, outputs);
  },
};

/** Every number is the amax of a block of its own. */
export const mxScale: HipKernel<'mx_scale'> = {
  op: 'mx_scale',
  objects: ['quant'],
  async run(run, { element, mode }, operands, outputs) {
    await scaleEach(run, tensorOf(operands, 'x'), mxScaleRule(element, mode), tensorOf(outputs, 'y'));
  },
};
