import { formatFacts } from '../../../src/formats/facts.ts';
import { hipRule, mxRule } from '../../quant-rule.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { normalise } from './norm-calls.ts';
import { groupValues, supportsRows } from './norm-groups.ts';
import { matrixOf } from './quant-calls.ts';

export const addRmsnormQuant: HipKernel<'add_rmsnorm_quant'> = {
  op: 'add_rmsnorm_quant',
  objects: ['norm_quant'],
  supports: (_params, { x }) => supportsRows(x?.layout),
  async run(run, params, operands, outputs) {
    const { eps = 1e-6, group = 0, format = 'e4m3fn', gemmaNorm = false, scaleType = 'f32', residualRounding } = params;
    const x = tensorOf(operands, 'x');
    const scale = tensorOf(outputs, 'scale');
    const { columns } = matrixOf(x);
    const rule = scaleType === 'e8m0' ? mxRule(format, 'RoundUp', 'hip') : hipRule(format, formatFacts(format).max);
    const sums = outputs['res_out'];
    await normalise(run, {
      x,
      weight: tensorOf(operands, 'w'),
      residual: operands['r'],
      epsilon: eps,
      weightPlusOne: gemmaNorm,
      sums: sums === undefined ? undefined : { tensor: sums, truncate: residualRounding === 'truncate' },
      quantised: { y: tensorOf(outputs, 'y'), scale, groups: groupValues(columns, group || columns, rule, scale) },
    });
  },
};
