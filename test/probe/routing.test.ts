import { describe, expect, it } from 'vitest';
import { raggedRouting } from '../../src/probe/routing.ts';

describe('ragged routing', () => {
  it.each([
    [24, 8, 3],
    [4, 8, 2],
    [61, 32, 4],
    [200, 128, 8],
    [13, 6, 4],
  ])(
    '%i tokens, %i experts, %i slots: an empty expert, one with a single token, distinct weights',
    (tokens, experts, topk) => {
      for (let salt = 0; salt < 20; salt += 1) {
        const { topk_ids, topk_weights } = raggedRouting(tokens, experts, topk, salt);
        const ids = new Int32Array(topk_ids.bytes.buffer);
        const weights = new Float32Array(topk_weights.bytes.buffer);
        const counts = new Int32Array(experts);
        for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(tokens * topk);
        expect(counts).toContain(0);
        expect(counts).toContain(1);
        expect(new Set(weights).size).toBe(weights.length);
        for (let token = 0; token < tokens; token += 1) {
          const own = ids.subarray(token * topk, (token + 1) * topk);
          expect(new Set(own).size).toBe(topk);
          const sum = weights.subarray(token * topk, (token + 1) * topk).reduce((total, weight) => total + weight, 0);
          expect(sum).toBeCloseTo(1, 6);
        }
        const first = Array.from(ids.subarray(0, topk));
        expect(first).toEqual(first.toSorted((a, b) => b - a));
      }
    },
  );

  it('sends few tokens to the same experts', () => {
    const { topk_ids } = raggedRouting(3, 8, 2, 5);
    const ids = new Int32Array(topk_ids.bytes.buffer);
    expect(new Set(ids).size).toBe(2);
  });

  it('takes as many slots as experts, and refuses more', () => {
    const { topk_ids } = raggedRouting(5, 4, 4, 1);
    expect(Array.from(new Int32Array(topk_ids.bytes.buffer).subarray(0, 4))).toEqual([3, 2, 1, 0]);
    expect(() => raggedRouting(5, 3, 4, 1)).toThrow(
      'probeCall: parameter "sizes": has topk = 4, but experts = 3: the experts of a token are distinct. Give more experts or a ' +
        'smaller topk.',
    );
  });
});
