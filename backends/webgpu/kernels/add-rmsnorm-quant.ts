import { formatFacts } from '../../../src/formats/facts.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { hipRule, mxRule } from '../../quant-rule.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';
import { narrowedCalls, normaliseCalls } from './rms-norm.ts';

/** Normalises into binary32 scratch and quantises whole rows, or groups of them, from there. */
export const addRmsnormQuant: WebGpuKernel<'add_rmsnorm_quant'> = {
  op: 'add_rmsnorm_quant',
  async run(run, params, operands, outputs) {
    const { eps = 1e-6, group = 0, format = 'e4m3fn', gemmaNorm = false, scaleType = 'f32', residualRounding } = params;
    const x = tensorOf(operands, 'x');
    const { rows, columns } = matrixOf(x);
    const sums = run.scratch(x.layout.size * 4, 'sums');
    const normed = run.scratch(x.layout.size * 4, 'normalised rows');
    const weight = tensorOf(operands, 'w');
    const source = { x, weight, residual: operands.r, epsilon: eps, weightPlusOne: gemmaNorm };
    const resOut = outputs.res_out;
    await run.dispatch(
      ...normaliseCalls(run, source, sums, normed),
      ...(resOut === undefined ? [] : narrowedCalls(run, sums, resOut, residualRounding)),
    );
    const rule = scaleType === 'e8m0' ? mxRule(format, 'RoundUp', 'hip') : hipRule(format, formatFacts(format).max);
    const grid = rowGroups(rows, columns, group || columns);
    await quantiseBlocks(run, { array: normed, type: 'f32' }, grid, rule, outputs);
  },
};
