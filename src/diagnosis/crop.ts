import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import type { OpName } from '../ops/registry.ts';
import { MX_BLOCK } from '../ops/shared/moe-operands.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asI32 } from '../tensor/views.ts';
import type { OutputWindow } from './hypothesis.ts';
import { range, takeRows } from './take.ts';

/** How an operand follows the outputs when only some of their rows and columns are computed. */
type Follows = 'rows' | 'columns' | 'column blocks' | 'nothing';

const BLOCK_SCALED = { x: 'rows', x_scale: 'rows', w: 'columns', w_scale: 'column blocks' } as const;
const ROW_SCALED = { x: 'rows', x_scale: 'rows', w: 'columns', w_scale: 'columns' } as const;
const TOKENS = { topk_ids: 'rows', topk_weights: 'rows' } as const;

const FOLLOWS: Readonly<Partial<Record<OpName, Readonly<Record<string, Follows>>>>> = {
  gemm_a8w8_blockscale: BLOCK_SCALED,
  gemm_a8w8_blockscale_bpreshuffle: BLOCK_SCALED,
  gemm_a8w8_bpreshuffle: ROW_SCALED,
  gemm_a4w4_bpreshuffle: ROW_SCALED,
  fp8_gemm_nt: BLOCK_SCALED,
  moe_stage1_mxfp4: { ...TOKENS, x: 'rows', x_scale: 'rows' },
  moe_stage2_mxfp4: { ...TOKENS, h: 'rows', h_scale: 'rows' },
  fused_moe_mxfp4: { ...TOKENS, x: 'rows' },
};

/** Columns are computed in whole blocks of this many, so that their scales stay theirs. */
export const COLUMN_BLOCK = 128;

/** Whether an op computes each row of its output by itself, from operands that can be cut down with it. */
export function cropsRows(op: OpName): boolean {
  return FOLLOWS[op] !== undefined;
}

export function cropsColumns(op: OpName): boolean {
  return Object.values(FOLLOWS[op] ?? {}).includes('columns');
}

/**
 * The call that computes the window and nothing else.
 * @returns undefined where an operand is in a layout that cannot be cut down; then the whole call has to run
 */
export function cropCall(call: KernelCall, window: OutputWindow): KernelCall | undefined {
  const follows = FOLLOWS[call.op];
  if (follows === undefined) return undefined;
  const operands: Record<string, Tensor> = {};
  for (const [name, given] of Object.entries(call.operands)) {
    const taken = cropOperand(given, follows[name] ?? 'nothing', window);
    if (taken === undefined) return undefined;
    operands[name] = taken;
  }
  return { ...call, operands };
}

/** Most mistakes leave most operands alone, and pairs of mistakes consist of operands that were cut down before. */
const cropped = new WeakMap<OutputWindow, WeakMap<Tensor, Tensor | undefined>>();

function cropOperand(given: Tensor, follows: Follows, window: OutputWindow): Tensor | undefined {
  if (follows === 'nothing') return given;
  const known = cropped.get(window) ?? new WeakMap<Tensor, Tensor | undefined>();
  cropped.set(window, known);
  if (!known.has(given)) known.set(given, croppedOperand(given, follows, window));
  return known.get(given);
}

function croppedOperand(given: Tensor, follows: Follows, window: OutputWindow): Tensor | undefined {
  if (follows === 'rows') return window.rows.length === window.rowCount ? given : takeRows(given, window.rows);
  if (window.columns.length === window.columnCount) return given;
  const [rows = 1] = given.layout.shape;
  // One scale a row of the weight, as [N, 1] or packed, or one scale for a block of rows.
  if (rows === window.columnCount) return takeRows(given, window.columns);
  if (follows === 'columns') return undefined;
  const blocks = new Set(window.columns.map((column) => Math.floor(column / COLUMN_BLOCK)));
  return rows === Math.ceil(window.columnCount / COLUMN_BLOCK) ? takeRows(given, [...blocks]) : undefined;
}

/**
 * A mixture of experts without the experts that no token is sent to, which decide nothing and are most of the bytes of a model.
 * @returns the call itself for other ops, where every expert is busy, and where the operands cannot be cut
 */
export function withoutIdleExperts(call: KernelCall): KernelCall {
  const { topk_ids: ids } = call.operands;
  const weights = ['w1', 'w2', 'w13'].filter((name) => call.operands[name] !== undefined);
  const experts = call.operands[weights[0] ?? '']?.layout.shape[0] ?? 0;
  if (ids === undefined || experts === 0) return call;
  const routes = asI32(ids);
  const used = new Set([...routes].filter((id) => id >= 0 && id < experts));
  // No token can have more experts than there are.
  const topk = ids.layout.shape.at(-1) ?? 1;
  for (let id = 0; used.size < Math.min(topk, experts); id += 1) used.add(id);
  const busy = [...used].sort((a, b) => a - b);
  if (busy.length === experts) return call;
  const renumbered = routes.map((id) => (busy.includes(id) ? busy.indexOf(id) : -1));
  const operands: Record<string, Tensor> = {
    ...call.operands,
    topk_ids: tensor(ids.name, ids.type, ids.layout, asBytes(renumbered)),
  };
  for (const name of weights.flatMap((weight) => [weight, `${weight}_scale`, `${weight}_bias`])) {
    const given = call.operands[name];
    if (given === undefined) continue;
    const taken = takeExperts(given, experts, busy);
    if (taken === undefined) return call;
    operands[name] = taken;
  }
  return { ...call, operands };
}

/** A mixture of experts for some of its tokens: the others go nowhere, and the experts that only they need are left out. */
export function onlyRows(call: KernelCall, rows: readonly number[]): KernelCall {
  const { topk_ids: ids } = call.operands;
  if (ids === undefined) return call;
  const topk = ids.layout.shape.at(-1) ?? 1;
  const kept = new Set(rows);
  const routes = asI32(ids).map((id, route) => (kept.has(Math.floor(route / topk)) ? id : -1));
  const operands = { ...call.operands, topk_ids: tensor(ids.name, ids.type, ids.layout, asBytes(routes)) };
  return withoutIdleExperts({ ...call, operands });
}

/** Scales are stacked experts in their rows where they are shuffled. */
function takeExperts(given: Tensor, experts: number, busy: readonly number[]): Tensor | undefined {
  const [first = 0] = given.layout.shape;
  if (first === experts) return takeRows(given, busy);
  const rows = first / experts;
  if (rows % MX_BLOCK !== 0) return undefined;
  return takeRows(
    given,
    busy.flatMap((expert) => range(rows).map((row) => expert * rows + row)),
    [experts, busy.length],
  );
}

/** Everything of an output. */
export function wholeWindow(outputs: NamedTensors): OutputWindow {
  const shape = Object.values(outputs).at(-1)?.layout.shape ?? [];
  const [rowCount, columnCount] = [shape[0] ?? 1, shape.at(-1) ?? 1];
  return { rowCount, rows: range(rowCount), columnCount, columns: range(columnCount) };
}
