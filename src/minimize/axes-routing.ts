import { range } from '../diagnosis/take.ts';
import { type Axis, type AxisTable, axis } from './axis.ts';
import { busyExperts, mergeRoutes } from './routes.ts';

interface SortingParams {
  readonly experts: number;
  readonly expert_mask?: readonly number[];
  readonly num_local_tokens?: number;
}

const SORTING_EXPERTS: Axis = {
  name: 'experts',
  size: ({ params }) => (params as SortingParams).experts,
  unit: () => 1,
  least: 1,
  applies: (call) => SORTING_EXPERTS.size(call) > 1,
  take(call, kept) {
    const ids = call.operands['topk_ids'];
    const params = call.params as SortingParams;
    const merged = ids === undefined ? undefined : mergeRoutes(ids, kept, params.experts);
    if (merged === undefined) return undefined;
    const { expert_mask: mask } = params;
    const left = mask === undefined ? {} : { expert_mask: kept.map((expert) => mask[expert] ?? 0) };
    return {
      ...call,
      params: { ...params, experts: kept.length, ...left },
      operands: { ...call.operands, topk_ids: merged },
    };
  },
  first: (call) => [busyExperts(call.operands['topk_ids'], SORTING_EXPERTS.size(call))],
  shows: [],
};

const MOE_SORTING: readonly Axis[] = [
  axis({
    name: 'tokens',
    of: ['topk_ids', 0],
    follow: { topk_ids: { dim: 0 }, topk_weights: { dim: 0 } },
    params: (params, tokens) => {
      const { num_local_tokens: local } = params as Partial<SortingParams>;
      return local === undefined
        ? params
        : { ...params, num_local_tokens: tokens.filter((token) => token < local).length };
    },
  }),
  axis({ name: 'topk', of: ['topk_ids', 1], follow: { topk_ids: { dim: 1 }, topk_weights: { dim: 1 } } }),
  SORTING_EXPERTS,
];

/** How many experts a token is sent to, which is a parameter: any that are left mean the first ones. */
const ROUTING_TOPK: Axis = {
  name: 'topk',
  size: ({ params }) => (params as { readonly topk: number }).topk,
  unit: () => 1,
  least: 1,
  applies: (call) => ROUTING_TOPK.size(call) > 1,
  take: (call, kept) => ({ ...call, params: { ...call.params, topk: kept.length } }),
  first: (call) => [range(1), range(Math.max(1, ROUTING_TOPK.size(call) - 1))],
  shows: [],
};

const TOPK_SOFTMAX: readonly Axis[] = [
  axis({
    name: 'tokens',
    of: ['logits', 0],
    follow: { logits: { dim: 0 } },
    shows: [
      ['weights', 0],
      ['ids', 0],
    ],
  }),
  ROUTING_TOPK,
  axis({ name: 'experts', of: ['logits', 1], follow: { logits: { dim: 1 } } }),
];

export const ROUTING_AXES: AxisTable = {
  moe_sorting: () => MOE_SORTING,
  topk_softmax: () => TOPK_SOFTMAX,
};
