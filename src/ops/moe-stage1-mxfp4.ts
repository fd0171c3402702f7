import { encodeArray } from '../formats/encode.ts';
import { rowMajor } from '../layout/plain.ts';
import { asI32 } from '../tensor/views.ts';
import type { OpDefinition, Operands } from './op.ts';
import { routesByExpert } from './shared/expert-linear.ts';
import { storedAs } from './shared/groups-output.ts';
import { readInput } from './shared/moe-input.ts';
import { checkActivations, checkTopk, gateUpWeight, type MoeWeight } from './shared/moe-operands.ts';
import { type MoeActivationParams, type MoeSchemeParams, moeActivation, moeScheme } from './shared/moe-params.ts';
import { type FirstStage, firstStage, firstStageBound } from './shared/moe-stages.ts';

const OP = 'moe_stage1_mxfp4';

export interface MoeStage1Params extends MoeActivationParams, MoeSchemeParams {}

type Input = 'x' | 'w13' | 'w13_scale' | 'topk_ids';
type Optional = 'x_scale' | 'w13_bias';

/**
 * First multiplication of a mixture of experts with MXFP4 weights. For each token t and slot s with expert e = topk_ids[t, s]:
 * `z = x[t] @ w13[e].T + w13_bias[e]` and `h[t, s] = bf16(act(z[:I], z[I:]))`.
 *
 * - x [T, H], row-major: bf16 (scheme a16w4), or e4m3fn (a8w4) or e2m1 (a4w4) codes with x_scale e8m0 [T, H / 32].
 * - w13 e2m1 [E, 2 I, H] and w13_scale e8m0; logical rows are all gate rows, then all up rows. Both row-major, both
 *   `gateUpInterleaved` (checkpoint order), or both shuffled: `shuffleWeight` (bits 4) with `shuffleScale`, or `shuffleWeightGuinterleave`
 *   (gateUp) with `shuffleScaleGuinterleave` (gateUp). Scales are [E, 2 I, H / 32], shuffled ones [E * 2 I, H / 32].
 * - w13_bias f32 [E, 2 I], optional, separated whatever the weights are.
 * - topk_ids i32 [T, topk]. Routes to experts outside 0 .. E - 1 (expert parallelism) give 0.
 *
 * The result is bf16 [T, topk, I]. A scale byte of 255 is NaN. gelu is torch's default, with erf.
 */
export const moeStage1Mxfp4: OpDefinition<MoeStage1Params, Input, 'h', Optional> = {
  name: OP,
  summary: 'gate_up multiplication and activation of a mixture of experts with MXFP4 weights',
  source: 'AITER aiter/fused_moe.py torch_moe_stage1',
  inputs: ['x', 'w13', 'w13_scale', 'topk_ids'],
  optional: ['x_scale', 'w13_bias'],
  outputs: ['h'],
  plan(params, operands) {
    const { tokens, topk, w13 } = checked(params, operands);
    return { h: { name: 'h', type: 'bf16', layout: rowMajor([tokens, topk, w13.rows / 2]) } };
  },
  reference(params, operands) {
    const { h } = moeStage1Mxfp4.plan(params, operands);
    return { h: storedAs(h, encodeArray('bf16', firstStage(firstStageOf(params, operands)))) };
  },
  bound(params, operands) {
    return { h: firstStageBound(firstStageOf(params, operands)) };
  },
};

interface Checked {
  readonly w13: MoeWeight;
  readonly tokens: number;
  readonly topk: number;
}

function checked(params: MoeStage1Params, operands: Operands<Input, Optional>): Checked {
  const scheme = moeScheme(OP, params);
  moeActivation(OP, params);
  const x = checkActivations(OP, operands, 'x', scheme, 'T, H');
  const [tokens = 0, hidden = 0] = x.layout.shape;
  const w13 = gateUpWeight(OP, operands, 'w13', hidden);
  const { topk } = checkTopk(OP, operands, w13.experts, [tokens, undefined], `T = ${tokens} of x, topk`);
  return { w13, tokens, topk };
}

/** The stage of checked operands. */
export function firstStageOf(params: MoeStage1Params, operands: Operands<Input, Optional>): FirstStage {
  const { w13: weight, tokens, topk } = checked(params, operands);
  return {
    product: {
      input: readInput(moeScheme(OP, params), operands.x, operands.x_scale),
      rowOf: (route) => Math.floor(route / topk),
      routes: routesByExpert(asI32(operands.topk_ids), weight.experts),
      count: tokens * topk,
      weight,
    },
    activation: moeActivation(OP, params),
  };
}
