import { decodeArray } from '../../formats/decode.ts';
import { encodeArray } from '../../formats/encode.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { asF32 } from '../../tensor/views.ts';
import type { Hypothesis, MistakenCall, Variant } from '../hypothesis.ts';
import { range } from '../take.ts';
import {
  BOTH_STAGES,
  type Routing,
  routingOf,
  SECOND_STAGE,
  shifted,
  withData,
  withoutRoutes,
  withRows,
} from './moe-call.ts';

/** The order of the slots of a token in a mistaken call: slot s holds what belongs to slot `order[s]`. */
type SlotOrder = (ids: readonly number[], weights: readonly number[]) => readonly number[];

/** Mistakes with the experts that tokens go to, and with the weights of their answers. */
export const MOE_ROUTING_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-routing-weight-dropped',
    title: 'the answers of the experts are added up without the routing weights',
    family: 'routing',
    ops: SECOND_STAGE,
    symptom: 'every token is too large, by about the number of slots',
    origin: 'derived: doweight_stage1 of AITER fused_moe; a second stage that takes h as weighted',
    evidence: 'derived',
    remedy: 'Multiply by sorted_weights in stage 2, or pass doweight_stage1 to both stages alike.',
    hiddenBy: 'one expert a token with a weight of 1',
    variants: weightsBecome('', () => 1),
  },
  {
    id: 'moe-routing-weight-renormalised',
    title: 'routing weights are normalised again over the slots of a token',
    family: 'routing',
    ops: SECOND_STAGE,
    symptom: 'each token is off by a factor of its own',
    origin:
      'derived: renormalize of AITER topk_softmax, for a model that does without (or scales what it has normalised)',
    evidence: 'derived',
    remedy: 'Pass renormalize=False where the model has norm_topk_prob false, and apply routed_scaling_factor once.',
    hiddenBy: 'weights whose sum is 1 for every token, as most routers give them',
    variants: (call) => [
      weightsOfTokens(call, 'divided by their sum', (weights) => {
        const sum = weights.reduce((total, weight) => total + weight, 0);
        return weights.map((weight) => weight / sum);
      }),
      weightsOfTokens(call, 'put through softmax once more', (weights) => {
        const sum = weights.reduce((total, weight) => total + Math.exp(weight), 0);
        return weights.map((weight) => Math.exp(weight) / sum);
      }),
    ],
  },
  {
    id: 'moe-routing-slots-disagree',
    title: 'routing weights and expert ids are in another order of the slots',
    family: 'routing',
    ops: SECOND_STAGE,
    symptom: 'plausible answers; tokens whose weights are alike are nearly right',
    origin: 'derived: topk with sorted=False, or a sort by expert id, of one of the two tensors',
    evidence: 'derived',
    remedy: 'Take ids and weights from one topk, and gather the weights with the ids that you pass on.',
    hiddenBy: 'one slot; weights that are all alike',
    variants: (call) => [
      slotsInOrder(call, ['topk_weights'], 'weights reversed', (ids) => range(ids.length).toReversed()),
      slotsInOrder(call, ['topk_weights'], 'weights one slot on', (ids) => shifted(ids.length, 1)),
      slotsInOrder(call, ['topk_weights'], 'weights one slot back', (ids) => shifted(ids.length, -1)),
      slotsInOrder(call, ['topk_weights'], 'weights in the order of the expert ids', byAscending),
      slotsInOrder(call, ['topk_ids'], 'ids reversed', (ids) => range(ids.length).toReversed()),
      slotsInOrder(call, ['topk_ids'], 'ids in ascending order', byAscending),
      slotsInOrder(call, ['topk_weights'], 'weights in descending order', (_, weights) =>
        range(weights.length).toSorted((a, b) => (weights[b] as number) - (weights[a] as number)),
      ),
    ],
  },
  {
    id: 'moe-routing-of-neighbour',
    title: 'tokens get the routing of the token beside them',
    family: 'routing',
    ops: BOTH_STAGES,
    symptom: 'garbage; right where neighbours go to the same experts with like weights',
    origin: 'derived: an offset of one row between the tokens and the outputs of topk_softmax',
    evidence: 'derived',
    remedy:
      'Compare the row of topk_ids and topk_weights with that of x at each token; look for padding in front of the batch.',
    hiddenBy: 'tokens that all have the same routing',
    variants: (call) => {
      const whole = ['ids and weights', ['topk_ids', 'topk_weights']] as const;
      const parts = [['ids', ['topk_ids']] as const, ['weights', ['topk_weights']] as const];
      const ways = call.operands['topk_weights'] === undefined ? parts.slice(0, 1) : [whole, ...parts];
      return ways.flatMap(([what, names]) =>
        [1, -1].map((by) => ({
          detail: `${what} of the ${by === 1 ? 'next' : 'previous'} token`,
          make: () => withRows(call, names, shifted(routingOf(call)?.tokens ?? 0, by)),
        })),
      );
    },
  },
  {
    id: 'moe-routing-slot-lost',
    title: 'the answer of some slots of a token is lost',
    family: 'routing',
    ops: BOTH_STAGES,
    symptom: 'every token is too small, and lacks the same slots',
    origin:
      'derived: a sorted id (slot << 24 | token) compared with T unmasked leaves slot 0 only; an output that is stored instead of added to ' +
      'keeps one slot',
    evidence: 'derived',
    remedy: 'Mask sorted ids with 0xFFFFFF before they are used, and accumulate into a zeroed output.',
    hiddenBy: 'one expert a token',
    variants: (call) => {
      const routing = routingOf(call);
      if (routing === undefined || routing.topk < 2) return [];
      const { topk } = routing;
      const lost: readonly (readonly [string, (route: number) => boolean])[] = [
        ['only slot 0 is left', (route) => route % topk !== 0],
        ['only the last slot is left', (route) => route % topk !== topk - 1],
        ['slot 0 is lost', (route) => route % topk === 0],
        ['the last slot is lost', (route) => route % topk === topk - 1],
        ['only the highest expert is left', notHighest(routing)],
      ];
      return lost.flatMap(([detail, isLost]) => {
        const inBoth = { detail, make: () => withoutRoutes(call, isLost) };
        return call.op === 'fused_moe_mxfp4'
          ? [inBoth, { detail: `${detail}, in stage 2`, make: () => weightless(call, isLost) }]
          : [inBoth];
      });
    },
  },
  {
    id: 'moe-routing-weights-bf16',
    title: 'routing weights are rounded to bf16',
    family: 'arithmetic',
    ops: SECOND_STAGE,
    symptom: 'a difference in the last bit of a good part of the outputs',
    origin: 'derived: topk_weights in the type of the model; GPT-OSS takes the softmax in bf16',
    evidence: 'derived',
    remedy: 'Keep topk_weights in float32, or accept the last bit.',
    hiddenBy: 'weights that bf16 holds, such as 0.5 and 0.25',
    variants: weightsBecome('', (weight) => {
      const [rounded = 0] = decodeArray('bf16', encodeArray('bf16', Float32Array.of(weight)));
      return rounded;
    }),
  },
];

