import { elementBits } from '../../../src/formats/element-type.ts';
import type { GatedActivation } from '../../../src/ops/shared/activation.ts';
import type { MoeScheme } from '../../../src/ops/shared/moe-params.ts';
import type { TensorSpec } from '../../../src/tensor/tensor.ts';
import type { Support } from '../../backend.ts';
import { argumentStruct } from '../args.ts';
import type { HipBuffer } from '../memory.ts';
import { ACTIVATION_FIELDS, activationValues } from './activation.ts';
import type { HipTensor, OpRun } from './kernel.ts';
import type { RoutedTokens } from './moe-routes.ts';
import { sortSupport } from './moe-sort.ts';
import type { MoeWeights } from './moe-weights.ts';

const THREADS = 256;
/** Columns that share a scale, and a tile's scales. */
const BLOCK = 32;
const TILE_SCALES = 8;
/** Bytes of the scales of 32 rows in a tile. */
const SCALE_WORDS = 256;

/** Offsets into weights of an expert and into tokens have 31 bits; from there on they mean nothing. */
const MOST_BYTES = 2 ** 31 - 1;
/** A sorted id has 24 bits for the token and 8 for the slot. */
const MOST_TOKENS = 2 ** 24 - 1;
const MOST_SLOTS = 255;

const NO_ACTIVATION: GatedActivation = { alpha: 0, offset: 0, limit: undefined };

const MoeStageArgs = argumentStruct('MoeStageArgs', [
  { name: 'x', type: 'ptr' },
  { name: 'x_scale', type: 'ptr' },
  { name: 'w', type: 'ptr' },
  { name: 'w_scale', type: 'ptr' },
  { name: 'bias', type: 'ptr' },
  { name: 'routes', type: 'ptr' },
  { name: 'route_weights', type: 'ptr' },
  { name: 'block_experts', type: 'ptr' },
  { name: 'valid', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'x_bytes', type: 'u32' },
  { name: 'tokens', type: 'u32' },
  { name: 'topk', type: 'u32' },
  { name: 'rows', type: 'u32' },
  { name: 'scale_blocks', type: 'u32' },
  { name: 'groups_n', type: 'u32' },
  { name: 'unit_rows', type: 'u32' },
  { name: 'second_rows', type: 'u32' },
  { name: 'units', type: 'u32' },
  { name: 'interleaved', type: 'u32' },
  ...ACTIVATION_FIELDS,
]);

const MoeScalesArgs = argumentStruct('MoeScalesArgs', [
  { name: 'scales', type: 'ptr' },
  { name: 'routes', type: 'ptr' },
  { name: 'valid', type: 'ptr' },
  { name: 'words', type: 'ptr' },
  { name: 'tokens', type: 'u32' },
  { name: 'topk', type: 'u32' },
  { name: 'row_a_token', type: 'u32' },
  { name: 'scale_blocks', type: 'u32' },
  { name: 'tiles', type: 'u32' },
]);

const MoeCombineArgs = argumentStruct('MoeCombineArgs', [
  { name: 'products', type: 'ptr' },
  { name: 'topk_ids', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'topk', type: 'u32' },
  { name: 'experts', type: 'u32' },
  { name: 'columns', type: 'u32' },
  { name: 'count', type: 'u32' },
]);

/** Code objects of both stages and of what goes around them. */
export const STAGE_OBJECTS = {
  first: ['moe-around', 'moe-sort', 'moe-stage1', 'permute'],
  second: ['moe-around', 'moe-sort', 'moe-stage2', 'permute'],
} as const;

/** Tokens (or h) of a scheme, row-major, with their scales unless they are bf16. */
export interface MoeTokens {
  readonly scheme: MoeScheme;
  readonly codes: HipBuffer;
  readonly scales: HipBuffer | undefined;
}

interface Stage {
  readonly tokens: MoeTokens;
  readonly weights: MoeWeights;
  readonly bias: HipTensor | undefined;
  /** Of the weights of an expert. */
  readonly rows: number;
  readonly columns: number;
}

export interface FirstStage extends Stage {
  readonly activation: GatedActivation;
}

/**
 * What the stages leave out.
 * @param tokens what the stage reads, besides `moreBytes` of another
 */
export function stageSupport(
  topkIds: TensorSpec | undefined,
  tokens: readonly (TensorSpec | undefined)[],
  weights: readonly (TensorSpec | undefined)[],
  moreBytes = 0,
): Support {
  const [count = 0, topk = 0] = topkIds?.layout.shape ?? [];
  const experts = weights[0]?.layout.shape[0] ?? 0;
  const expertBytes = weights.map((spec) => (spec === undefined ? 0 : spec.layout.size / experts / 2));
  const tokenBytes = tokens.map((spec) => (spec === undefined ? 0 : (spec.layout.size * elementBits(spec.type)) / 8));
  const bytes = Math.max(...expertBytes, ...tokenBytes, moreBytes);
  const refused = (what: string): Support => ({ supported: false, reason: `${what}: use the cpu backend.` });
  if (bytes > MOST_BYTES)
    return refused(`${bytes} bytes of one expert or of all tokens exceed the kernel's 31-bit offsets`);
  if (count > MOST_TOKENS || topk > MOST_SLOTS)
    return refused(`${count} tokens with ${topk} slots exceed the 24 and 8 bits of a sorted id`);
  return sortSupport(experts, count * topk + experts * 64);
}

