import type { OpParams } from '../src/ops/registry.ts';
import type { TensorSpec } from '../src/tensor/tensor.ts';

/** A sort of routes by expert, as both GPU backends run it. */
export interface SortProblem {
  /** Rows of topk_ids to sort. */
  readonly tokens: number;
  readonly topk: number;
  readonly experts: number;
  readonly blockRows: number;
  /** In rows without a route. */
  readonly padding: number;
  /** Lengths of the results: of sorted ids and weights, and of the expert of each block. */
  readonly rows: number;
  readonly blocks: number;
  /** As `expert_mask` of `moe_sorting`. */
  readonly mask?: readonly number[] | undefined;
}

/** The sort that `moe_sorting` asks for. Rows without a route hold slot topk of token T. */
export function sortProblemOf(
  params: OpParams<'moe_sorting'>,
  topkIds: TensorSpec,
  ids: TensorSpec,
  blockExperts: TensorSpec,
): SortProblem {
  const [tokens = 0, topk = 0] = topkIds.layout.shape;
  return {
    tokens: params.num_local_tokens ?? tokens,
    topk,
    experts: params.experts,
    blockRows: params.block_m,
    padding: (topk << 24) | tokens,
    rows: ids.layout.size,
    blocks: blockExperts.layout.size,
    mask: params.expert_mask,
  };
}
