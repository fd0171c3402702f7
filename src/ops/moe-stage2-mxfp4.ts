import { encodeArray } from '../formats/encode.ts';
import { rowMajor } from '../layout/plain.ts';
import { asF32, asI32 } from '../tensor/views.ts';
import type { OpDefinition, Operands } from './op.ts';
import { routesByExpert } from './shared/expert-linear.ts';
import { storedAs } from './shared/groups-output.ts';
import { readInput } from './shared/moe-input.ts';
import { checkActivations, checkTopk, checkTopkWeights, downWeight, type MoeWeight } from './shared/moe-operands.ts';
import { type MoeSchemeParams, moeScheme } from './shared/moe-params.ts';
import { type SecondStage, secondStage, secondStageBound } from './shared/moe-stages.ts';

const OP = 'moe_stage2_mxfp4';

export type MoeStage2Params = MoeSchemeParams;

type Input = 'h' | 'w2' | 'w2_scale' | 'topk_ids' | 'topk_weights';
type Optional = 'h_scale' | 'w2_bias';

/**
 * Second multiplication of a mixture of experts with MXFP4 weights, and the sum over the slots:
 * `y[t] = bf16(sum_s topk_weights[t, s] * (h[t, s] @ w2[e].T + w2_bias[e]))` with e = topk_ids[t, s].
 *
 * - h [T, topk, I], row-major: bf16 (scheme a16w4), or e4m3fn (a8w4) or e2m1 (a4w4) codes with h_scale e8m0 [T, topk, I / 32].
 * - w2 e2m1 [E, H, I] and w2_scale e8m0: both row-major ([E, H, I / 32]), or `shuffleWeight` (bits 4) with `shuffleScale`
 *   ([E * H, I / 32]). There are no gate and up rows, so that the guinterleave shuffles have the same bytes.
 * - w2_bias f32 [E, H], optional. It is weighted, and added once a route.
 * - topk_ids i32 and topk_weights f32 [T, topk]. Routes to experts outside 0 .. E - 1 (expert parallelism) contribute 0.
 *
 * The result is bf16 [T, H]. A scale byte of 255 is NaN.
 */
export const moeStage2Mxfp4: OpDefinition<MoeStage2Params, Input, 'y', Optional> = {
  name: OP,
  summary: 'down multiplication and weighted sum of a mixture of experts with MXFP4 weights',
  source: 'AITER aiter/fused_moe.py torch_moe_stage2',
  inputs: ['h', 'w2', 'w2_scale', 'topk_ids', 'topk_weights'],
  optional: ['h_scale', 'w2_bias'],
  outputs: ['y'],
  plan(params, operands) {
    const { tokens, w2 } = checked(params, operands);
    return { y: { name: 'y', type: 'bf16', layout: rowMajor([tokens, w2.rows]) } };
  },
  reference(params, operands) {
    const { y } = moeStage2Mxfp4.plan(params, operands);
    return { y: storedAs(y, encodeArray('bf16', secondStage(secondStageOf(params, operands)))) };
  },
  bound(params, operands) {
    return { y: secondStageBound(secondStageOf(params, operands)) };
  },
};

interface Checked {
  readonly w2: MoeWeight;
  readonly tokens: number;
  readonly topk: number;
}

function checked(params: MoeStage2Params, operands: Operands<Input, Optional>): Checked {
  const h = checkActivations(OP, operands, 'h', moeScheme(OP, params), 'T, topk, I');
  const [tokens = 0, topk = 0, inter = 0] = h.layout.shape;
  const w2 = downWeight(OP, operands, 'w2', [undefined, undefined, inter], `E, H, I = ${inter} of h`);
  checkTopk(OP, operands, w2.experts, [tokens, topk], 'T, topk of h');
  checkTopkWeights(OP, operands, [tokens, topk]);
  return { w2, tokens, topk };
}

/** The stage of checked operands. */
export function secondStageOf(params: MoeStage2Params, operands: Operands<Input, Optional>): SecondStage {
  const { w2: weight, tokens, topk } = checked(params, operands);
  return {
    product: {
      input: readInput(moeScheme(OP, params), operands.h, operands.h_scale),
      rowOf: (route) => route,
      routes: routesByExpert(asI32(operands.topk_ids), weight.experts),
      count: tokens * topk,
      weight,
    },
    topk,
    topkWeights: asF32(operands.topk_weights),
  };
}
