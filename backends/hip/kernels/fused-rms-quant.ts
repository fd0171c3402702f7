import { formatFacts } from '../../../src/formats/facts.ts';
import { tritonRule } from '../../quant-rule.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { normalise } from './norm-calls.ts';
import { groupValues, supportsRows } from './norm-groups.ts';
import { matrixOf } from './quant-calls.ts';

/** One launch, and one more for a second input. */
export const fusedRmsQuant: HipKernel<'fused_rms_fp8_group_quant'> = {
  op: 'fused_rms_fp8_group_quant',
  objects: ['norm_quant'],
  supports: (_params, { x }) => supportsRows(x?.layout),
  async run(run, params, operands, outputs) {
    const { eps = 1e-6, eps2 = eps, format = 'e4m3fn', group = 128 } = params;
    const x = tensorOf(operands, 'x');
    const scale = tensorOf(outputs, 'scale');
    const rule = tritonRule(format, formatFacts(format).max);
    const groups = groupValues(matrixOf(x).columns, group, rule, scale);
    await normalise(run, {
      x,
      weight: tensorOf(operands, 'w'),
      residual: operands['r'],
      epsilon: eps,
      sums: { tensor: tensorOf(outputs, 'res_out') },
      normed: tensorOf(outputs, 'norm'),
      quantised: { y: tensorOf(outputs, 'y'), scale, groups },
    });
    const x2 = operands['x2'];
    if (x2 === undefined) return;
    await normalise(run, { x: x2, weight: tensorOf(operands, 'w2'), epsilon: eps2, normed: outputs['y2'] });
  },
};
