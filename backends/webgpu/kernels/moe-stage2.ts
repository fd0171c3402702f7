import { elementBits } from '../../../src/formats/element-type.ts';
import { moeScheme } from '../../../src/ops/shared/moe-params.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { routeTokens } from './moe-routing.ts';
import { stageSupport } from './moe-stage-calls.ts';
import { activationBytes, secondStageBytes, secondStageCalls } from './moe-stages.ts';

const OP = 'moe_stage2_mxfp4';

export const moeStage2Mxfp4: WebGpuKernel<typeof OP> = {
  op: OP,
  supports: (_params, { topk_ids, w2, w2_scale }) => stageSupport(topk_ids, [w2], [w2_scale]),
  async run(run, params, operands, outputs) {
    const h = tensorOf(operands, 'h');
    const weight = tensorOf(operands, 'w2');
    const topkIds = tensorOf(operands, 'topk_ids');
    const y = tensorOf(outputs, 'y');
    const [experts = 0, hidden = 0] = weight.layout.shape;
    const [, topk = 0, inter = 0] = h.layout.shape;
    const routed = routeTokens(run, experts, topkIds, tensorOf(operands, 'topk_weights'), [
      ...activationBytes(elementBits(h.type), topk * inter),
      ...secondStageBytes(topk, hidden),
    ]);
    const stage = {
      stage: 2,
      scheme: moeScheme(OP, params),
      x: h,
      xScale: operands.h_scale,
      weight,
      weightScale: tensorOf(operands, 'w2_scale'),
      bias: operands.w2_bias,
    } as const;
    await run.dispatch(...routed.calls, ...secondStageCalls(run, stage, routed, topkIds, y));
  },
};
