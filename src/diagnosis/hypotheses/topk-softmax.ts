import { decodeArray } from '../../formats/decode.ts';
import { encodeArray } from '../../formats/encode.ts';
import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import { definitionOf, type OpName } from '../../ops/registry.ts';
import { storedAs } from '../../ops/shared/groups-output.ts';
import { floatValues } from '../../ops/shared/rows.ts';
import { softmaxAmong, type TopkSoftmaxParams } from '../../ops/topk-softmax.ts';
import { tensorFrom } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32, asI32 } from '../../tensor/views.ts';
import type { Hypothesis, MistakenCall, Variant } from '../hypothesis.ts';
import { range } from '../take.ts';

const OPS: readonly OpName[] = ['topk_softmax'];

/** Experts of one token and their weights. */
interface Route {
  readonly ids: readonly number[];
  readonly weights: readonly number[];
}

/** What a router makes of the logits of a token, and of what it should have chosen. */
type Router = (logits: readonly number[], right: Route, token: number) => Route;

/** Mistakes of a router between logits and the experts of tokens. */
export const TOPK_SOFTMAX_HYPOTHESES: readonly Hypothesis[] = [
  {
    ...about('topk-weights-not-normalised', 'the sum of the weights of a token is another one'),
    symptom: 'the right experts, and weights that are all too small (or too large) by a factor of each token',
    origin: 'derived: renormalize of AITER topk_softmax; softmax before topk without it, or after topk',
    remedy: 'Pass renormalize as norm_topk_prob of the model says; GPT-OSS takes the softmax of the kept logits.',
    hiddenBy: 'logits of which all but the kept ones are far below',
    variants(call) {
      const { order = 'softmax-topk', renormalize = true } = call.params as TopkSoftmaxParams;
      const sumsToOne = order === 'topk-softmax' || renormalize;
      const params = { ...call.params, order: 'softmax-topk', renormalize: !sumsToOne };
      const detail = sumsToOne ? 'softmax over all experts, not renormalised' : 'renormalised, or softmax after topk';
      return [
        { detail, make: () => ({ ...call, params }) },
        routed(call, 'divided by the largest', (_, { ids, weights }) => {
          return { ids, weights: weights.map((weight) => weight / Math.max(...weights)) };
        }),
      ];
    },
  },
  {
    ...about('topk-other-scores', 'weights are made of logits with another function than softmax'),
    symptom: 'the right experts in the right order, with other weights',
    origin:
      'derived: scoring functions of DeepSeek (sigmoid) and GPT-OSS (softmax); topk_sigmoid beside topk_softmax in AITER',
    remedy: 'Take scoring_func of the model config: softmax here.',
    hiddenBy: 'logits that are all alike',
    variants: (call) => [
      scored(call, 'sigmoid, normalised', (logit) => 1 / (1 + Math.exp(-logit)), true),
      scored(call, 'sigmoid', (logit) => 1 / (1 + Math.exp(-logit)), false),
      scored(call, 'powers of 2 instead of e', (logit) => 2 ** logit, true),
      scored(call, 'exp without division', Math.exp, false),
      scored(call, 'the logits themselves', (logit) => logit, false),
      scored(call, 'all alike', () => 1, true),
      routed(call, 'softmax over the tokens', (_, { ids, weights }, token) => {
        const columns = logitsOf(call);
        const own = ids.map((id) => {
          const column = columns.map((row) => row[id] as number);
          return softmaxAmong([column[token] as number], column, Math.max(...column))[0] as number;
        });
        return { ids, weights: own.length === weights.length ? own : weights };
      }),
    ],
  },
  {
    ...about('topk-other-experts', 'other experts than those of the largest logits are chosen'),
    symptom: 'other ids; the weights belong to them, or to the right ones',
    origin: 'derived: comparisons of topk kernels; torch.topk with largest=False; ids counted from 1',
    remedy: 'Compare ids with torch.topk(logits, k) of a few tokens.',
    hiddenBy: 'as many slots as there are experts',
    variants: (call) => [
      {
        detail: 'the smallest logits',
        make: () => chosen(call, (logits) => byLogit(logits).toReversed()),
      },
      {
        detail: 'the largest but one and those after it',
        make: () => chosen(call, (logits) => [...byLogit(logits).slice(1), ...byLogit(logits).slice(0, 1)]),
      },
      {
        detail: 'the largest magnitudes',
        make: () => chosen(call, (logits) => byLogit(logits.map(Math.abs))),
      },
      { detail: 'the first experts', make: () => chosen(call, (logits) => range(logits.length)) },
      routed(call, 'ids counted from 1', (_, { ids, weights }) => ({ ids: ids.map((id) => id + 1), weights })),
      routed(call, 'ids one too small', (_, { ids, weights }) => ({ ids: ids.map((id) => id - 1), weights })),
    ],
  },
  {
    ...about('topk-ties-last', 'equal logits go to the expert with the highest number'),
    symptom: 'tokens with equal logits have other ids; weights are right',
    origin: 'derived: AITER topk_softmax takes the lowest expert id of equal ones; torch.topk promises no order',
    remedy: 'Accept either where logits are equal, or compare with > instead of >= from the first expert on.',
    hiddenBy: 'logits that are all different; bf16 logits of many experts are not',
    variants: (call) => [{ detail: '', make: () => tiesToTheLast(call) }],
  },
  {
    ...about('topk-slots-in-other-order', 'the slots of a token are in another order'),
    symptom: 'the right experts and weights, in other slots',
    origin: 'derived: torch.topk with sorted=False, and kernels that compact a mask in the order of experts',
    remedy: 'Nothing is wrong as long as ids and weights move together; compare after sorting both by id.',
    hiddenBy: 'one slot',
    variants: (call) => [
      reordered(call, 'by expert', ({ ids }) => ascending(ids)),
      reordered(call, 'smallest weight first', ({ ids }) => range(ids.length).toReversed()),
      reordered(call, 'ids by expert, weights as they were', ({ ids }) => ascending(ids), false),
      reordered(call, 'ids in reverse, weights as they were', ({ ids }) => range(ids.length).toReversed(), false),
    ],
  },
  {
    ...about('topk-softmax-bf16', 'the router computes in bf16'),
    family: 'arithmetic',
    symptom: 'weights with three significant digits; experts with nearly equal logits change places',
    origin: 'derived: gpt_oss/torch/model.py takes the softmax in the type of the model',
    remedy: 'Keep logits and softmax in float32.',
    hiddenBy: 'logits and weights that bf16 holds',
    variants: (call) => [
      routed(call, 'weights rounded', (_, { ids, weights }) => ({ ids, weights: asBf16(weights) })),
      {
        detail: 'logits rounded',
        make: () => withLogits(call, logitsOf(call).map(asBf16)),
      },
    ],
  },
  {
    ...about('topk-softmax-overflow', 'the largest logit is not subtracted before exp'),
    family: 'arithmetic',
    symptom: 'NaN or zero weights for tokens with logits beyond 88; all others are right',
    origin: 'derived: AITER topk_softmax computes expf(l - max)',
    remedy: 'Subtract the maximum of the row first.',
    hiddenBy: 'logits below 88',
    variants: (call) => [
      routed(call, '', (logits, { ids, weights }) => {
        const infinite = logits.filter((logit) => Math.fround(Math.exp(logit)) === Number.POSITIVE_INFINITY);
        if (infinite.length === 0) return { ids, weights };
        return { ids, weights: ids.map((id) => (infinite.includes(logits[id] as number) ? Number.NaN : 0)) };
      }),
    ],
  },
];

