import { OperandError, ParameterError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireRank } from '../tensor/expect.ts';
import type { ErrorBound, OpDefinition, Operands } from './op.ts';
import { F32_MIN_NORMAL, sumError } from './shared/gemm-bound.ts';
import { storedAs } from './shared/groups-output.ts';
import { requireChoice, requireCount } from './shared/groups-rules.ts';
import { floatValues, requireRows } from './shared/rows.ts';

const OP = 'topk_softmax';

/** `softmax-topk`: softmax over all experts, then the largest. `topk-softmax` (GPT-OSS): softmax over the kept logits. */
export type RoutingOrder = 'softmax-topk' | 'topk-softmax';

export const ROUTING_ORDERS: readonly RoutingOrder[] = ['softmax-topk', 'topk-softmax'];

export interface TopkSoftmaxParams {
  /** Experts that each token is sent to. */
  readonly topk: number;
  /** Divide the kept weights by their sum. Default true. Without effect where the order is `topk-softmax`: their sum is 1. */
  readonly renormalize?: boolean;
  /** Default `softmax-topk`. */
  readonly order?: RoutingOrder;
}

/**
 * Chooses the experts of each token from router logits [T, E] (f32, bf16 or f16): ids i32 [T, topk] by descending logit, the
 * lowest expert id where logits are equal, and weights f32 [T, topk].
 *
 * A NaN logit ranks above all others, as in torch, so that the weights of its token are NaN and not silently wrong.
 */
export const topkSoftmax: OpDefinition<TopkSoftmaxParams, 'logits', 'weights' | 'ids'> = {
  name: OP,
  summary: 'softmax routing: the experts of each token and their weights',
  source: 'AITER csrc/kernels/topk_softmax_kernels.cu; gpt-oss gpt_oss/torch/model.py',
  inputs: ['logits'],
  outputs: ['weights', 'ids'],
  plan(params, operands) {
    const { tokens, topk } = checked(params, operands);
    return {
      weights: { name: 'weights', type: 'f32', layout: rowMajor([tokens, topk]) },
      ids: { name: 'ids', type: 'i32', layout: rowMajor([tokens, topk]) },
    };
  },
  reference(params, operands) {
    const spec = topkSoftmax.plan(params, operands);
    const { ids, exact } = route(params, operands);
    return { weights: storedAs(spec.weights, Float32Array.from(exact)), ids: storedAs(spec.ids, ids) };
  },
  bound(params, operands) {
    topkSoftmax.plan(params, operands);
    const { exact, error } = route(params, operands);
    return { weights: { exact, error } };
  },
};

interface Checked {
  readonly tokens: number;
  readonly experts: number;
  readonly topk: number;
  readonly order: RoutingOrder;
  readonly renormalize: boolean;
}

function checked(params: TopkSoftmaxParams, operands: Operands<'logits'>): Checked {
  const topk = requireCount(OP, 'topk', params.topk);
  const order = requireChoice(OP, 'order', params.order ?? 'softmax-topk', ROUTING_ORDERS);
  const { renormalize = true } = params;
  if (typeof renormalize !== 'boolean')
    throw new ParameterError(OP, 'renormalize', `is ${JSON.stringify(renormalize)}, expected true or false.`);
  const { tensor, rows: tokens, columns: experts } = requireRows(OP, operands, 'logits');
  requireRank(OP, tensor, 2, 2, 'T, E');
  if (topk > experts)
    throw new OperandError(
      OP,
      tensor.name,
      `has logits of ${experts} experts [${tokens}, ${experts}], but topk is ${topk}. A token cannot be sent to more.`,
    );
  return { tokens, experts, topk, order, renormalize };
}

interface Routing extends ErrorBound {
  readonly ids: Int32Array;
}

function route(params: TopkSoftmaxParams, operands: Operands<'logits'>): Routing {
  const { tokens, experts, topk, order, renormalize } = checked(params, operands);
  const logits = floatValues(operands.logits);
  const ids = new Int32Array(tokens * topk);
  const exact = new Float64Array(tokens * topk);
  const error = new Float64Array(tokens * topk);
  for (let token = 0; token < tokens; token += 1) {
    const row = logits.subarray(token * experts, (token + 1) * experts);
    const kept = largest(row, topk);
    const members = order === 'softmax-topk' && !renormalize ? row : kept.map((expert) => row[expert] as number);
    const top = row[kept[0] as number] as number;
    const weights = softmaxAmong(
      kept.map((expert) => row[expert] as number),
      members,
      top,
    );
    kept.forEach((expert, slot) => {
      const index = token * topk + slot;
      ids[index] = expert;
      exact[index] = weights[slot] as number;
      error[index] = weightError(exact[index] as number, (row[expert] as number) - top, experts);
    });
  }
  return { ids, exact, error };
}

/** Softmax weights of some logits among `members`; `top`, the largest of all, is subtracted first. */
export function softmaxAmong(logits: ArrayLike<number>, members: ArrayLike<number>, top: number): readonly number[] {
  const sum = Array.from(members).reduce((total, logit) => total + Math.exp(logit - top), 0);
  return Array.from(logits, (logit) => Math.exp(logit - top) / sum);
}

/** Indices of the largest logits, largest first; NaN before all numbers, equal ones by index. */
function largest(row: Float32Array, count: number): readonly number[] {
  const byLogit = (a: number, b: number): number => {
    const [x, y] = [row[a] as number, row[b] as number];
    const nanFirst = Number(Number.isNaN(y)) - Number(Number.isNaN(x));
    return nanFirst || (x === y || Number.isNaN(x) ? a - b : y - x);
  };
  return Array.from(row, (_, index) => index)
    .sort(byLogit)
    .slice(0, count);
}

/**
 * How far a float32 weight may lie from the exact one. WGSL's exp may be 3 + 2 |x| ulp off, and its argument has a rounding of its
 * own (twice that where exp is computed as a power of two); the error of the sums is at most that of their largest term, 0 ulp
 * from its argument, plus what terms below it add, x * exp(-x) <= 0.37 of an error each. Softmax over all experts followed by
 * renormalisation has two sums and two divisions of up to 2.5 ulp.
 */
function weightError(weight: number, distance: number, experts: number): number {
  if (!Number.isFinite(weight)) return 0;
  const ulp = 2 ** -23;
  const own = Math.min(distance === Number.NEGATIVE_INFINITY ? 0 : -distance, 120);
  const relative = (2 * (3 + 4) + 4 * own + 16) * ulp + 2 * sumError(experts, 4);
  return weight * relative + 4 * experts * F32_MIN_NORMAL;
}
