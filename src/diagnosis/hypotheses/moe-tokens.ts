import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import { tensor } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, OutputWindow, Variant } from '../hypothesis.ts';
import { range } from '../take.ts';
import {
  BOTH_STAGES,
  type Routing,
  routingOf,
  type SortedRoutes,
  shifted,
  sortRoutes,
  withData,
  withoutRoutes,
  withRows,
} from './moe-call.ts';

/** Rows a block of the kernels of AITER. */
const BLOCKS = [16, 32, 64, 128] as const;

/** Operands with a row for each token: activations and their scales. */
const ACTIVATIONS = ['x', 'x_scale', 'h', 'h_scale'];
const ROUTING = ['topk_ids', 'topk_weights'];

/** Mistakes with tokens on their way through a sort and back. */
export const MOE_TOKEN_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-tail-tokens-dropped',
    title: 'the last tokens, which do not fill a block, are left out',
    family: 'sharding and padding',
    ops: BOTH_STAGES,
    symptom: 'the last rows are zero; all others are right',
    origin: 'derived: a grid of T / block_m blocks that is rounded down',
    evidence: 'derived',
    remedy: 'Round the number of blocks up, and mask rows beyond T.',
    hiddenBy: 'a number of tokens that is a multiple of the block',
    variants(call) {
      const tokens = routingOf(call)?.tokens ?? 0;
      const tails = BLOCKS.map((block) => [tokens % block, `beyond whole blocks of ${block}`] as const);
      return ([[1, 'the very last one'], ...tails] as const)
        .filter(([tail]) => tail > 0 && tail < tokens)
        .map(([tail, detail]) => ({
          detail,
          make: () => ({ ...call, finish: (outputs, window) => withoutTail(outputs, window, tail) }),
        }));
    },
  },
  {
    id: 'moe-tokens-shifted',
    title: 'tokens are read one row off',
    family: 'routing',
    ops: BOTH_STAGES,
    symptom: 'every row is the right answer to another token',
    origin: 'derived: a row of padding or a prefix that one tensor of the call has and another has not',
    evidence: 'derived',
    remedy: 'Compare row 0 of x with row 0 of topk_ids, and slice padding off all operands alike.',
    hiddenBy: 'tokens that are all alike, as in a warm-up batch',
    variants: (call) =>
      [1, -1].flatMap((by) => {
        const rows = shifted(routingOf(call)?.tokens ?? 0, by);
        const which = by === 1 ? 'next' : 'previous';
        return [
          {
            detail: `activations of the ${which} token, with the routing of its own`,
            make: () => withRows(call, ACTIVATIONS, rows),
          },
          {
            detail: `activations and routing of the ${which} token`,
            make: () => withRows(call, [...ACTIVATIONS, ...ROUTING], rows),
          },
        ];
      }),
  },
  {
    id: 'moe-first-token-broadcast',
    title: 'every token is computed from the activations of one token',
    family: 'routing',
    ops: BOTH_STAGES,
    symptom: 'one row is right; tokens with the same routing get the same answer',
    origin: 'derived: a row stride of 0, from expand() or a tensor of shape [1, H] that is broadcast',
    evidence: 'derived',
    remedy: 'Call contiguous() on x, and pass its row stride.',
    hiddenBy: 'a single token',
    variants(call) {
      const tokens = routingOf(call)?.tokens ?? 0;
      return [
        {
          detail: 'the first',
          make: () =>
            withRows(
              call,
              ACTIVATIONS,
              range(tokens).map(() => 0),
            ),
        },
        {
          detail: 'the last',
          make: () =>
            withRows(
              call,
              ACTIVATIONS,
              range(tokens).map(() => tokens - 1),
            ),
        },
      ];
    },
  },
  {
    id: 'moe-expert-token-lost',
    title: 'one token of each expert is lost',
    family: 'routing',
    ops: BOTH_STAGES,
    symptom: 'a few tokens lack the answer of one expert, as many as there are experts',
    origin: 'derived: an off-by-one in the offsets of the experts (exclusive and inclusive cumulative sums)',
    evidence: 'derived',
    remedy: 'Check offsets of experts on a batch in which one expert has a single token.',
    hiddenBy: 'tokens beside these',
    variants: (call) => {
      const routing = routingOf(call);
      if (routing === undefined) return [];
      const { routes } = sortRoutes(routing, 1);
      const { ids } = routing;
      const first = new Set(routes.filter((route, at) => ids[route] !== ids[routes[at - 1] ?? -1]));
      const last = new Set(routes.filter((route, at) => ids[route] !== ids[routes[at + 1] ?? -1]));
      return [
        { detail: 'the last', make: () => withoutRoutes(call, (route) => last.has(route)) },
        { detail: 'the first', make: () => withoutRoutes(call, (route) => first.has(route)) },
      ];
    },
  },
  {
    id: 'moe-partial-blocks-dropped',
    title: 'the last block of each expert, which its tokens do not fill, is left out',
    family: 'sharding and padding',
    ops: BOTH_STAGES,
    symptom: 'experts with few tokens answer nothing, others lose their last tokens',
    origin: 'derived: sorted_ids of AITER moe_sorting, whose experts are padded to whole blocks',
    evidence: 'derived',
    remedy: 'Round the blocks of each expert up, and mask padding by its token, not by its block.',
    hiddenBy: 'experts that all have a multiple of block_m tokens',
    variants: (call) =>
      byBlock(call, (routing, block) => {
        const { routes } = sortRoutes(routing, block);
        return new Set(routes.filter((_, at) => routes[at - (at % block) + block - 1] === -1));
      }),
  },
  {
    id: 'moe-num-valid-unpadded',
    title: 'the kernel stops after as many sorted rows as there are routes, as if nothing were padded',
    family: 'sharding and padding',
    ops: BOTH_STAGES,
    symptom: 'the experts with high numbers answer nothing',
    origin: 'derived: num_valid_ids of AITER moe_sorting counts rows with padding, a multiple of block_m',
    evidence: 'derived',
    remedy: 'Bound the loop over sorted rows by num_valid_ids[0], not by T * topk.',
    hiddenBy: 'experts that all have a multiple of block_m tokens',
    variants: (call) =>
      byBlock(call, (routing, block) => {
        const { routes } = sortRoutes(routing, block);
        return new Set(routes.filter((route, at) => route >= 0 && at >= routing.tokens * routing.topk));
      }),
  },
  {
    id: 'moe-block-size-disagrees',
    title: 'routes are sorted into blocks of one size and multiplied in blocks of another',
    family: 'routing',
    ops: BOTH_STAGES,
    symptom: 'the first expert is right; others take weights of a neighbour or answer nothing',
    origin: 'derived: block_m of AITER moe_sorting against the tile of the kernel that a tuned row names',
    evidence: 'derived',
    remedy: 'Pass the same block_m to moe_sorting and to both stages.',
    hiddenBy: 'a single busy expert',
    acrossExperts: true,
    variants: (call) => {
      const routing = routingOf(call);
      if (routing === undefined) return [];
      const known = new Set<string>([routing.ids.join()]);
      return BLOCKS.flatMap((block) => {
        const sorted = sortRoutes(routing, block);
        return [2 * block, block / 2].flatMap((tile) => {
          const met = expertsOfTiles(routing, sorted, tile);
          if (!isNew(known, met)) return [];
          const detail = `sorted in blocks of ${block}, multiplied in blocks of ${tile}`;
          return [{ detail, make: () => withData(call, 'topk_ids', met) }];
        });
      });
    },
  },
];

