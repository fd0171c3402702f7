import type { SortProblem } from '../../moe-sort-problem.ts';
import type { GpuArray } from '../buffers.ts';
import { paddedSize } from '../buffers.ts';
import { DeviceMemoryError } from '../errors.ts';
import type { Binding, KernelCall } from '../kernel.ts';
import type { BoundWindow } from '../split.ts';
import type { OpRun } from './kernel.ts';

/** Routes that a workgroup counts and places. */
const CHUNK = 256;

/** One workgroup sorts a chunk alone when it can count this many experts, and is not long at filling. */
const MOST_SINGLE_EXPERTS = 1024;
const MOST_SINGLE_ROWS = 65_536;

const MASKED = 0xffffffff;

/** Where the sort writes; see `moe_sorting` for what. Every binding starts at its first element. */
export interface SortTarget {
  readonly ids: Binding;
  readonly weights: Binding;
  readonly blockExperts: Binding;
  readonly valid: Binding;
}

/** Sorts routes by expert on the device: one dispatch for few routes, else four; the same bytes in every run. */
export function sortCalls(
  run: OpRun,
  problem: SortProblem,
  topkIds: BoundWindow,
  topkWeights: BoundWindow,
  target: SortTarget,
): readonly KernelCall[] {
  const { tokens, topk, experts, blockRows, padding, rows, blocks } = problem;
  const routes = tokens * topk;
  const chunks = Math.max(1, Math.ceil(routes / CHUNK));
  const places = run.scratch(chunks * experts * 4, 'places of the routes');
  requireRoom(run, places, 'Sort fewer tokens at a time');
  const bindings = [
    Uint32Array.of(
      routes,
      topk,
      experts,
      blockRows,
      padding,
      rows,
      blocks,
      chunks,
      tokens,
      topkIds.lead / 4,
      topkWeights.lead / 4,
    ),
    topkIds.binding,
    topkWeights.binding,
    expertNames(experts, problem.mask),
    places,
    target.ids,
    target.weights,
    target.blockExperts,
    target.valid,
  ];
  const call = (entryPoint: string, workgroups: number): KernelCall => ({
    shader: 'moe_sort',
    entryPoint,
    bindings,
    workgroups,
  });
  if (routes <= CHUNK && experts <= MOST_SINGLE_EXPERTS && rows <= MOST_SINGLE_ROWS) return [call('single', 1)];
  return [
    call('fill', Math.ceil(Math.max(rows, blocks) / CHUNK)),
    call('count', chunks),
    call('plan', 1),
    call('scatter', Math.ceil(routes / CHUNK)),
  ];
}

/** @throws DeviceMemoryError when an array that is bound whole exceeds a binding */
export function requireRoom(run: OpRun, array: GpuArray, advice: string): void {
  const limit = run.gpu.limits.maxStorageBufferBindingSize;
  if (paddedSize(array.byteLength) <= limit) return;
  throw new DeviceMemoryError(
    array.label,
    array.byteLength,
    `it is bound whole, and one binding of this device takes ${limit} bytes. ${advice}, or use the cpu backend.`,
  );
}

/** Number of each expert in the output: local experts count up, masked ones have none. */
function expertNames(experts: number, mask: readonly number[] | undefined): Uint32Array {
  let local = 0;
  return Uint32Array.from({ length: experts }, (_, expert) => {
    if (mask?.[expert] === 0) return MASKED;
    local += 1;
    return local - 1;
  });
}
