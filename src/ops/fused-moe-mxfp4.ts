import { decodeArray } from '../formats/decode.ts';
import { encodeArray } from '../formats/encode.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireShape, requireType } from '../tensor/expect.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32, asI32, asU16 } from '../tensor/views.ts';
import type { ErrorBound, OpDefinition } from './op.ts';
import { routesByExpert } from './shared/expert-linear.ts';
import {
  checkFusedMoe,
  type FusedMoeInput,
  type FusedMoeOperands,
  type FusedMoeOptional,
} from './shared/fused-moe-plan.ts';
import { storedAs } from './shared/groups-output.ts';
import { bf16Input, elementOf, quantizedInput, type UncertainInput } from './shared/moe-input.ts';
import { type FusedMoeParams, moeActivation, moeQuantMode, moeScheme } from './shared/moe-params.ts';
import {
  type FirstStage,
  firstStage,
  firstStageBound,
  type SecondStage,
  secondStage,
  secondStageBound,
} from './shared/moe-stages.ts';
import { uncertainBf16, uncertainQuantized } from './shared/moe-uncertain-input.ts';

const OP = 'fused_moe_mxfp4';

/**
 * Both matrix multiplications of a mixture of experts with MXFP4 weights.
 *
 * For each token t and slot s with expert e = topk_ids[t, s]:
 * `z = q(x[t]) @ w1[e].T + w1_bias[e]`, `h[t, s] = bf16(act(z[:I], z[I:]))`, and
 * `y[t] = bf16(sum_s topk_weights[t, s] * (q(h[t, s]) @ w2[e].T + w2_bias[e]))`. q is nothing in scheme a16w4; it quantises in
 * blocks of 32 as `mxfp8_quant` (a8w4) or `mxfp4_quant` (a4w4) with mode `quantMode`. In a8w4 only RoundUp and Ceil keep every
 * element in the range of e4m3fn: what is beyond becomes NaN, as in `mxfp8_quant`.
 *
 * x is bf16 [T, H]; w1 e2m1 [E, 2 I, H] with w1_scale in the layouts that `moe_stage1_mxfp4` reads, w2 e2m1 [E, H, I] with w2_scale in
 * those of `moe_stage2_mxfp4`; biases f32 [E, rows], optional, that of w1 separated; topk_ids i32 and topk_weights f32 [T, topk].
 * Outputs: h bf16 [T, topk, I], before it is quantised, and y bf16 [T, H]. Routes to experts outside 0 .. E - 1 (expert parallelism)
 * contribute zero.
 */
export const fusedMoeMxfp4: OpDefinition<FusedMoeParams, FusedMoeInput, 'h' | 'y', FusedMoeOptional> = {
  name: OP,
  summary: 'two-stage mixture of experts with MXFP4 weights',
  source: 'AITER aiter/fused_moe.py torch_moe_stage1 and torch_moe_stage2',
  inputs: ['x', 'w1', 'w1_scale', 'w2', 'w2_scale', 'topk_ids', 'topk_weights'],
  optional: ['w1_bias', 'w2_bias'],
  outputs: ['h', 'y'],
  plan(params, operands) {
    moeScheme(OP, params);
    moeQuantMode(OP, params);
    moeActivation(OP, params);
    const { tokens, topk, inter, hidden } = checkFusedMoe(OP, operands);
    return {
      h: { name: 'h', type: 'bf16', layout: rowMajor([tokens, topk, inter]) },
      y: { name: 'y', type: 'bf16', layout: rowMajor([tokens, hidden]) },
    };
  },
  reference(params, operands) {
    const { h, y } = fusedMoeMxfp4.plan(params, operands);
    const { first, second } = fusedStages(params, operands);
    const codes = encodeArray('bf16', firstStage(first));
    const input = fusedStageInput(params, decodeArray('bf16', codes), h.layout.shape.at(-1) ?? 1);
    return { h: storedAs(h, codes), y: storedAs(y, encodeArray('bf16', secondStage(second(input)))) };
  },
  bound(params, operands) {
    fusedMoeMxfp4.plan(params, operands);
    const { first, second } = fusedStages(params, operands);
    const h = firstStageBound(first);
    return { h, y: secondStageBound(second(uncertainH(params, h, first.product.weight.rows / 2))) };
  },
};

/**
 * The bound of y for an implementation whose h is known. Far tighter than that of the op for large sizes, where nearly every h may be
 * one bf16 code off: hold an implementation's h against the op's bound, and its y against this one.
 *
 * @param h bf16 [T, topk, I], as the implementation returned it
 * @throws OperandError, ParameterError, LayoutMismatchError
 */
export function fusedMoeBoundGivenH(params: FusedMoeParams, operands: FusedMoeOperands, h: Tensor): ErrorBound {
  const { layout } = fusedMoeMxfp4.plan(params, operands).h;
  requireType(OP, h, 'bf16');
  requireShape(OP, h, layout.shape, 'T, topk, I');
  requireLayout(OP, h, layout);
  const input = fusedStageInput(params, decodeArray('bf16', asU16(h)), layout.shape.at(-1) ?? 1);
  return secondStageBound(fusedStages(params, operands).second(input));
}

/** Both stages of checked operands; the second from what it reads as h. */
export function fusedStages(
  params: FusedMoeParams,
  operands: FusedMoeOperands,
): { readonly first: FirstStage; readonly second: (h: UncertainInput) => SecondStage } {
  const { w1, w2, tokens, topk, experts, hidden } = checkFusedMoe(OP, operands);
  const routed = { routes: routesByExpert(asI32(operands.topk_ids), experts), count: tokens * topk };
  const input = fusedStageInput(params, decodeArray('bf16', asU16(operands.x)), hidden);
  return {
    first: {
      product: { ...routed, input, rowOf: (route) => Math.floor(route / topk), weight: w1 },
      activation: moeActivation(OP, params),
    },
    second: (h) => ({
      product: { ...routed, input: h, rowOf: (route) => route, weight: w2 },
      topk,
      topkWeights: asF32(operands.topk_weights),
    }),
  };
}

/** x or h, bf16 [rows, columns], as the multiplication reads it. */
export function fusedStageInput(params: FusedMoeParams, bf16: Float32Array, columns: number): UncertainInput {
  const scheme = moeScheme(OP, params);
  if (scheme === 'a16w4') return bf16Input(bf16, columns);
  return quantizedInput(bf16, columns, elementOf(scheme), moeQuantMode(OP, params));
}

function uncertainH(params: FusedMoeParams, h: ErrorBound, columns: number): UncertainInput {
  const scheme = moeScheme(OP, params);
  if (scheme === 'a16w4') return uncertainBf16(h, columns);
  return uncertainQuantized(h, columns, elementOf(scheme), moeQuantMode(OP, params));
}