/** One variant for each block size by which some, but not all, routes are lost. */
function byBlock(
  call: KernelCall,
  lostBy: (routing: Routing, block: number) => ReadonlySet<number>,
): readonly Variant[] {
  const routing = routingOf(call);
  if (routing === undefined) return [];
  const { length: sent } = routing.ids.filter((id) => id >= 0 && id < routing.experts);
  const known = new Set<string>();
  return BLOCKS.flatMap((block) => {
    const lost = lostBy(routing, block);
    // Where nothing at all is left, that has many causes.
    if (lost.size === 0 || lost.size === sent || !isNew(known, [...lost])) return [];
    return [{ detail: `block_m ${block}`, make: () => withoutRoutes(call, (route) => lost.has(route)) }];
  });
}

/** Large blocks do the same to few tokens: it is enough to try one of them. */
function isNew(known: Set<string>, routes: ArrayLike<number>): boolean {
  const key = Array.from(routes).join();
  if (known.has(key)) return false;
  known.add(key);
  return true;
}

/** Ids of the experts whose weights routes meet when the expert of a position is looked up by the wrong block. */
function expertsOfTiles({ ids }: Routing, { routes, blockExperts }: SortedRoutes, tile: number): Int32Array {
  const met = ids.map(() => -1);
  routes.forEach((route, at) => {
    if (route >= 0) met[route] = blockExperts[Math.floor(at / tile)] ?? -1;
  });
  return met;
}

/** Outputs with the last rows of the whole output zero. */
function withoutTail(outputs: NamedTensors, { rowCount, rows }: OutputWindow, tail: number): NamedTensors {
  const cut = (source: Tensor): Tensor => {
    const width = source.bytes.length / rows.length;
    const kept = Uint8Array.from(source.bytes);
    rows.forEach((row, at) => {
      if (row >= rowCount - tail) kept.fill(0, at * width, (at + 1) * width);
    });
    return tensor(source.name, source.type, source.layout, kept, source.scaling);
  };
  return Object.fromEntries(Object.entries(outputs).map(([name, source]) => [name, cut(source)]));
}
