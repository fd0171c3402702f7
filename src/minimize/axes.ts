import type { KernelCall } from '../ops/kernel-call.ts';
import type { OpName } from '../ops/registry.ts';
import { GEMM_AXES } from './axes-gemm.ts';
import { LAYOUT_AXES } from './axes-layout.ts';
import { MOE_AXES } from './axes-moe.ts';
import { ROUTING_AXES } from './axes-routing.ts';
import { ROW_AXES } from './axes-rows.ts';
import type { Axis, AxisTable } from './axis.ts';
import { NoAxesError } from './errors.ts';

/** How calls of each op are made smaller. */
const AXES: AxisTable = {
  ...GEMM_AXES,
  ...LAYOUT_AXES,
  ...MOE_AXES,
  ...ROUTING_AXES,
  ...ROW_AXES,
};

/** Ops that can be made smaller, sorted. */
export const SHRINKABLE_OPS: readonly OpName[] = Object.keys(AXES).sort() as OpName[];

/**
 * The sizes of a call that can be cut.
 * @throws NoAxesError for an op that has none
 */
export function axesOf(call: KernelCall): readonly Axis[] {
  const axes = AXES[call.op];
  if (axes === undefined) throw new NoAxesError(call.op, SHRINKABLE_OPS);
  return axes(call);
}

/** The sizes of a call by name. */
export function sizesOf(axes: readonly Axis[], call: KernelCall): Readonly<Record<string, number>> {
  return Object.fromEntries(
    axes.filter((axis) => axis.least > 0 && axis.size(call) > 0).map((axis) => [axis.name, axis.size(call)]),
  );
}
