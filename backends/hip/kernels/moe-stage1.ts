import { moeActivation, moeScheme } from '../../../src/ops/shared/moe-params.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { routeTokens } from './moe-routes.ts';
import { firstStage, STAGE_OBJECTS, stageSupport } from './moe-stages.ts';
import { gateUpWeights } from './moe-weights.ts';

const OP = 'moe_stage1_mxfp4';

export const moeStage1Mxfp4: HipKernel<typeof OP> = {
  op: OP,
  objects: STAGE_OBJECTS.first,
  supports: (_params, { x, w13, topk_ids }) => stageSupport(topk_ids, [x], [w13]),
  async run(run, params, operands, outputs) {
    const weight = tensorOf(operands, 'w13');
    const h = tensorOf(outputs, 'h');
    if (h.layout.size === 0) return;
    const [experts = 0, rows = 0, columns = 0] = weight.layout.shape;
    const scheme = moeScheme(OP, params);
    const routed = await routeTokens(run, scheme, experts, tensorOf(operands, 'topk_ids'), undefined);
    const stage = {
      tokens: { scheme, codes: tensorOf(operands, 'x').buffer, scales: operands['x_scale']?.buffer },
      weights: await gateUpWeights(run, weight, tensorOf(operands, 'w13_scale')),
      bias: operands['w13_bias'],
      rows,
      columns,
      activation: moeActivation(OP, params),
    };
    await firstStage(run, stage, routed, h.buffer);
  },
};
