import { decodeArray } from '../formats/decode.ts';
import { encodeArray } from '../formats/encode.ts';
import { rowMajor } from '../layout/plain.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import { asF32, asI32, asU16 } from '../tensor/views.ts';
import type { ErrorBound, OpDefinition } from './op.ts';
import { activate, activationError, type GatedActivation } from './shared/activation.ts';
import { type ExpertWeight, expertLinear, expertWeight, routesByExpert } from './shared/expert-linear.ts';
import {
  checkFusedMoe,
  type FusedMoeInput,
  type FusedMoeOperands,
  type FusedMoeOptional,
  type FusedMoeParams,
  type FusedMoeSizes,
  fusedMoeActivation,
} from './shared/fused-moe-plan.ts';
import { F32_MIN_NORMAL, sumError } from './shared/gemm-bound.ts';

const OP = 'fused_moe_mxfp4';

/**
 * Both matrix multiplications of a mixture of experts with MXFP4 weights and bf16 activations (a16w4).
 *
 * For each token t and slot s with expert e = topk_ids[t, s]:
 * `z = x[t] @ w1[e].T + w1_bias[e]`, `h[t, s] = bf16(act(z[:I], z[I:]))`, and
 * `y[t] = bf16(sum_s topk_weights[t, s] * (h[t, s] @ w2[e].T + w2_bias[e]))`.
 *
 * x is bf16 [T, H]; w1 e2m1 [E, 2I, H] with the I gate rows before the I up rows; w2 e2m1 [E, H, I]; scales e8m0, one
 * for 32 columns; biases f32 [E, rows], optional; topk_ids i32 and topk_weights f32 [T, topk]. All row-major. Outputs: h
 * bf16 [T, topk, I] and y bf16 [T, H]. Routes to experts outside 0 .. E - 1 (expert parallelism) contribute zero.
 */
export const fusedMoeMxfp4: OpDefinition<FusedMoeParams, FusedMoeInput, 'h' | 'y', FusedMoeOptional> = {
  name: OP,
  summary: 'two-stage mixture of experts with MXFP4 weights',
  source: 'AITER aiter/fused_moe.py torch_moe_stage1 and torch_moe_stage2',
  inputs: ['x', 'w1', 'w1_scale', 'w2', 'w2_scale', 'topk_ids', 'topk_weights'],
  optional: ['w1_bias', 'w2_bias'],
  outputs: ['h', 'y'],
  plan(params, operands) {
    fusedMoeActivation(OP, params);
    const { tokens, topk, inter, hidden } = checkFusedMoe(OP, operands);
    return {
      h: { name: 'h', type: 'bf16', layout: rowMajor([tokens, topk, inter]) },
      y: { name: 'y', type: 'bf16', layout: rowMajor([tokens, hidden]) },
    };
  },
  reference(params, operands) {
    const { h, y } = fusedMoeMxfp4.plan(params, operands);
    const problem = readProblem(params, operands);
    const hCodes = encodeArray('bf16', firstStage(problem));
    const sums = secondStage(problem, decodeArray('bf16', hCodes));
    return {
      h: tensor(h.name, h.type, h.layout, asBytes(hCodes)),
      y: tensor(y.name, y.type, y.layout, asBytes(encodeArray('bf16', sums))),
    };
  },
  bound(params, operands) {
    fusedMoeMxfp4.plan(params, operands);
    const problem = readProblem(params, operands);
    const h = firstStageBound(problem);
    return { h, y: secondStageBound(problem, h) };
  },
};

interface Problem {
  readonly sizes: FusedMoeSizes;
  readonly activation: GatedActivation;
  readonly x: Float32Array;
  readonly w1: ExpertWeight;
  readonly w2: ExpertWeight;
  readonly routes: readonly (readonly number[])[];
  readonly topkWeights: Float32Array;
}

function readProblem(params: FusedMoeParams, operands: FusedMoeOperands): Problem {
  const sizes = checkFusedMoe(OP, operands);
  return {
    sizes,
    activation: fusedMoeActivation(OP, params),
    x: decodeArray('bf16', asU16(operands.x)),
    w1: expertWeight(operands.w1, operands.w1_scale, operands.w1_bias),
    w2: expertWeight(operands.w2, operands.w2_scale, operands.w2_bias),
    routes: routesByExpert(asI32(operands.topk_ids), sizes.experts),
    topkWeights: asF32(operands.topk_weights),
  };
}

