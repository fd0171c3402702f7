import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { mxRule, type QuantRule, tritonMxfp4Rule } from '../../quant-rule.ts';
import { type GpuOperands, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';

/** Elements that share a scale in OCP MX. */
const BLOCK = 32;

async function quantise(run: OpRun, rule: QuantRule, operands: GpuOperands, outputs: GpuOperands): Promise<void> {
  const x = matrixOf(tensorOf(operands, 'x'));
  await quantiseBlocks(run, x, rowGroups(x.rows, x.columns, BLOCK), rule, outputs);
}

export const mxfp4Quant: WebGpuKernel<'mxfp4_quant'> = {
  op: 'mxfp4_quant',
  async run(run, { mode = 'RoundUp', math = 'torch' }, operands, outputs) {
    await quantise(run, mxRule('e2m1', mode, math), operands, outputs);
  },
};

export const mxfp8Quant: WebGpuKernel<'mxfp8_quant'> = {
  op: 'mxfp8_quant',
  async run(run, { format = 'e4m3fn', mode = 'RoundUp', math = 'torch' }, operands, outputs) {
    await quantise(run, mxRule(format, mode, math), operands, outputs);
  },
};

export const dynamicMxfp4Quant: WebGpuKernel<'dynamic_mxfp4_quant'> = {
  op: 'dynamic_mxfp4_quant',
  async run(run, _params, operands, outputs) {
    await quantise(run, tritonMxfp4Rule(), operands, outputs);
  },
};