function about(id: string, title: string): Pick<Hypothesis, 'id' | 'title' | 'family' | 'ops' | 'evidence'> {
  return { id, title, family: 'routing', ops: OPS, evidence: 'derived' };
}

function ascending(values: readonly number[]): readonly number[] {
  return range(values.length).toSorted((a, b) => (values[a] as number) - (values[b] as number));
}

function byLogit(logits: readonly number[]): readonly number[] {
  return ascending(logits.map((logit) => -logit));
}

function asBf16(values: readonly number[]): readonly number[] {
  return [...decodeArray('bf16', encodeArray('bf16', Float32Array.from(values)))];
}

function logitsOf({ operands: { logits } }: KernelCall): readonly (readonly number[])[] {
  if (logits === undefined) return [];
  const [tokens = 0, experts = 0] = logits.layout.shape;
  const values = floatValues(logits);
  return range(tokens).map((token) => [...values.subarray(token * experts, (token + 1) * experts)]);
}

/** The call with other logits, in float32. */
function withLogits(call: KernelCall, logits: readonly (readonly number[])[]): MistakenCall {
  const shape = [logits.length, logits[0]?.length ?? 0];
  return {
    ...call,
    operands: { ...call.operands, logits: tensorFrom('logits', 'f32', shape, Float32Array.from(logits.flat())) },
  };
}

