import { formatFacts } from '../../../src/formats/facts.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { tritonFloor } from '../../../src/ops/shared/groups-rules.ts';
import { tritonRule } from '../../quant-rule.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { floatSource, quantiseRows } from './quant-calls.ts';

/** A quantiser: the bytes of x are those of the flattened matrix. */
export const fusedFlattenQuant: HipKernel<'fused_flatten_fp8_group_quant'> = {
  op: 'fused_flatten_fp8_group_quant',
  objects: ['quant'],
  async run(run, { format = 'e4m3fn', group = 128 }, operands, outputs) {
    const [rows = 0, columns = 0] = tensorOf(outputs, 'y').layout.shape;
    const floor = tritonFloor(floatSource(tensorOf(operands, 'x').type));
    const rule = tritonRule(format, formatFacts(format).max, floor);
    await quantiseRows(run, operands, outputs, rowGroups(rows, columns, group), rule);
  },
};
