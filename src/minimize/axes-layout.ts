import { range, rebind } from '../diagnosis/take.ts';
import { elementBits } from '../formats/element-type.ts';
import type { Layout } from '../layout/layout.ts';
import { stackedExperts } from '../layout/stacked-experts.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import { type Axis, type AxisTable, axis } from './axis.ts';
import { takeAlong, takePacked } from './gather.ts';

/** Sizes in which a dimension of a tile can come. */
const UNITS = range(10).map((power) => 2 ** power);

interface PermuteParams {
  readonly to: Layout;
}

/** Any layout of the catalog: dimensions are cut in the smallest pieces that both layouts take. */
function permuteAxes(call: KernelCall): readonly Axis[] {
  const { x } = call.operands;
  if (x === undefined) return [];
  const { to } = call.params as PermuteParams;
  const bits = elementBits(x.type);
  const experts = stackedExperts([x.layout, to], bits);
  if (experts === undefined) return [];
  const stacked = experts > 1 ? [stackAxis(experts)] : [];
  return [...stacked, ...to.shape.flatMap((_, dim) => dimensionAxis(x.layout, to, dim, bits, experts))];
}

function dimensionAxis(from: Layout, to: Layout, dim: number, bits: number, experts: number): readonly Axis[] {
  const size = to.shape[dim] ?? 0;
  const rows = dim === 0 ? experts : 1;
  const unit = UNITS.find(
    (count) =>
      count * rows < size &&
      (dim < to.shape.length - 1 || (count * bits) % 8 === 0) &&
      [from, to].every((layout) => rebind(layout, to.shape.with(dim, count * rows), { bits, experts }) !== undefined),
  );
  if (unit === undefined || rows > 1) return [];
  const entry = axis({
    name: ['columns', 'rows'][to.shape.length - 1 - dim] ?? `dimension ${dim}`,
    of: ['x', dim],
    unit,
    follow: { x: { dim } },
    shows: [['y', dim]],
  });
  return [
    {
      ...entry,
      take: (call, elements) => {
        const taken = entry.take(call, elements);
        return taken === undefined ? undefined : rebound(call, taken, bits, [experts, experts]);
      },
    },
  ];
}

/** Whole experts of a scale whose rows are stacked. */
function stackAxis(all: number): Axis {
  const perExpert = (call: KernelCall): number => (call.operands['x']?.layout.shape[0] ?? 0) / stackOf(call);
  const stackOf = ({ operands: { x }, params }: KernelCall): number =>
    (x && stackedExperts([x.layout, (params as PermuteParams).to], elementBits(x.type))) ?? all;
  return {
    name: 'experts',
    size: stackOf,
    unit: () => 1,
    least: 1,
    applies: (call) => stackOf(call) > 1,
    take(call, kept) {
      const { x } = call.operands;
      const rows = perExpert(call);
      const counts = [stackOf(call), kept.length] as const;
      const indices = kept.flatMap((expert) => range(rows).map((row) => expert * rows + row));
      const taken = x === undefined ? undefined : takeAlong(x, 0, indices, counts);
      if (taken === undefined) return undefined;
      return rebound(call, { ...call, operands: { x: taken } }, elementBits(taken.type), counts);
    },
    first: () => [],
    shows: [],
  };
}

function rebound(
  before: KernelCall,
  after: KernelCall,
  bits: number,
  experts: readonly [number, number],
): KernelCall | undefined {
  const { to } = before.params as PermuteParams;
  const shape = after.operands['x']?.layout.shape ?? [];
  const layout = rebind(to, shape, { bits, experts: experts[0] }, { bits, experts: experts[1] });
  return layout === undefined ? undefined : { ...after, params: { ...after.params, to: layout } };
}

interface PackParams {
  readonly mn?: number;
  readonly granMn?: number;
  readonly groups?: number;
}

/** Float scales [.., rows, G]: a row stands for `granMn` rows of the result, the last one perhaps for fewer. */
function packAxes(call: KernelCall): readonly Axis[] {
  const { granMn = 1 } = call.params as PackParams;
  const rank = call.operands['x']?.layout.shape.length ?? 0;
  const batch = axis({ name: 'experts', of: ['x', 0], follow: { x: { dim: 0 } }, shows: [['y', 0]] });
  return [
    ...(rank === 3 ? [batch] : []),
    axis({
      name: 'rows',
      of: ['x', -2],
      follow: { x: { dim: -2 } },
      params: (params, rows, size) => {
        const { mn } = params as PackParams;
        if (mn === undefined) return params;
        const missing = rows.at(-1) === size - 1 ? size * granMn - mn : 0;
        return { ...params, mn: rows.length * granMn - missing };
      },
    }),
    axis({ name: 'groups', of: ['x', -1], follow: { x: { dim: -1 } } }),
  ];
}

/** Packed scales [.., mn, words]. */
function unpackAxes(call: KernelCall): readonly Axis[] {
  const { granMn = 1 } = call.params as PackParams;
  const rank = call.operands['x']?.layout.shape.length ?? 0;
  const batch = axis({ name: 'experts', of: ['x', 0], follow: { x: { dim: 0 } }, shows: [['y', 0]] });
  return [
    ...(rank === 3 ? [batch] : []),
    axis({
      name: 'rows',
      of: ['x', -2],
      unit: granMn,
      follow: { x: { dim: -2 } },
      shows: granMn === 1 ? [['y', -2]] : [],
    }),
    PACKED_GROUPS,
  ];
}

const PACKED_GROUPS: Axis = {
  name: 'groups',
  size: ({ params }) => (params as PackParams).groups ?? 0,
  unit: () => 1,
  least: 1,
  applies: (call) => PACKED_GROUPS.size(call) > 1,
  take(call, groups) {
    const x = call.operands['x'] && takePacked(call.operands['x'], groups);
    return x && { ...call, params: { ...call.params, groups: groups.length }, operands: { x } };
  },
  first: () => [],
  shows: [['y', -1]],
};

export const LAYOUT_AXES: AxisTable = {
  pack_ue8m0_mn_major: packAxes,
  permute: permuteAxes,
  unpack_ue8m0_scale: unpackAxes,
};