function weightsBecome(detail: string, change: (weight: number) => number): Hypothesis['variants'] {
  return (call) => [{ detail, make: () => withData(call, 'topk_weights', weightsOf(call).map(change)) }];
}

function weightsOf({ operands: { topk_weights: weights } }: KernelCall): Float32Array {
  return weights === undefined ? new Float32Array() : asF32(weights);
}

function weightsOfTokens(
  call: KernelCall,
  detail: string,
  change: (weights: readonly number[]) => readonly number[],
): Variant {
  const make = (): MistakenCall => {
    const [, topk = 1] = call.operands['topk_weights']?.layout.shape ?? [];
    const weights = Float32Array.from(weightsOf(call));
    for (let at = 0; at < weights.length; at += topk) weights.set(change([...weights.subarray(at, at + topk)]), at);
    return withData(call, 'topk_weights', weights);
  };
  return { detail, make };
}

function byAscending(ids: readonly number[]): readonly number[] {
  return range(ids.length).toSorted((a, b) => (ids[a] as number) - (ids[b] as number));
}

/** The slots of some operands in an order that depends on ids and weights of the token. */
function slotsInOrder(call: KernelCall, names: readonly string[], detail: string, order: SlotOrder): Variant {
  const make = (): MistakenCall => {
    const { ids, topk } = routingOf(call) as Routing;
    const weights = weightsOf(call);
    const source = (route: number): number => {
      const start = route - (route % topk);
      const own = order([...ids.subarray(start, start + topk)], [...weights.subarray(start, start + topk)]);
      return start + (own[route % topk] as number);
    };
    return names.reduce<MistakenCall>((changed, name) => {
      const data = name === 'topk_ids' ? ids : weights;
      return withData(
        changed,
        name,
        data.map((_, route) => data[source(route)] as number),
      );
    }, call);
  };
  return { detail, make };
}

/** Routes that are not to the highest expert of their token: the last one to write, in the order of a sort. */
function notHighest({ ids, topk }: Routing): (route: number) => boolean {
  return (route) => {
    const start = route - (route % topk);
    return ids[route] !== Math.max(...ids.subarray(start, start + topk));
  };
}

/** Routes without weight: their h is computed, and lost. */
function weightless(call: KernelCall, lost: (route: number) => boolean): MistakenCall {
  return withData(
    call,
    'topk_weights',
    weightsOf(call).map((weight, route) => (lost(route) ? 0 : weight)),
  );
}
