import { rowMajor } from '../../layout/plain.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { moeSorting } from '../../ops/moe-sorting.ts';
import type { OpName } from '../../ops/registry.ts';
import { asBytes, tensor, tensorFrom } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asI32 } from '../../tensor/views.ts';
import type { MistakenCall, Variant } from '../hypothesis.ts';
import { type MoeSteps, withSteps } from '../moe-steps.ts';
import { range, takeRows } from '../take.ts';

/** Ops in which each stage happens. */
export const FIRST_STAGE: readonly OpName[] = ['fused_moe_mxfp4', 'moe_stage1_mxfp4'];
export const SECOND_STAGE: readonly OpName[] = ['fused_moe_mxfp4', 'moe_stage2_mxfp4'];
export const BOTH_STAGES: readonly OpName[] = ['fused_moe_mxfp4', 'moe_stage1_mxfp4', 'moe_stage2_mxfp4'];

/** Where the tokens of a call go. */
export interface Routing {
  /** [tokens, topk] */
  readonly ids: Int32Array;
  readonly tokens: number;
  readonly topk: number;
  readonly experts: number;
}

/** @returns undefined where the call has no routes */
export function routingOf({ operands }: KernelCall): Routing | undefined {
  const { topk_ids: ids, w1, w13, w2 } = operands;
  const weight = w1 ?? w13 ?? w2;
  if (ids === undefined || weight === undefined) return undefined;
  const [tokens = 0, topk = 0] = ids.layout.shape;
  const [experts = 0] = weight.layout.shape;
  return { ids: asI32(ids), tokens, topk, experts };
}

/** The call with other operands in the place of some. */
export function withOperands(call: KernelCall, changed: Readonly<Record<string, Tensor>>): MistakenCall {
  return { ...call, operands: { ...call.operands, ...changed } };
}

/** The call with other data in a row-major operand. */
export function withData(call: KernelCall, name: string, data: ArrayBufferView): MistakenCall {
  const given = call.operands[name];
  if (given === undefined) return call;
  return withOperands(call, {
    [name]: tensor(given.name, given.type, given.layout, asBytes(data), given.scaling),
  });
}

/** The call with the rows of some operands in another order, or taken more than once. Operands that are missing stay so. */
export function withRows(call: KernelCall, names: readonly string[], rows: readonly number[]): MistakenCall {
  const taken = names.flatMap((name) => {
    const given = call.operands[name];
    const moved = given === undefined ? undefined : takeRows(given, rows);
    return moved === undefined ? [] : [[name, moved] as const];
  });
  return withOperands(call, Object.fromEntries(taken));
}

/** A sort of the routes into blocks of experts, as a kernel walks through it. */
export interface SortedRoutes {
  /** Route (`token * topk + slot`) at each position, -1 in padding; as many as there are valid positions. */
  readonly routes: readonly number[];
  /** Expert of each block. */
  readonly blockExperts: Int32Array;
}

/** The routes by expert, each expert padded to whole blocks of `block` positions. */
export function sortRoutes({ ids, tokens, topk, experts }: Routing, block: number): SortedRoutes {
  const shape = [tokens, topk];
  const { sorted_ids, sorted_expert_ids, num_valid } = moeSorting.reference(
    { experts, block_m: block },
    {
      topk_ids: tensorFrom('topk_ids', 'i32', shape, ids),
      topk_weights: tensor('topk_weights', 'f32', rowMajor(shape), new Uint8Array(4 * tokens * topk)),
    },
  );
  const [valid = 0] = asI32(num_valid);
  const routes = [...asI32(sorted_ids).subarray(0, valid)].map((id) => {
    const token = id & 0xffffff;
    return token < tokens ? token * topk + (id >>> 24) : -1;
  });
  return { routes, blockExperts: asI32(sorted_expert_ids) };
}

/** The call with some routes sent to no expert. */
export function withoutRoutes(call: KernelCall, lost: (route: number) => boolean): MistakenCall {
  const { ids } = routingOf(call) as Routing;
  return withData(
    call,
    'topk_ids',
    ids.map((id, route) => (lost(route) ? -1 : id)),
  );
}

/** Rows moved by some places, round the end. */
export function shifted(count: number, by: number): readonly number[] {
  return range(count).map((row) => (row + by + count) % count);
}

/** The call computed with other steps. */
export function stepsVariant(call: KernelCall, detail: string, steps: MoeSteps): Variant {
  return { detail, make: () => ({ ...call, compute: withSteps(steps) }) };
}
