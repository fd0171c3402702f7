import { decode } from '../formats/decode.ts';
import { encode } from '../formats/encode.ts';
import { normals } from './hash.ts';
import { floats, saltOf } from './operands.ts';
import type { OpProbe, ProbeRequest } from './probe.ts';
import { raggedRouting } from './routing.ts';

type RouteOp = 'moe_sorting' | 'topk_softmax';

export const routeProbes: Readonly<Record<RouteOp, OpProbe>> = {
  moe_sorting: {
    sizes: { tokens: 61, experts: 16, topk: 4 },
    choices: [],
    params: ({ experts }) => ({ experts, block_m: 16 }),
    make({ sizes, seed }) {
      const { tokens = 0, experts = 0, topk = 0 } = sizes;
      return { ...raggedRouting(tokens, experts, topk, saltOf(seed, 'topk_ids')) };
    },
    sizesOf({ topk_ids }, params) {
      const [tokens = 0, topk = 0] = topk_ids?.layout.shape ?? [];
      return { tokens, experts: (params as { readonly experts: number }).experts, topk };
    },
  },
  topk_softmax: {
    sizes: { tokens: 61, experts: 48, topk: 4 },
    choices: ['type'],
    type: 'f32',
    params: ({ topk }) => ({ topk }),
    make(request) {
      const { tokens = 0, experts = 0 } = request.sizes;
      return { logits: floats('logits', request.type, [tokens, experts], distinctLogits(request, tokens, experts)) };
    },
    sizesOf({ logits }, params) {
      const [tokens = 0, experts = 0] = logits?.layout.shape ?? [];
      return { tokens, experts, topk: (params as { readonly topk: number }).topk };
    },
  },
};

/** Normal logits; in the type they are stored in no two of a row are equal, so that ids do not depend on how ties are broken. */
function distinctLogits({ seed, type }: ProbeRequest, tokens: number, experts: number): Float32Array {
  const values = normals(tokens * experts, saltOf(seed, 'logits')).map((value) => 2 * value);
  const stored = (value: number): number => (type === 'f32' ? Math.fround(value) : decode(type, encode(type, value)));
  for (let token = 0; token < tokens; token += 1) {
    const seen = new Set<number>();
    for (let at = token * experts; at < (token + 1) * experts; at += 1) {
      let value = stored(values[at] as number);
      // A step of 2^-6 of itself is one that every type can store.
      while (seen.has(value)) value = stored(value * (1 + 2 ** -6));
      seen.add(value);
      values[at] = value;
    }
  }
  return values;
}
