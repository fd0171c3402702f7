import type { Support } from '../../backend.ts';
import type { SortProblem } from '../../moe-sort-problem.ts';
import { argumentStruct } from '../args.ts';
import type { OpRun } from './kernel.ts';

/** As in moe-sort.hip: routes that a workgroup counts, and counters in LDS. */
const CHUNK = 2048;
const MOST_EXPERTS = 4096;

/** One workgroup does a chunk alone when it is not long at filling rows. */
const MOST_SINGLE_ROWS = 65_536;

/** Rows are 32-bit. */
const MOST_ROWS = 2 ** 32 - 1;

const MoeSortArgs = argumentStruct('MoeSortArgs', [
  { name: 'topk_ids', type: 'ptr' },
  { name: 'topk_weights', type: 'ptr' },
  { name: 'places', type: 'ptr' },
  { name: 'sorted_ids', type: 'ptr' },
  { name: 'sorted_weights', type: 'ptr' },
  { name: 'block_experts', type: 'ptr' },
  { name: 'valid', type: 'ptr' },
  { name: 'routes', type: 'u32' },
  { name: 'topk', type: 'u32' },
  { name: 'experts', type: 'u32' },
  { name: 'block_rows', type: 'u32' },
  { name: 'padding', type: 'u32' },
  { name: 'rows', type: 'u32' },
  { name: 'blocks', type: 'u32' },
  { name: 'chunks', type: 'u32' },
  { name: 'tokens', type: 'u32' },
  { name: 'local', type: 'u32', count: MOST_EXPERTS / 32 },
]);

/** Addresses of what is sorted and of the results; see `moe_sorting`. */
export interface SortAddresses {
  readonly topkIds: bigint;
  readonly topkWeights: bigint;
  readonly ids: bigint;
  readonly weights: bigint;
  readonly blockExperts: bigint;
  readonly valid: bigint;
}

export function sortSupport(experts: number, rows: number): Support {
  if (experts > MOST_EXPERTS) {
    return {
      supported: false,
      reason: `the kernel counts up to ${MOST_EXPERTS} experts, not ${experts}: use the cpu backend.`,
    };
  }
  if (rows <= MOST_ROWS) return { supported: true };
  return { supported: false, reason: `${rows} rows exceed the kernel's 32-bit positions: use the cpu backend.` };
}

/** Sorts routes by expert: one launch for few routes, else three; the same bytes in every run. */
export async function sortRoutes(run: OpRun, problem: SortProblem, addresses: SortAddresses): Promise<void> {
  const { tokens, topk, experts, blockRows, padding, rows, blocks, mask } = problem;
  const routes = tokens * topk;
  const chunks = Math.max(1, Math.ceil(routes / CHUNK));
  const places = run.scratch(chunks * experts * 4, 'places of the routes', { zeroed: false });
  const launch = (kernel: string, workgroups: number): Promise<void> =>
    run.launch({
      object: 'moe-sort',
      kernel,
      struct: MoeSortArgs,
      values: {
        topk_ids: addresses.topkIds,
        topk_weights: addresses.topkWeights,
        places: run.address(places),
        sorted_ids: addresses.ids,
        sorted_weights: addresses.weights,
        block_experts: addresses.blockExperts,
        valid: addresses.valid,
        routes,
        topk,
        experts,
        block_rows: blockRows,
        padding,
        rows,
        blocks,
        chunks,
        tokens,
        local: localExperts(experts, mask),
      },
      grid: [workgroups, 1, 1],
    });
  if (chunks === 1 && rows <= MOST_SINGLE_ROWS) return launch('moe_sort_single', 1);
  await launch('moe_sort_count', chunks);
  await launch('moe_sort_plan', 1);
  await launch('moe_sort_scatter', chunks);
}

/** A bit an expert. */
function localExperts(experts: number, mask: readonly number[] | undefined): Uint32Array {
  const bits = new Uint32Array(MOST_EXPERTS / 32);
  for (let expert = 0; expert < experts; expert += 1) {
    if (mask?.[expert] === 0) continue;
    const word = Math.floor(expert / 32);
    bits[word] = (bits[word] ?? 0) | (1 << (expert % 32));
  }
  return bits;
}