function reference({ op, params, operands }: KernelCall): NamedTensors {
  return definitionOf(op).reference(params, operands);
}

/** What comes out when each token is routed in another way. */
function reroute(call: KernelCall, router: Router): NamedTensors {
  const right = reference(call);
  const { ids, weights } = right as { readonly ids: Tensor; readonly weights: Tensor };
  const [, topk = 1] = ids.layout.shape;
  const own = (data: Int32Array | Float32Array, token: number): number[] => [
    ...data.subarray(token * topk, (token + 1) * topk),
  ];
  const routes = logitsOf(call).map((logits, token) =>
    router(logits, { ids: own(asI32(ids), token), weights: own(asF32(weights), token) }, token),
  );
  return {
    weights: storedAs(weights, Float32Array.from(routes.flatMap((route) => route.weights))),
    ids: storedAs(ids, Int32Array.from(routes.flatMap((route) => route.ids))),
  };
}

function routed(call: KernelCall, detail: string, router: Router): Variant {
  return { detail, make: () => ({ ...call, compute: (cut) => reroute(cut, router) }) };
}

/** Weights that are a function of the logits, divided by their sum or not. */
function scored(call: KernelCall, detail: string, score: (logit: number) => number, normalised: boolean): Variant {
  return routed(call, detail, (logits, { ids }) => {
    const scores = ids.map((id) => score(logits[id] as number));
    const sum = normalised ? scores.reduce((total, value) => total + value, 0) : 1;
    return { ids, weights: scores.map((value) => value / sum) };
  });
}

/** The first experts of an order of all of them, weighted as the call says. */
function chosen(call: KernelCall, order: (logits: readonly number[]) => readonly number[]): MistakenCall {
  const { order: when = 'softmax-topk', renormalize = true } = call.params as TopkSoftmaxParams;
  const compute = (cut: KernelCall): NamedTensors =>
    reroute(cut, (logits, right) => {
      const ids = order(logits).slice(0, right.ids.length);
      const kept = ids.map((id) => logits[id] as number);
      const members = when === 'softmax-topk' && !renormalize ? logits : kept;
      return { ids, weights: softmaxAmong(kept, members, Math.max(...members)) };
    });
  return { ...call, compute };
}

function reordered(
  call: KernelCall,
  detail: string,
  order: (route: Route) => readonly number[],
  together: boolean = true,
): Variant {
  return routed(call, detail, (_, route) => {
    const slots = order(route);
    const ids = slots.map((slot) => route.ids[slot] as number);
    return { ids, weights: together ? slots.map((slot) => route.weights[slot] as number) : route.weights };
  });
}

/** The op prefers low numbers: on columns in reverse, high ones. */
function tiesToTheLast(call: KernelCall): MistakenCall {
  const compute = (cut: KernelCall): NamedTensors => {
    const logits = logitsOf(cut);
    const mirrored = reference(
      withLogits(
        cut,
        logits.map((row) => row.toReversed()),
      ),
    );
    const experts = logits[0]?.length ?? 0;
    const { ids } = mirrored as { readonly ids: Tensor };
    return {
      ...mirrored,
      ids: storedAs(
        ids,
        asI32(ids).map((id) => experts - 1 - id),
      ),
    };
  };
  return { ...call, compute };
}
