import type { MxScaleMode } from '../../../src/formats/mx-scale.ts';
import { rowMajor } from '../../../src/layout/plain.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { type MoeScheme, moeActivation, moeQuantMode, moeScheme } from '../../../src/ops/shared/moe-params.ts';
import { mxRule } from '../../quant-rule.ts';
import { type GpuTensor, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';
import { routeTokens } from './moe-routing.ts';
import { stageSupport } from './moe-stage-calls.ts';
import { activationBytes, firstStageCalls, secondStageBytes, secondStageCalls } from './moe-stages.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';

const OP = 'fused_moe_mxfp4';

/** Columns that share a scale. */
const BLOCK = 32;

const CODES = {
  a8w4: { type: 'e4m3fn', bits: 8 },
  a4w4: { type: 'e2m1', bits: 4 },
} as const;

/** Both stages in one run, with one sort; activations are quantised before each where the scheme wants it. */
export const fusedMoeMxfp4: WebGpuKernel<typeof OP> = {
  op: OP,
  supports: (_params, { topk_ids, w1, w1_scale, w2, w2_scale }) =>
    stageSupport(topk_ids, [w1, w2], [w1_scale, w2_scale]),
  async run(run, params, operands, outputs) {
    const scheme = moeScheme(OP, params);
    const mode = moeQuantMode(OP, params);
    const topkIds = tensorOf(operands, 'topk_ids');
    const w1 = tensorOf(operands, 'w1');
    const h = tensorOf(outputs, 'h');
    const y = tensorOf(outputs, 'y');
    if (y.layout.size === 0) return;
    const [experts = 0, , hidden = 0] = w1.layout.shape;
    const [, topk = 0, inter = 0] = h.layout.shape;
    // bf16 activations take the most bytes, and h is bf16 in every scheme.
    const routed = routeTokens(run, experts, topkIds, tensorOf(operands, 'topk_weights'), [
      ...activationBytes(16, hidden),
      ...activationBytes(16, topk * inter),
      ...secondStageBytes(topk, hidden),
    ]);
    const gateUp = {
      stage: 1,
      scheme,
      activation: moeActivation(OP, params),
      ...(await activations(run, scheme, mode, tensorOf(operands, 'x'))),
      weight: w1,
      weightScale: tensorOf(operands, 'w1_scale'),
      bias: operands.w1_bias,
    } as const;
    const first = [...routed.calls, ...firstStageCalls(run, gateUp, routed, h)];
    if (scheme !== 'a16w4') await run.dispatch(...first.splice(0));
    const down = {
      stage: 2,
      scheme,
      ...(await activations(run, scheme, mode, h)),
      weight: tensorOf(operands, 'w2'),
      weightScale: tensorOf(operands, 'w2_scale'),
      bias: operands.w2_bias,
    } as const;
    await run.dispatch(...first, ...secondStageCalls(run, down, routed, topkIds, y));
  },
};

/** bf16 activations as the scheme wants them: as they are, or codes and scales in scratch memory. */
async function activations(
  run: OpRun,
  scheme: MoeScheme,
  mode: MxScaleMode,
  source: GpuTensor,
): Promise<{ readonly x: GpuTensor; readonly xScale: GpuTensor | undefined }> {
  if (scheme === 'a16w4') return { x: source, xScale: undefined };
  const { type, bits } = CODES[scheme];
  const matrix = matrixOf(source);
  const { rows, columns } = matrix;
  const x: GpuTensor = {
    backend: 'webgpu',
    name: `${source.name} codes`,
    type,
    layout: source.layout,
    array: run.scratch((rows * columns * bits) / 8, `${source.name} codes`),
  };
  const xScale: GpuTensor = {
    backend: 'webgpu',
    name: `${source.name} scale`,
    type: 'e8m0',
    layout: rowMajor([rows, columns / BLOCK]),
    array: run.scratch((rows * columns) / BLOCK, `${source.name} scale`),
  };
  await quantiseBlocks(run, matrix, rowGroups(rows, columns, BLOCK), mxRule(type, mode, 'torch'), {
    y: x,
    scale: xScale,
  });
  return { x, xScale };
}
