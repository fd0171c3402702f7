import type { MoeScheme } from '../../../src/ops/shared/moe-params.ts';
import type { HipTensor, OpRun } from './kernel.ts';
import { sortRoutes } from './moe-sort.ts';
import { type MoeTile, moeTile } from './moe-tiles.ts';

/** Routes sorted by expert, for both stages. */
export interface RoutedTokens {
  readonly tile: MoeTile;
  readonly tokens: number;
  readonly topk: number;
  readonly experts: number;
  /** No more blocks than these are in use; how many are is known on the device only. */
  readonly blocks: number;
  /** Addresses of what moe_sorting gives. */
  readonly ids: bigint;
  readonly weights: bigint;
  readonly blockExperts: bigint;
  readonly valid: bigint;
  /** Of the routes as they were given. */
  readonly topkIds: bigint;
}

/** @param topkWeights left out where the stage does not weight */
export async function routeTokens(
  run: OpRun,
  scheme: MoeScheme,
  experts: number,
  topkIds: HipTensor,
  topkWeights: HipTensor | undefined,
): Promise<RoutedTokens> {
  const [tokens = 0, topk = 0] = topkIds.layout.shape;
  const routes = tokens * topk;
  const tile = moeTile(scheme, routes, experts);
  const blocks = blocksFor(tile, routes, experts);
  const rows = blocks * tile.rows;
  const words = (count: number, label: string): bigint => run.address(run.scratch(count * 4, label, { zeroed: false }));
  const routed: RoutedTokens = {
    tile,
    tokens,
    topk,
    experts,
    blocks,
    ids: words(rows, 'sorted routes'),
    weights: words(rows, 'sorted weights'),
    blockExperts: words(blocks, 'experts of blocks'),
    valid: words(2, 'rows in use'),
    topkIds: run.address(topkIds.buffer),
  };
  const problem = { tokens, topk, experts, blockRows: tile.rows, padding: ((topk << 24) | tokens) >>> 0, rows, blocks };
  await sortRoutes(run, problem, {
    topkIds: routed.topkIds,
    topkWeights: topkWeights === undefined ? routed.topkIds : run.address(topkWeights.buffer),
    ids: routed.ids,
    weights: routed.weights,
    blockExperts: routed.blockExperts,
    valid: routed.valid,
  });
  return routed;
}

/** Every expert in use may have a block that is not full. */
export function blocksFor({ rows }: MoeTile, routes: number, experts: number): number {
  return Math.floor((routes + Math.min(experts, routes) * (rows - 1)) / rows);
}