/** Gate and up sums of every route, before the activation: [T * topk, 2I]. */
function gateUpSums(problem: Problem, magnitudes: boolean): Float64Array {
  const { sizes, x, w1, routes } = problem;
  const { tokens, topk } = sizes;
  const input = magnitudes ? x.map(Math.abs) : x;
  return expertLinear(input, (route) => Math.floor(route / topk), routes, tokens * topk, w1, { magnitudes });
}

/** The exact h, before its rounding to bf16. */
function firstStage(problem: Problem): Float64Array {
  const { inter } = problem.sizes;
  return activated(problem, gateUpSums(problem, false), (gate, up) => activate(problem.activation, gate, up), inter);
}

/** Applies a function of the indices of gate and up to every element of h. Dropped routes stay 0. */
function activated(
  problem: Problem,
  sums: Float64Array,
  compute: (gate: number, up: number, gateIndex: number, upIndex: number) => number,
  inter: number,
): Float64Array {
  const h = new Float64Array(sums.length / 2);
  for (const own of problem.routes) {
    for (const route of own) {
      const start = route * 2 * inter;
      for (let i = 0; i < inter; i += 1) {
        const gate = start + i;
        const up = gate + inter;
        h[route * inter + i] = compute(sums[gate] as number, sums[up] as number, gate, up);
      }
    }
  }
  return h;
}

function firstStageBound(problem: Problem): ErrorBound {
  const { hidden, inter } = problem.sizes;
  const sums = gateUpSums(problem, false);
  const magnitudes = gateUpSums(problem, true);
  const exact = activated(problem, sums, (gate, up) => activate(problem.activation, gate, up), inter);
  const gamma = sumError(hidden, 4);
  const off = (index: number): number => gamma * (magnitudes[index] as number) + hidden * F32_MIN_NORMAL;
  const error = activated(
    problem,
    sums,
    (gate, up, gateIndex, upIndex) => activationError(problem.activation, gate, up, off(gateIndex), off(upIndex)),
    inter,
  );
  return { exact, error: withoutNonFinite(exact, error) };
}

/** The weighted sum over the slots, before its rounding to bf16. */
function secondStage(problem: Problem, h: Float32Array): Float64Array {
  const { sizes, w2, routes } = problem;
  const perRoute = expertLinear(h, (route) => route, routes, sizes.tokens * sizes.topk, w2);
  return weighted(problem, perRoute, (weight) => weight);
}

/** `sum_s weight(topk_weights[t, s]) * perRoute[t, s]`, dropped routes left out. */
function weighted(problem: Problem, perRoute: Float64Array, weight: (value: number) => number): Float64Array {
  const { tokens, topk, hidden } = problem.sizes;
  const y = new Float64Array(tokens * hidden);
  const routed = new Set(problem.routes.flat());
  for (let route = 0; route < tokens * topk; route += 1) {
    if (!routed.has(route)) continue;
    const factor = weight(problem.topkWeights[route] as number);
    const start = Math.floor(route / topk) * hidden;
    for (let n = 0; n < hidden; n += 1)
      y[start + n] = (y[start + n] as number) + factor * (perRoute[route * hidden + n] as number);
  }
  return y;
}

/**
 * The second stage reads h as bf16. Where the exact h lies within its error of a tie, the neighbouring code is as
 * right as ours: the difference is an error of the input here, and passes through |w2|.
 */
function secondStageBound(problem: Problem, hBound: ErrorBound): ErrorBound {
  const { sizes, w2, routes } = problem;
  const { inter, topk, tokens } = sizes;
  const round = (offset: -1 | 0 | 1): Float32Array =>
    decodeArray(
      'bf16',
      encodeArray(
        'bf16',
        hBound.exact.map((value, i) => value + offset * (hBound.error[i] as number)),
      ),
    );
  const h = round(0);
  const low = round(-1);
  const high = round(1);
  const exact = secondStage(problem, h);

  const gamma = sumError(inter, topk + 6);
  const inputError = Float64Array.from(h, (value, i) => {
    const spread = Math.max((high[i] as number) - value, value - (low[i] as number));
    return spread + gamma * (Math.abs(value) + spread);
  });
  const biasError = { ...w2, bias: w2.bias?.map((value) => value * gamma) };
  const perRoute = expertLinear(inputError, (route) => route, routes, tokens * topk, biasError, { magnitudes: true });
  const flushed = inter * topk * F32_MIN_NORMAL;
  const error = weighted(problem, perRoute, Math.abs).map((value) => value + flushed);
  return { exact, error: withoutNonFinite(exact, error) };
}

/** Infinite and NaN results have no neighbourhood. */
function withoutNonFinite(exact: Float64Array, error: Float64Array): Float64Array {
  return error.map((value, i) => (Number.isFinite(exact[i] as number) ? value : 0));
}
