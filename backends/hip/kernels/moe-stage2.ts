import { moeScheme } from '../../../src/ops/shared/moe-params.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { routeTokens } from './moe-routes.ts';
import { STAGE_OBJECTS, secondStage, stageSupport } from './moe-stages.ts';
import { downWeights } from './moe-weights.ts';

const OP = 'moe_stage2_mxfp4';

export const moeStage2Mxfp4: HipKernel<typeof OP> = {
  op: OP,
  objects: STAGE_OBJECTS.second,
  supports: (_params, { h, w2, topk_ids }) => stageSupport(topk_ids, [h], [w2]),
  async run(run, params, operands, outputs) {
    const weight = tensorOf(operands, 'w2');
    const y = tensorOf(outputs, 'y');
    if (y.layout.size === 0) return;
    const [experts = 0, rows = 0, columns = 0] = weight.layout.shape;
    const scheme = moeScheme(OP, params);
    const topkWeights = tensorOf(operands, 'topk_weights');
    const routed = await routeTokens(run, scheme, experts, tensorOf(operands, 'topk_ids'), topkWeights);
    const stage = {
      tokens: { scheme, codes: tensorOf(operands, 'h').buffer, scales: operands['h_scale']?.buffer },
      weights: await downWeights(run, weight, tensorOf(operands, 'w2_scale')),
      bias: operands['w2_bias'],
      rows,
      columns,
    };
    await secondStage(run, stage, routed, y.buffer);
  },
};
