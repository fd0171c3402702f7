import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import type { MoeSortingParams } from '../../ops/moe-sorting.ts';
import { definitionOf, type OpName } from '../../ops/registry.ts';
import { storedAs } from '../../ops/shared/groups-output.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32, asI32 } from '../../tensor/views.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { range } from '../take.ts';

const OPS: readonly OpName[] = ['moe_sorting'];
const SLOT_SHIFT = 24;
const TOKEN = 2 ** SLOT_SHIFT - 1;

/** A sorted route. */
interface Entry {
  readonly token: number;
  readonly slot: number;
  readonly weight: number;
}

/** An expert of the output, and the routes in its blocks. */
interface ExpertBlocks {
  readonly expert: number;
  readonly entries: readonly Entry[];
}

/** What a sort is made of. */
interface Sort {
  readonly experts: readonly ExpertBlocks[];
  readonly block: number;
  readonly tokens: number;
  readonly topk: number;
  /** Tokens sorted. */
  readonly local: number;
}

/** How a sort is written down. */
interface Writing {
  readonly id: (entry: Entry) => number;
  readonly pad: number;
  readonly padWeight: number;
  /** Whether an expert without routes has a block. */
  readonly emptyBlocks: boolean;
  readonly valid: (padded: number) => readonly number[];
}

