import { ParameterError } from '../errors.ts';
import { nextUpF32 } from '../formats/f32.ts';
import { tensorFrom } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { hash, uniform } from './hash.ts';

/** Experts and weights of tokens. */
export interface Routing {
  /** i32 [tokens, topk], distinct in each row. */
  readonly topk_ids: Tensor<'i32', 'row-major'>;
  /** f32 [tokens, topk], distinct, the sum of each row 1. */
  readonly topk_weights: Tensor<'f32', 'row-major'>;
}

/** With so few tokens all of them go to the same experts. */
const FEW_TOKENS = 3;

/**
 * Ragged routing, on which mistakes in sorting, padding and bookkeeping show. Where sizes allow it: one expert gets no token and one a
 * single token, the others very different numbers; the slots of token 0 are in descending order of experts, those of others in any.
 * Three tokens and fewer all go to the same experts. Weights differ from route to route.
 *
 * @throws ParameterError for more slots than experts
 */
export function raggedRouting(tokens: number, experts: number, topk: number, salt: number): Routing {
  if (topk > experts) {
    throw new ParameterError(
      'probeCall',
      'sizes',
      `has topk = ${topk}, but experts = ${experts}: the experts of a token are distinct. Give more experts or a smaller topk.`,
    );
  }
  const ids = new Int32Array(tokens * topk);
  const order = shuffledNumbers(experts, salt);
  const spare = tokens <= FEW_TOKENS ? 0 : Math.max(0, experts - topk);
  const alone = spare >= 2 ? (order.at(-2) as number) : undefined;
  const popular = order.slice(0, Math.max(topk, experts - Math.min(2, spare)));
  const guest = alone === undefined ? -1 : hash(tokens, salt) % Math.max(1, tokens);
  for (let token = 0; token < tokens; token += 1) {
    const own = tokens <= FEW_TOKENS ? order.slice(0, topk) : someOf(popular, topk, token, salt);
    if (token === guest && alone !== undefined && topk > 0) own[hash(token, salt) % topk] = alone;
    if (token === 0) own.sort((a, b) => b - a);
    ids.set(own, token * topk);
  }
  return {
    topk_ids: tensorFrom('topk_ids', 'i32', [tokens, topk], ids),
    topk_weights: tensorFrom('topk_weights', 'f32', [tokens, topk], routeWeights(tokens, topk, salt + 1)),
  };
}

/** Numbers 0 .. count - 1 in an order of their own. */
function shuffledNumbers(count: number, salt: number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index);
  return numbers.toSorted((a, b) => hash(a, salt) - hash(b, salt));
}

/** `count` distinct experts; those at the front of the list are chosen far more often. */
function someOf(list: readonly number[], count: number, token: number, salt: number): number[] {
  const rank = (position: number): number =>
    (position + 1) ** 0.7 * -Math.log(1 - uniform(token * 4099 + position, salt));
  return list
    .map((expert, position) => ({ expert, at: rank(position) }))
    .toSorted((a, b) => a.at - b.at)
    .slice(0, count)
    .map(({ expert }) => expert);
}

/** Positive numbers with sum 1 a token, largest first, no two equal. */
function routeWeights(tokens: number, topk: number, salt: number): Float32Array {
  const weights = new Float32Array(tokens * topk);
  const seen = new Set<number>();
  for (let token = 0; token < tokens; token += 1) {
    const raw = Array.from({ length: topk }, (_, slot) => 0.2 + uniform(token * topk + slot, salt)).toSorted(
      (a, b) => b - a,
    );
    const sum = raw.reduce((total, value) => total + value, 0);
    raw.forEach((value, slot) => {
      let weight = Math.fround(value / sum);
      while (seen.has(weight)) weight = nextUpF32(weight);
      seen.add(weight);
      weights[token * topk + slot] = weight;
    });
  }
  return weights;
}
