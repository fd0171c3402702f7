import type { MxScaleMode } from '../../../src/formats/mx-scale.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { type MoeScheme, moeActivation, moeQuantMode, moeScheme } from '../../../src/ops/shared/moe-params.ts';
import { mxRule } from '../../quant-rule.ts';
import { type HipKernel, type HipTensor, type OpRun, tensorOf } from './kernel.ts';
import { routeTokens } from './moe-routes.ts';
import { firstStage, type MoeTokens, STAGE_OBJECTS, secondStage, stageSupport } from './moe-stages.ts';
import { downWeights, gateUpWeights } from './moe-weights.ts';
import { matrixOf, quantise } from './quant-calls.ts';

const OP = 'fused_moe_mxfp4';

/** Columns that share a scale. */
const BLOCK = 32;

const CODES = {
  a8w4: { type: 'e4m3fn', bits: 8 },
  a4w4: { type: 'e2m1', bits: 4 },
} as const;

/** Both stages in one run, with one sort; tokens are quantised before each where the scheme wants it. */
export const fusedMoeMxfp4: HipKernel<typeof OP> = {
  op: OP,
  objects: [...new Set([...STAGE_OBJECTS.first, ...STAGE_OBJECTS.second, 'quant'])],
  supports(_params, { x, w1, w2, topk_ids }) {
    const [tokens = 0, topk = 0] = topk_ids?.layout.shape ?? [];
    const [, , inter = 0] = w2?.layout.shape ?? [];
    return stageSupport(topk_ids, [x], [w1, w2], tokens * topk * inter * 2);
  },
  async run(run, params, operands, outputs) {
    const scheme = moeScheme(OP, params);
    const mode = moeQuantMode(OP, params);
    const [w1, w2] = [tensorOf(operands, 'w1'), tensorOf(operands, 'w2')];
    const [h, y] = [tensorOf(outputs, 'h'), tensorOf(outputs, 'y')];
    if (y.layout.size === 0) return;
    const [experts = 0, rows = 0, hidden = 0] = w1.layout.shape;
    const topkWeights = tensorOf(operands, 'topk_weights');
    const routed = await routeTokens(run, scheme, experts, tensorOf(operands, 'topk_ids'), topkWeights);
    const gateUp = {
      tokens: await tokensOf(run, scheme, mode, tensorOf(operands, 'x')),
      weights: await gateUpWeights(run, w1, tensorOf(operands, 'w1_scale')),
      bias: operands['w1_bias'],
      rows,
      columns: hidden,
      activation: moeActivation(OP, params),
    };
    await firstStage(run, gateUp, routed, h.buffer);
    const down = {
      tokens: await tokensOf(run, scheme, mode, h),
      weights: await downWeights(run, w2, tensorOf(operands, 'w2_scale')),
      bias: operands['w2_bias'],
      rows: hidden,
      columns: rows / 2,
    };
    await secondStage(run, down, routed, y.buffer);
  },
};

/** bf16 tokens as the scheme wants them: as they are, or codes and scales in scratch memory. */
async function tokensOf(run: OpRun, scheme: MoeScheme, mode: MxScaleMode, source: HipTensor): Promise<MoeTokens> {
  if (scheme === 'a16w4') return { scheme, codes: source.buffer, scales: undefined };
  const { type, bits } = CODES[scheme];
  const { rows, columns } = matrixOf(source);
  const codes = run.scratch((rows * columns * bits) / 8, `${source.name} codes`, { zeroed: false });
  const scales = run.scratch((rows * columns) / BLOCK, `${source.name} scales`, { zeroed: false });
  await quantise(run, {
    source: 'bf16',
    x: source.buffer,
    y: codes,
    scale: scales,
    grid: rowGroups(rows, columns, BLOCK),
    rule: mxRule(type, mode, 'torch'),
    byteScales: true,
    strides: { down: columns / BLOCK, right: 1 },
  });
  return { scheme, codes, scales };
}
