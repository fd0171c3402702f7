import type { KernelCall } from '../ops/kernel-call.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Axis, type AxisTable, axis, type Follow } from './axis.ts';
import { takeAlong } from './gather.ts';
import { busyExperts, mergeRoutes } from './routes.ts';

/** Elements that share a scale. */
const BLOCK = 32;
/** Columns that a layout of 4-bit codes keeps together: 32 share a scale, tiles of shuffled weights have 64 or 128. */
function columnsTogether(layout: string): number {
  if (layout.includes('guinterleave')) return 128;
  return layout.startsWith('shuffle_weight') ? 64 : BLOCK;
}

type Follows = Readonly<Record<string, Follow>>;

/** What each op calls its weights. */
interface Weights {
  readonly gateUp?: 'w1' | 'w13';
  readonly down?: 'w2';
}

const TOPK = { topk_ids: { dim: 1 }, topk_weights: { dim: 1 } } as const;
const TOKENS = { topk_ids: { dim: 0 }, topk_weights: { dim: 0 } } as const;

function moeAxes({ gateUp, down }: Weights): readonly Axis[] {
  const names = [gateUp, down].flatMap((name) => (name === undefined ? [] : [name]));
  const experts = (call: KernelCall): number => call.operands[names[0] ?? '']?.layout.shape[0] ?? 0;
  const columnUnit = (name: string | undefined) => (call: KernelCall) =>
    name === undefined ? BLOCK : columnsTogether(call.operands[name]?.layout.id ?? '');
  const activations: Follows = { x: { dim: 0 }, x_scale: { dim: 0 }, h: { dim: 0 }, h_scale: { dim: 0 } };
  const hidden: Follows = {
    x: { dim: 1 },
    x_scale: { dim: 1, per: BLOCK },
    ...(gateUp === undefined ? {} : columnsOf(gateUp)),
    ...(down === undefined ? {} : rowsOf(down)),
  };
  const inter: Follows = {
    h: { dim: 2 },
    h_scale: { dim: 2, per: BLOCK },
    ...(gateUp === undefined ? {} : rowsOf(gateUp, { halves: true })),
    ...(down === undefined ? {} : columnsOf(down)),
  };
  return [
    axis({
      name: 'tokens',
      of: ['topk_ids', 0],
      follow: { ...TOKENS, ...activations },
      shows: [
        ['y', 0],
        ['h', 0],
      ],
    }),
    axis({
      name: 'topk',
      of: ['topk_ids', 1],
      follow: { ...TOPK, h: { dim: 1 }, h_scale: { dim: 1 } },
      shows: [['h', 1]],
    }),
    expertsAxis(names),
    axis({
      name: 'inter',
      of: down === undefined ? [names[0] ?? '', 1] : [down, 2],
      unit: columnUnit(down),
      experts,
      follow: inter,
      shows: [['h', 2]],
    }),
    axis({
      name: 'hidden',
      of: gateUp === undefined ? ['w2', 1] : ['x', 1],
      unit: columnUnit(gateUp),
      experts,
      follow: hidden,
      shows: [['y', 1]],
    }),
  ];
}

function rowsOf(name: string, how: Pick<Follow, 'halves'> = {}): Follows {
  return {
    [name]: { dim: 1, ...how },
    [`${name}_scale`]: { dim: 1, stacked: true, ...how },
    [`${name}_bias`]: { dim: 1, ...how },
  };
}

function columnsOf(name: string): Follows {
  return { [name]: { dim: 2 }, [`${name}_scale`]: { dim: 2, per: BLOCK, stacked: true } };
}

/** Experts without tokens go first; then routes are merged into those that stay. */
function expertsAxis(names: readonly string[]): Axis {
  const size = ({ operands }: KernelCall): number => operands[names[0] ?? '']?.layout.shape[0] ?? 0;
  return {
    name: 'experts',
    size,
    unit: () => 1,
    least: 1,
    applies: (call) => size(call) > 1,
    take(call, kept) {
      const before = size(call);
      const ids = call.operands['topk_ids'];
      const merged = ids === undefined ? undefined : mergeRoutes(ids, kept, before);
      if (merged === undefined) return undefined;
      const operands: Record<string, Tensor> = { ...call.operands, topk_ids: merged };
      for (const name of names.flatMap((weight) => [weight, `${weight}_scale`, `${weight}_bias`])) {
        const given = call.operands[name];
        if (given === undefined) continue;
        const rows = (given.layout.shape[0] ?? 0) / before;
        const indices = kept.flatMap((expert) => Array.from({ length: rows }, (_, row) => expert * rows + row));
        const taken = takeAlong(given, 0, indices, [before, kept.length]);
        if (taken === undefined) return undefined;
        operands[name] = taken;
      }
      return { ...call, operands };
    },
    first: (call) => [busyExperts(call.operands['topk_ids'], size(call))],
    shows: [],
  };
}

const STAGE1 = moeAxes({ gateUp: 'w13' });
const STAGE2 = moeAxes({ down: 'w2' });
const FUSED = moeAxes({ gateUp: 'w1', down: 'w2' });

export const MOE_AXES: AxisTable = {
  moe_stage1_mxfp4: () => STAGE1,
  moe_stage2_mxfp4: () => STAGE2,
  fused_moe_mxfp4: () => FUSED,
};
