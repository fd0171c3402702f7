import type { KernelCall } from '../../ops/kernel-call.ts';
import type { Hypothesis, MistakenCall, Variant } from '../hypothesis.ts';
import { BOTH_STAGES, type Routing, routingOf, withData } from './moe-call.ts';
import { way } from './moe-parts.ts';

/** Experts that one is mistaken for are tried one by one, up to this many. */
const MOST_EXPERTS = 16;

/**
 * The weights, scales and biases of another expert in the place of one: the same as its tokens sent to the other.
 * @param other expert whose weights lie in the place of one; -1 for none
 */
function withExperts(call: KernelCall, { ids, experts }: Routing, other: (expert: number) => number): MistakenCall {
  const moved = ids.map((id) => {
    if (id < 0 || id >= experts) return id;
    const to = other(id);
    return to >= 0 && to < experts ? to : -1;
  });
  return withData(call, 'topk_ids', moved);
}

function perRouting(variants: (call: KernelCall, routing: Routing) => readonly Variant[]): Hypothesis['variants'] {
  return (call) => {
    const routing = routingOf(call);
    return routing === undefined || routing.experts < 2 ? [] : variants(call, routing);
  };
}

/** Experts of a rank, for two and four ranks of expert parallelism; more than one, which is a mistake of its own. */
function rankSizes(experts: number): readonly number[] {
  return [2, 4].filter((ranks) => experts % ranks === 0 && experts / ranks > 1).map((ranks) => experts / ranks);
}

function signed(value: number): string {
  return value < 0 ? `${value}` : `+${value}`;
}

/** Mistakes with which expert's weights are where. */
export const MOE_EXPERT_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-experts-of-other-rank',
    title: 'the weights of another rank of expert parallelism are loaded',
    family: 'sharding and padding',
    ops: BOTH_STAGES,
    acrossExperts: true,
    symptom: 'garbage of a plausible size for every token; each expert computes well, for the wrong tokens',
    origin: 'derived: loaders keep experts rank * E / ranks and on of a checkpoint; expert_map of vLLM says which',
    evidence: 'derived',
    remedy:
      'Load expert e of the checkpoint into place e - first expert of the rank, and compare one with the checkpoint.',
    hiddenBy: 'experts that are alike',
    variants: perRouting((call, routing) => {
      const { experts } = routing;
      const shifts = [...new Set(rankSizes(experts).flatMap((size) => [size, experts - size]))];
      return shifts.map((by) =>
        way(`experts are ${by} further`, () => withExperts(call, routing, (expert) => (expert + by) % experts)),
      );
    }),
  },
  {
    id: 'moe-expert-ids-not-local',
    title: 'expert ids of all ranks are taken for those of one rank, or the other way round',
    family: 'sharding and padding',
    ops: BOTH_STAGES,
    acrossExperts: true,
    symptom: 'some tokens get the output of another expert, others none at all; with one rank everything is right',
    origin: 'derived: expert_map of vLLM and expert_mask of AITER turn numbers of experts into those of a rank',
    evidence: 'derived',
    remedy: 'Subtract the first expert of the rank from the ids once, and mark experts of other ranks as -1.',
    hiddenBy: 'one rank, or rank 0',
    variants: perRouting((call, routing) =>
      rankSizes(routing.experts)
        .flatMap((size) => [size, -size])
        .map((by) => way(`ids ${signed(by)}`, () => withExperts(call, routing, (expert) => expert + by))),
    ),
  },
  {
    id: 'moe-expert-stale',
    title: 'one expert has the weights, scales and biases of its neighbour',
    family: 'sharding and padding',
    ops: BOTH_STAGES,
    acrossExperts: true,
    symptom: 'tokens of one expert are wrong, all others are right',
    origin:
      'derived: weight loaders of vLLM and SGLang copy expert by expert (weight_loader with expert_id), from buffers that are used again',
    evidence: 'derived',
    remedy: 'Compare this expert with the checkpoint, and wait for each copy before its source is overwritten.',
    hiddenBy: 'tokens that are not sent to this expert',
    variants: perRouting((call, routing) => {
      const busy = [...new Set(routing.ids)].filter((id) => id >= 0 && id < routing.experts).sort((a, b) => a - b);
      return busy
        .slice(0, MOST_EXPERTS)
        .flatMap((stale) =>
          [stale - 1, stale + 1]
            .filter((other) => other >= 0 && other < routing.experts)
            .map((other) =>
              way(`expert ${stale} has those of expert ${other}`, () =>
                withExperts(call, routing, (expert) => (expert === stale ? other : expert)),
              ),
            ),
        );
    }),
  },
];