/** Mistakes of a sort of routes by expert. */
export const MOE_SORTING_HYPOTHESES: readonly Hypothesis[] = [
  {
    ...about('sorting-pad-id', 'padding has another id'),
    symptom: 'all routes are right; entries between them are not',
    origin: 'derived: AITER moe_sorting pads with topk << 24 | T, its mxfp4 sort with T alone',
    remedy: 'Mask ids with 0xFFFFFF and compare with T, which both kinds of padding pass.',
    hiddenBy: 'experts that all have a multiple of block_m routes',
    variants: (call) => [
      written(call, 'T without a slot', ({ tokens }) => ({ pad: tokens })),
      written(call, '0, a real token', () => ({ pad: 0 })),
      written(call, '-1', () => ({ pad: -1 })),
      written(call, 'topk << 24, without T', ({ topk }) => ({ pad: topk << SLOT_SHIFT })),
      written(call, '(topk - 1) << 24 | T', ({ topk, tokens }) => ({ pad: ((topk - 1) << SLOT_SHIFT) | tokens })),
      written(call, '0xFFFFFF', () => ({ pad: TOKEN })),
    ],
  },
  {
    ...about('sorting-id-fields', 'token and slot are put together in another way'),
    symptom: 'tokens of slot 0 may be right, all others are out of range',
    origin: 'derived: sorted_token_ids of AITER is slot << 24 | token; other sorts keep the token or the route alone',
    remedy: 'Store slot << 24 | token, and take both apart where ids are read.',
    hiddenBy: 'one slot',
    variants: (call) => [
      written(call, 'the token alone', () => ({ id: ({ token }) => token })),
      written(call, 'the route, token * topk + slot', ({ topk }) => ({ id: ({ token, slot }) => token * topk + slot })),
      written(call, 'token << 8 | slot', () => ({ id: ({ token, slot }) => (token << 8) | slot })),
      written(call, 'token << 24 | slot', () => ({ id: ({ token, slot }) => (token << SLOT_SHIFT) | slot })),
      written(call, 'slot << 16 | token', () => ({ id: ({ token, slot }) => (slot << 16) | token })),
    ],
  },
  {
    ...about('sorting-expert-ids', 'the blocks have the numbers of other experts'),
    symptom: 'routes are right; every block is multiplied with the weights of another expert',
    origin: 'derived: sorted_expert_ids of AITER count local experts from 0, one entry a block',
    remedy: 'Count the experts that expert_mask keeps from 0, and write one id for each block.',
    hiddenBy: 'a single expert',
    variants: (call) => [
      changed(call, 'one too large', (sort) => renumbered(sort, (expert) => expert + 1)),
      changed(call, 'one too small', (sort) => renumbered(sort, (expert) => expert - 1)),
      changed(call, 'global numbers', (sort) => renumbered(sort, globalOf(call.params as MoeSortingParams))),
      changed(call, 'only experts with routes are counted', (sort) => ({
        ...sort,
        experts: sort.experts.map((own, at) => ({ ...own, expert: at })),
      })),
    ],
  },
  {
    ...about('sorting-order', 'routes are sorted in another order'),
    symptom: 'the right routes in other places; a kernel that reads only this sort does not mind',
    origin: 'derived: atomics of sorts leave the order inside an expert open, as in the mxfp4 sort of AITER',
    remedy: 'Compare the routes of each expert as a set, where the kernel does not promise an order.',
    hiddenBy: 'one route an expert',
    variants: (call) => [
      changed(call, 'the last expert first', (sort) => ({ ...sort, experts: sort.experts.toReversed() })),
      changed(call, 'by slot, then by token', (sort) =>
        entriesBy(sort, (a, b) => a.slot - b.slot || a.token - b.token),
      ),
      changed(call, 'the last token first', (sort) => entriesBy(sort, (a, b) => b.token - a.token || b.slot - a.slot)),
      changed(call, 'the largest weight first', (sort) => entriesBy(sort, (a, b) => b.weight - a.weight)),
    ],
  },
  {
    ...about('sorting-block-size', 'experts are padded to blocks of another size'),
    symptom: 'the first expert is right; those after it begin elsewhere',
    origin: 'derived: block_m of AITER get_block_size_M against that of the kernel',
    remedy: 'Pass the block_m of the kernel to moe_sorting.',
    hiddenBy: 'one busy expert',
    variants: (call) => {
      const { block_m: own } = call.params as MoeSortingParams;
      return [...new Set([1, own / 2, 2 * own, 4, 16, 32, 64, 128])]
        .filter((block) => block !== own && Number.isInteger(block))
        .map((block) => changed(call, block === 1 ? 'not padded' : `${block}`, (sort) => ({ ...sort, block })));
    },
  },
  {
    ...about('sorting-empty-experts', 'experts without tokens get a block of padding'),
    symptom: 'experts behind one without tokens begin a block later',
    origin: 'derived: a padded count of at least one block; AITER gives none to experts without tokens',
    remedy: 'Round the count of each expert up to whole blocks, 0 to 0.',
    hiddenBy: 'tokens for every expert',
    variants: (call) => [written(call, '', () => ({ emptyBlocks: true }))],
  },
  {
    ...about('sorting-num-valid', 'num_valid counts something else'),
    symptom: 'ids and weights are right; a kernel stops too early or reads what is unwritten',
    origin: 'derived: num_valid_ids of AITER: rows with padding, then local tokens',
    remedy: 'Store the padded number of rows, a multiple of block_m, and behind it the number of tokens.',
    hiddenBy: 'experts that all have a multiple of block_m routes',
    variants: (call) => [
      written(call, 'rows without padding', (sort) => ({ valid: () => [routesIn(sort), sort.local] })),
      written(call, 'blocks', (sort) => ({ valid: (padded) => [padded / sort.block, sort.local] })),
      written(call, 'the two the other way round', (sort) => ({ valid: (padded) => [sort.local, padded] })),
      written(call, 'all tokens, not the local ones', (sort) => ({ valid: (padded) => [padded, sort.tokens] })),
      written(call, 'routes instead of tokens', (sort) => ({ valid: (padded) => [padded, sort.local * sort.topk] })),
    ],
  },
  {
    ...about('sorting-weights', 'sorted weights belong to other routes'),
    symptom: 'ids are right, weights are not',
    origin: 'derived: sorted_weights of AITER: topk_weights at [token, slot], 0 in padding',
    remedy: 'Gather topk_weights at token * topk + slot of each sorted id, and write 0 where there is none.',
    hiddenBy: 'weights that are all alike',
    variants: (call) => {
      const weights = call.operands['topk_weights'];
      const [, topk = 1] = weights?.layout.shape ?? [];
      const at = (index: number): number => (weights === undefined ? 0 : (asF32(weights)[index] ?? 0));
      return [
        written(call, 'padding has the weight 1', () => ({ padWeight: 1 })),
        changed(call, 'those of slot 0', (sort) => reweighted(sort, ({ token }) => at(token * topk))),
        changed(call, 'those at slot * T + token', (sort) =>
          reweighted(sort, ({ token, slot }) => at(slot * sort.tokens + token)),
        ),
        changed(call, 'those at the token alone', (sort) => reweighted(sort, ({ token }) => at(token))),
        changed(call, 'all 1', (sort) => reweighted(sort, () => 1)),
      ];
    },
  },
];

function about(id: string, title: string): Pick<Hypothesis, 'id' | 'title' | 'family' | 'ops' | 'evidence'> {
  return { id, title, family: 'routing', ops: OPS, evidence: 'derived' };
}

