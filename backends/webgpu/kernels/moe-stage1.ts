import { elementBits } from '../../../src/formats/element-type.ts';
import { moeActivation, moeScheme } from '../../../src/ops/shared/moe-params.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { routeTokens } from './moe-routing.ts';
import { stageSupport } from './moe-stage-calls.ts';
import { activationBytes, firstStageCalls } from './moe-stages.ts';

const OP = 'moe_stage1_mxfp4';

export const moeStage1Mxfp4: WebGpuKernel<typeof OP> = {
  op: OP,
  supports: (_params, { topk_ids, w13, w13_scale }) => stageSupport(topk_ids, [w13], [w13_scale]),
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const weight = tensorOf(operands, 'w13');
    const topkIds = tensorOf(operands, 'topk_ids');
    const h = tensorOf(outputs, 'h');
    const [experts = 0, , hidden = 0] = weight.layout.shape;
    const [, topk = 0, inter = 0] = h.layout.shape;
    const routed = routeTokens(run, experts, topkIds, undefined, [
      ...activationBytes(elementBits(x.type), hidden),
      topk * inter * 2,
    ]);
    const stage = {
      stage: 1,
      scheme: moeScheme(OP, params),
      activation: moeActivation(OP, params),
      x,
      xScale: operands.x_scale,
      weight,
      weightScale: tensorOf(operands, 'w13_scale'),
      bias: operands.w13_bias,
    } as const;
    await run.dispatch(...routed.calls, ...firstStageCalls(run, stage, routed, h));
  },
};
