import { rowMajor } from '../../layout/plain.ts';
import { moeSorting } from '../../ops/moe-sorting.ts';
import { asBytes, tensor } from '../../tensor/make.ts';
import { asI32 } from '../../tensor/views.ts';

/** A small routing: eight tokens, two of four experts each. */
export const ROUTES: readonly (readonly [number, number])[] = [
  [0, 2],
  [2, 3],
  [0, 3],
  [2, 0],
  [3, 2],
  [0, 2],
  [2, 3],
  [0, 2],
];
export const EXPERTS = 4;
export const BLOCK_M = 4;

/** One entry of sorted_ids. */
export interface SortedEntry {
  /** The 32 bits: `slot << 24 | token`. */
  readonly id: number;
  readonly token: number;
  readonly slot: number;
  readonly isPadding: boolean;
}

/** Rows that one workgroup of a grouped GEMM computes, all of one expert. */
export interface SortedBlock {
  readonly expert: number;
  readonly entries: readonly SortedEntry[];
}

/** The blocks that `moe_sorting` makes of the routes, in the order of memory. Expert 1 gets no token and therefore no block. */
export function sortedBlocks(): readonly SortedBlock[] {
  const shape = [ROUTES.length, 2];
  const operand = (name: string, type: 'i32' | 'f32', data: Int32Array | Float32Array) =>
    tensor(name, type, rowMajor(shape), asBytes(data));
  const sorted = moeSorting.reference(
    { experts: EXPERTS, block_m: BLOCK_M },
    {
      topk_ids: operand('topk_ids', 'i32', Int32Array.from(ROUTES.flat())),
      topk_weights: operand('topk_weights', 'f32', new Float32Array(ROUTES.length * 2).fill(0.5)),
    },
  );
  const ids = asI32(sorted.sorted_ids);
  const experts = asI32(sorted.sorted_expert_ids);
  const [used = 0] = asI32(sorted.num_valid);
  return Array.from({ length: used / BLOCK_M }, (_, block) => ({
    expert: experts[block] as number,
    entries: Array.from(ids.subarray(block * BLOCK_M, (block + 1) * BLOCK_M), (id) => {
      const token = id & 0xffffff;
      return { id, token, slot: id >>> 24, isPadding: token === ROUTES.length };
    }),
  }));
}
