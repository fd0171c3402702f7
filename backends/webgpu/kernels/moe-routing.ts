import type { GpuArray, GpuRange } from '../buffers.ts';
import { DeviceMemoryError } from '../errors.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow, type Span, splitRows } from '../split.ts';
import type { GpuTensor, OpRun } from './kernel.ts';
import { requireRoom, sortCalls } from './moe-sort-calls.ts';

/** How a grouped multiplication is cut into blocks of routed rows. */
export interface MoeTiling {
  readonly shader: 'moe_rows' | 'moe_tiles';
  /** Rows of a block. */
  readonly blockRows: number;
}

/**
 * Tilings by the mean number of rows that an expert in use gets. `moe_rows` reads weights once for up to four rows, and is bound
 * by their bytes; from about five rows on arithmetic counts more, and decoding a weight for 16 to 64 rows at once pays. Blocks are
 * sized so that most experts need one: a second block reads the weights again, an empty row is arithmetic for nothing.
 */
const TILINGS: readonly { readonly upTo: number; readonly tiling: MoeTiling }[] = [
  { upTo: 1, tiling: { shader: 'moe_rows', blockRows: 2 } },
  { upTo: 4, tiling: { shader: 'moe_rows', blockRows: 4 } },
  { upTo: 24, tiling: { shader: 'moe_tiles', blockRows: 16 } },
  { upTo: 48, tiling: { shader: 'moe_tiles', blockRows: 32 } },
  { upTo: Number.POSITIVE_INFINITY, tiling: { shader: 'moe_tiles', blockRows: 64 } },
];

/** One token has distinct experts: a row each. */
const ONE_TOKEN: MoeTiling = { shader: 'moe_rows', blockRows: 1 };

/** Token numbers have 24 bits in a sorted id. */
const MOST_TOKENS = 2 ** 24 - 1;

export function tilingFor(tokens: number, topk: number, experts: number): MoeTiling {
  if (tokens <= 1) return ONE_TOKEN;
  const mean = (tokens * topk) / experts;
  return (TILINGS.find(({ upTo }) => mean <= upTo) ?? { tiling: ONE_TOKEN }).tiling;
}

/** Tokens whose rows fit the device's bindings, sorted by expert. */
export interface RoutedPart {
  readonly tokens: Span;
  /** Bound whole by the stages. */
  readonly routing: GpuArray;
  /** Word offsets in `routing`. */
  readonly validAt: number;
  readonly blockExpertsAt: number;
  readonly idsAt: number;
  readonly weightsAt: number;
  /** No more blocks than these are in use; how many are is known on the device only. */
  readonly blocks: number;
}

export interface RoutedTokens {
  readonly tiling: MoeTiling;
  readonly topk: number;
  readonly experts: number;
  readonly parts: readonly RoutedPart[];
  /** The dispatches that sort all parts. */
  readonly calls: readonly KernelCall[];
}

/**
 * Sorts the routes for the stages.
 * @param rowBytes bytes that a token takes in each array that is bound by tokens
 * @param topkWeights left out where the stage does not weight
 * @throws DeviceMemoryError where not even one token fits a binding
 */
export function routeTokens(
  run: OpRun,
  experts: number,
  topkIds: GpuTensor,
  topkWeights: GpuTensor | undefined,
  rowBytes: readonly number[],
): RoutedTokens {
  const [tokens = 0, topk = 0] = topkIds.layout.shape;
  const tiling = tilingFor(tokens, topk, experts);
  const { alignment } = run.gpu;
  // Sorted ids and weights of a token, at worst in blocks of their own, and what aligning four arrays costs.
  const routingBytes = topk * (8 * tiling.blockRows + 4) + 4 * alignment;
  const spans = splitRows(run.gpu, tokens, [...rowBytes, routingBytes, topk * 4]);
  if (spans === undefined) throw tooWide(run, topkIds, Math.max(...rowBytes, routingBytes));
  const parts = spans.flatMap((span) => capped(span)).filter(({ start, end }) => end > start);
  const routed = parts.map((span) => {
    const routes = (span.end - span.start) * topk;
    const blocks = Math.floor((routes + Math.min(experts, routes) * (tiling.blockRows - 1)) / tiling.blockRows);
    return sortPart(run, { span, topk, experts, blocks, blockRows: tiling.blockRows }, topkIds, topkWeights ?? topkIds);
  });
  return {
    tiling,
    topk,
    experts,
    parts: routed.map(({ part }) => part),
    calls: routed.flatMap(({ calls }) => calls),
  };
}

interface PartProblem {
  readonly span: Span;
  readonly topk: number;
  readonly experts: number;
  readonly blocks: number;
  readonly blockRows: number;
}

/** Places the results in one array, so that the stages need one binding for all of them. */
function sortPart(
  run: OpRun,
  { span, topk, experts, blocks, blockRows }: PartProblem,
  topkIds: GpuTensor,
  topkWeights: GpuTensor,
): { readonly part: RoutedPart; readonly calls: readonly KernelCall[] } {
  const rows = blocks * blockRows;
  const tokens = span.end - span.start;
  const sizes = [2, blocks, rows, rows].map((words) => Math.max(1, words) * 4);
  const starts: number[] = [];
  let end = 0;
  for (const size of sizes) {
    const start = Math.ceil(end / run.gpu.alignment) * run.gpu.alignment;
    starts.push(start);
    end = start + size;
  }
  const routing = run.scratch(end, 'sorted routes');
  requireRoom(run, routing, 'Run fewer tokens at a time');
  const range = (index: number): GpuRange => ({
    array: routing,
    start: starts[index] as number,
    byteLength: sizes[index] as number,
  });
  const window = ({ array }: GpuTensor) => bindWindow(run.gpu, array, span.start * topk * 4, span.end * topk * 4);
  const calls = sortCalls(
    run,
    { tokens, topk, experts, blockRows, padding: (topk << 24) | tokens, rows, blocks },
    window(topkIds),
    window(topkWeights),
    { valid: range(0), blockExperts: range(1), ids: range(2), weights: range(3) },
  );
  const [validAt = 0, blockExpertsAt = 0, idsAt = 0, weightsAt = 0] = starts.map((start) => start / 4);
  return { part: { tokens: span, routing, validAt, blockExpertsAt, idsAt, weightsAt, blocks }, calls };
}

function capped({ start, end }: Span): readonly Span[] {
  const count = Math.ceil((end - start) / MOST_TOKENS);
  return Array.from({ length: count }, (_, index) => ({
    start: start + index * MOST_TOKENS,
    end: Math.min(end, start + (index + 1) * MOST_TOKENS),
  }));
}

function tooWide(run: OpRun, { array }: GpuTensor, widest: number): DeviceMemoryError {
  return new DeviceMemoryError(
    array.label,
    array.byteLength,
    `a token takes ${widest} bytes in one of the arrays of ${run.op}, and one binding of this device ` +
      `${run.gpu.limits.maxStorageBufferBindingSize}. Use the cpu backend.`,
  );
}
