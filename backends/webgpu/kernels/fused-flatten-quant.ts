import { formatFacts } from '../../../src/formats/facts.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { tritonFloor } from '../../../src/ops/shared/groups-rules.ts';
import { tritonRule } from '../../quant-rule.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { quantiseBlocks, sourceType } from './quant-blocks.ts';

export const fusedFlattenQuant: WebGpuKernel<'fused_flatten_fp8_group_quant'> = {
  op: 'fused_flatten_fp8_group_quant',
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const type = sourceType(x.type);
    // The flattened shape; the bytes of x are the same.
    const [rows = 0, columns = 0] = tensorOf(outputs, 'y').layout.shape;
    const format = params.format ?? 'e4m3fn';
    const rule = tritonRule(format, formatFacts(format).max, tritonFloor(type));
    await quantiseBlocks(run, { array: x.array, type }, rowGroups(rows, columns, params.group ?? 128), rule, outputs);
  },
};