/** Takes the op's own sort apart. */
function sortOf({ op, params, operands }: KernelCall): { readonly sort: Sort; readonly outputs: NamedTensors } {
  const outputs = definitionOf(op).reference(params, operands);
  const {
    sorted_ids: sortedIds,
    sorted_weights: sortedWeights,
    sorted_expert_ids: expertIds,
    num_valid: valid,
  } = outputs;
  const [tokens = 0, topk = 1] = operands['topk_ids']?.layout.shape ?? [];
  const { block_m: block } = params as MoeSortingParams;
  const [rows = 0, local = 0] = asI32(valid as Tensor);
  const [ids, weights] = [asI32(sortedIds as Tensor), asF32(sortedWeights as Tensor)];
  const experts = new Map<number, Entry[]>();
  for (let row = 0; row < rows; row += 1) {
    const expert = asI32(expertIds as Tensor)[Math.floor(row / block)] as number;
    const id = ids[row] as number;
    const entries = experts.get(expert) ?? [];
    experts.set(expert, entries);
    if ((id & TOKEN) < tokens)
      entries.push({ token: id & TOKEN, slot: id >>> SLOT_SHIFT, weight: weights[row] as number });
  }
  const blocks = [...experts].map(([expert, entries]) => ({ expert, entries }));
  return { sort: { experts: blocks, block, tokens, topk, local }, outputs };
}

/** Writes a sort into outputs of the op's sizes; what does not fit is cut off. */
function write(sort: Sort, outputs: NamedTensors, localExperts: number, changes: Partial<Writing>): NamedTensors {
  const { tokens, topk, block, local } = sort;
  const writing: Writing = {
    id: ({ token, slot }) => (slot << SLOT_SHIFT) | token,
    pad: (topk << SLOT_SHIFT) | tokens,
    padWeight: 0,
    emptyBlocks: false,
    valid: (padded) => [padded, local],
    ...changes,
  };
  const size = (name: string): number => outputs[name]?.layout.size ?? 0;
  const ids = new Int32Array(size('sorted_ids')).fill(writing.pad);
  const weights = new Float32Array(ids.length).fill(writing.padWeight);
  const expertIds = new Int32Array(size('sorted_expert_ids')).fill(-1);
  let row = 0;
  const all = writing.emptyBlocks ? withEmpty(sort.experts, localExperts) : sort.experts;
  for (const { expert, entries } of all) {
    entries.forEach((entry, at) => {
      if (row + at >= ids.length) return;
      ids[row + at] = writing.id(entry);
      weights[row + at] = entry.weight;
    });
    const used = Math.max(writing.emptyBlocks ? 1 : 0, Math.ceil(entries.length / block));
    expertIds.fill(expert, row / block, row / block + used);
    row += used * block;
  }
  const data: Readonly<Record<string, Int32Array | Float32Array>> = {
    sorted_ids: ids,
    sorted_weights: weights,
    sorted_expert_ids: expertIds,
    num_valid: Int32Array.from(writing.valid(row)),
  };
  return Object.fromEntries(
    Object.entries(outputs).map(([name, spec]) => [name, storedAs(spec, data[name] ?? new Int32Array())]),
  );
}

function withEmpty(experts: readonly ExpertBlocks[], count: number): readonly ExpertBlocks[] {
  return range(count).map((expert) => experts.find((own) => own.expert === expert) ?? { expert, entries: [] });
}

function written(call: KernelCall, detail: string, changes: (sort: Sort) => Partial<Writing>): Variant {
  return variant(call, detail, (sort) => sort, changes);
}

function changed(call: KernelCall, detail: string, change: (sort: Sort) => Sort): Variant {
  return variant(call, detail, change, () => ({}));
}

function variant(
  call: KernelCall,
  detail: string,
  change: (sort: Sort) => Sort,
  changes: (sort: Sort) => Partial<Writing>,
): Variant {
  const compute = (cut: KernelCall): NamedTensors => {
    const { sort, outputs } = sortOf(cut);
    const { experts, expert_mask: mask } = cut.params as MoeSortingParams;
    const localExperts = mask === undefined ? experts : mask.filter((kept) => kept !== 0).length;
    return write(change(sort), outputs, localExperts, changes(sort));
  };
  return { detail, make: () => ({ ...call, compute }) };
}

function renumbered(sort: Sort, number: (expert: number) => number): Sort {
  return { ...sort, experts: sort.experts.map((own) => ({ ...own, expert: number(own.expert) })) };
}

/** Number of a local expert among all. */
function globalOf({ experts, expert_mask: mask }: MoeSortingParams): (expert: number) => number {
  const kept = range(experts).filter((expert) => mask?.[expert] !== 0);
  return (expert) => kept[expert] ?? expert;
}

function entriesBy(sort: Sort, order: (a: Entry, b: Entry) => number): Sort {
  return { ...sort, experts: sort.experts.map((own) => ({ ...own, entries: own.entries.toSorted(order) })) };
}

function reweighted(sort: Sort, weight: (entry: Entry) => number): Sort {
  const entries = (own: ExpertBlocks): readonly Entry[] =>
    own.entries.map((entry) => ({ ...entry, weight: weight(entry) }));
  return { ...sort, experts: sort.experts.map((own) => ({ ...own, entries: entries(own) })) };
}

function routesIn({ experts }: Sort): number {
  return experts.reduce((sum, { entries }) => sum + entries.length, 0);
}
