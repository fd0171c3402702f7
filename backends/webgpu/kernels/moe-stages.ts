import type { GpuArray } from '../buffers.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow } from '../split.ts';
import type { GpuTensor, OpRun } from './kernel.ts';
import type { RoutedPart, RoutedTokens } from './moe-routing.ts';
import { type MoeStage, stageCalls } from './moe-stage-calls.ts';

/** Invocations of a workgroup of `moe_reduce`, each of which stores two columns. */
const REDUCE_LANES = 64;

/** Gate_up products, activated, as h bf16 [T, topk, I]. Rows of routes to absent experts are not written. */
export function firstStageCalls(
  run: OpRun,
  stage: MoeStage,
  routed: RoutedTokens,
  h: GpuTensor,
): readonly KernelCall[] {
  const [, topk = 0, inter = 0] = h.layout.shape;
  const result = { array: h.array, tokenBytes: topk * inter * 2, firstToken: 0 };
  return routed.parts.flatMap((part) => stageCalls(run, stage, routed, part, result));
}

/**
 * Down products, weighted and summed over the slots in their order, as y bf16 [T, H]. Takes T * topk * H * 4 bytes of scratch
 * memory for the products of the largest part of the tokens: without float atomics the sum has one order.
 */
export function secondStageCalls(
  run: OpRun,
  stage: MoeStage,
  routed: RoutedTokens,
  topkIds: GpuTensor,
  y: GpuTensor,
): readonly KernelCall[] {
  const [, hidden = 0] = y.layout.shape;
  const tokenBytes = routed.topk * hidden * 4;
  const most = Math.max(0, ...routed.parts.map(({ tokens }) => tokens.end - tokens.start));
  const products = run.scratch(most * tokenBytes, 'products of the routes');
  return routed.parts.flatMap((part) => [
    ...stageCalls(run, stage, routed, part, { array: products, tokenBytes, firstToken: part.tokens.start }),
    reduceCall(run, routed, part, topkIds, products, y),
  ]);
}

/** Bytes of a token in the arrays that stage 2 binds by tokens, beside its activations. */
export function secondStageBytes(topk: number, hidden: number): readonly number[] {
  return [topk * hidden * 4, hidden * 2];
}

function reduceCall(
  run: OpRun,
  { topk, experts }: RoutedTokens,
  { tokens: { start, end } }: RoutedPart,
  topkIds: GpuTensor,
  products: GpuArray,
  y: GpuTensor,
): KernelCall {
  const [, hidden = 0] = y.layout.shape;
  const tokens = end - start;
  const ids = bindWindow(run.gpu, topkIds.array, start * topk * 4, end * topk * 4);
  const target = bindWindow(run.gpu, y.array, start * hidden * 2, end * hidden * 2);
  return {
    shader: 'moe_reduce',
    bindings: [
      Uint32Array.of(tokens, topk, experts, hidden, ids.lead / 4, target.lead / 4),
      ids.binding,
      bindWindow(run.gpu, products, 0, tokens * topk * hidden * 4).binding,
      target.binding,
    ],
    workgroups: Math.ceil((tokens * hidden) / 2 / REDUCE_LANES),
  };
}

/** Bytes of a row of `columns` activations, and of their scales. */
export function activationBytes(bits: number, columns: number): readonly number[] {
  return [(columns * bits) / 8, columns / 32];
}