/** h = act(x @ w13.T + bias), into a buffer bf16 [T, topk, rows / 2] that is zero where routes have no expert. */
export async function firstStage(run: OpRun, stage: FirstStage, routed: RoutedTokens, h: HipBuffer): Promise<void> {
  const { interleaved } = stage.weights;
  const inter = stage.rows / 2;
  await multiply(run, 'moe-stage1', stage, routed, true, h, {
    units: inter / 32,
    // Gate and up of 32 columns: 64 rows that alternate, or 32 rows and then those of the other half.
    unit_rows: interleaved ? 64 : 32,
    second_rows: interleaved ? 32 : inter,
    ...activationValues(stage.activation),
  });
}

/** y = bf16 sum over the slots of weight * (h @ w2.T + bias), bf16 [T, rows]. */
export async function secondStage(run: OpRun, stage: Stage, routed: RoutedTokens, y: HipBuffer): Promise<void> {
  const { tokens, topk, experts, topkIds } = routed;
  const { rows } = stage;
  const products = run.scratch(tokens * topk * rows * 4, 'products of the routes', { zeroed: false });
  await multiply(run, 'moe-stage2', stage, routed, false, products, {
    units: Math.ceil(rows / 64),
    unit_rows: 64,
    second_rows: 32,
    ...activationValues(NO_ACTIVATION),
  });
  const count = (tokens * rows) / 4;
  await run.launch({
    object: 'moe-around',
    kernel: 'moe_combine',
    struct: MoeCombineArgs,
    values: {
      products: run.address(products),
      topk_ids: topkIds,
      y: run.address(y),
      topk,
      experts,
      columns: rows,
      count,
    },
    grid: [Math.ceil(count / THREADS), 1, 1],
  });
}

interface Columns {
  readonly units: number;
  readonly unit_rows: number;
  readonly second_rows: number;
  readonly activation: number;
  readonly alpha: number;
  readonly offset: number;
  readonly limit: number;
}

async function multiply(
  run: OpRun,
  object: 'moe-stage1' | 'moe-stage2',
  stage: Stage,
  routed: RoutedTokens,
  rowAToken: boolean,
  result: HipBuffer,
  columns: Columns,
): Promise<void> {
  const { tokens: source, weights, bias, rows } = stage;
  const { tile, tokens, topk, blocks } = routed;
  const groups = Math.ceil(columns.units / tile.units);
  await run.launch({
    object,
    kernel: `${object.replace('-', '_')}_${source.scheme}_${tile.name}`,
    struct: MoeStageArgs,
    values: {
      x: run.address(source.codes),
      x_scale: await sortScales(run, stage, routed, rowAToken),
      w: weights.weight,
      w_scale: weights.scale,
      bias: bias === undefined ? 0n : run.address(bias.buffer),
      routes: routed.ids,
      route_weights: routed.weights,
      block_experts: routed.blockExperts,
      valid: routed.valid,
      y: run.address(result),
      x_bytes: source.codes.byteLength,
      tokens,
      topk,
      rows,
      scale_blocks: stage.columns / BLOCK,
      groups_n: groups,
      interleaved: weights.interleaved ? 1 : 0,
      ...columns,
    },
    grid: [groups * blocks, 1, 1],
  });
}

/** Scales of the tokens in the order of the sorted rows; 0n where there are none. */
async function sortScales(run: OpRun, stage: Stage, routed: RoutedTokens, rowAToken: boolean): Promise<bigint> {
  const { scales } = stage.tokens;
  if (scales === undefined) return 0n;
  const { tile, tokens, topk, blocks } = routed;
  const scaleBlocks = stage.columns / BLOCK;
  const tiles = Math.ceil(scaleBlocks / TILE_SCALES);
  const bytes = Math.ceil((blocks * tile.rows) / 32) * tiles * SCALE_WORDS;
  const words = run.address(run.scratch(bytes, 'sorted scales', { zeroed: false }));
  await run.launch({
    object: 'moe-around',
    kernel: 'moe_sort_scales',
    struct: MoeScalesArgs,
    values: {
      scales: run.address(scales),
      routes: routed.ids,
      valid: routed.valid,
      words,
      tokens,
      topk,
      row_a_token: rowAToken ? 1 : 0,
      scale_blocks: scaleBlocks,
      tiles,
    },
    grid: [Math.ceil(bytes / 4 / THREADS), 1, 1],
  });
  return words;
}
