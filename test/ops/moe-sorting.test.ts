import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnMajor } from '../../src/layout/catalog.ts';
import { type MoeSortingParams, moeSorting } from '../../src/ops/moe-sorting.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import { asF32, asI32 } from '../../src/tensor/views.ts';
import { goldenCases, stored } from './gemm-moe-support.ts';

function sort(
  topk: readonly (readonly number[])[],
  weights: readonly (readonly number[])[],
  params: MoeSortingParams,
): { ids: number[]; weights: number[]; experts: number[]; valid: number[] } {
  const shape = [topk.length, topk[0]?.length ?? 0];
  const sorted = moeSorting.reference(params, {
    topk_ids: tensorFrom('topk_ids', 'i32', shape, Int32Array.from(topk.flat())),
    topk_weights: tensorFrom('topk_weights', 'f32', shape, Float32Array.from(weights.flat())),
  });
  return {
    ids: Array.from(asI32(sorted.sorted_ids)),
    weights: Array.from(asF32(sorted.sorted_weights)),
    experts: Array.from(asI32(sorted.sorted_expert_ids)),
    valid: Array.from(asI32(sorted.num_valid)),
  };
}

const IDS = [
  [2, 0],
  [2, 1],
  [0, 2],
  [2, 0],
  [1, 2],
];
const WEIGHTS = [
  [0.6, 0.4],
  [0.7, 0.3],
  [0.55, 0.45],
  [0.9, 0.1],
  [0.5, 0.5],
];
const PAD = 0x02000005;

describe('moe_sorting', () => {
  it.each(goldenCases('moe.safetensors', 'moe_sorting'))('reproduces $name', (golden) => {
    const { experts, block_m } = golden.meta as { experts: number; block_m: number };
    const sorted = moeSorting.reference(
      { experts, block_m },
      { topk_ids: golden.read('topk_ids', 'i32'), topk_weights: golden.read('topk_weights', 'f32') },
    );
    for (const name of moeSorting.outputs) {
      expect(sorted[name].layout.shape, name).toEqual(golden.shape(name));
      expect(sorted[name].bytes, name).toEqual(golden.bytes(name));
    }
  });

  it('sorts five tokens over four experts of which one is idle', () => {
    const sorted = sort(IDS, WEIGHTS, { experts: 4, block_m: 4 });
    expect(sorted.ids).toEqual([
      ...[0x1000000, 0x2, 0x1000003, PAD, 0x1000001, 0x4, PAD, PAD, 0x0, 0x1, 0x1000002, 0x3, 0x1000004],
      ...new Array(11).fill(PAD),
    ]);
    const f = Math.fround;
    expect(sorted.weights).toEqual([
      ...[f(0.4), f(0.55), f(0.1), 0, f(0.3), 0.5, 0, 0, f(0.6), f(0.7), f(0.45), f(0.9), 0.5],
      ...new Array(11).fill(0),
    ]);
    expect(sorted.experts).toEqual([0, 1, 2, 2, -1, -1]);
    expect(sorted.valid).toEqual([16, 5]);
  });

  it('leaves out masked experts and counts the others from zero', () => {
    const sorted = sort(IDS, WEIGHTS, { experts: 4, block_m: 4, expert_mask: [0, 1, 1, 1] });
    expect(sorted.experts).toEqual([0, 1, 1, -1, -1, -1]);
    expect(sorted.valid).toEqual([12, 5]);
    expect(sorted.ids.slice(0, 12)).toEqual([
      0x1000001,
      0x4,
      PAD,
      PAD,
      0x0,
      0x1,
      0x1000002,
      0x3,
      0x1000004,
      PAD,
      PAD,
      PAD,
    ]);
  });

  it('sorts the first tokens only, but pads with the number of all', () => {
    const sorted = sort(IDS, WEIGHTS, { experts: 4, block_m: 4, num_local_tokens: 2 });
    expect(sorted.valid).toEqual([12, 2]);
    expect(sorted.ids.slice(0, 12)).toEqual([0x1000000, PAD, PAD, PAD, 0x1000001, PAD, PAD, PAD, 0x0, 0x1, PAD, PAD]);
    expect(sorted.ids).toHaveLength(24);
  });

  it('drops routes to experts that do not exist', () => {
    const sorted = sort(
      [
        [-1, 1],
        [7, 0],
      ],
      [
        [1, 2],
        [3, 4],
      ],
      { experts: 2, block_m: 2 },
    );
    expect(sorted.valid).toEqual([4, 2]);
    expect(sorted.ids.slice(0, 4)).toEqual([0x1000001, 0x2000002, 0x1000000, 0x2000002]);
    expect(sorted.weights.slice(0, 4)).toEqual([4, 0, 2, 0]);
  });

  it('places every route once, in a block of its expert, in ascending order', () => {
    const routing = fc
      .record({
        experts: fc.integer({ min: 1, max: 9 }),
        tokens: fc.integer({ min: 1, max: 20 }),
        block_m: fc.integer({ min: 1, max: 7 }),
      })
      .chain(({ experts, tokens, block_m }) =>
        fc.integer({ min: 1, max: experts }).chain((topk) =>
          fc.record({
            experts: fc.constant(experts),
            block_m: fc.constant(block_m),
            topk: fc.array(fc.shuffledSubarray([...Array(experts).keys()], { minLength: topk, maxLength: topk }), {
              minLength: tokens,
              maxLength: tokens,
            }),
          }),
        ),
      );
    fc.assert(
      fc.property(routing, ({ experts, block_m, topk }) => {
        const slots = topk[0]!.length;
        const weights = topk.map((row, token) => row.map((_, slot) => 1 + token * slots + slot));
        const sorted = sort(topk, weights, { experts, block_m });
        const [rows = 0] = sorted.valid;
        const seen: string[] = [];
        for (let row = 0; row < sorted.ids.length; row += 1) {
          const token = sorted.ids[row]! & 0xffffff;
          const slot = sorted.ids[row]! >> 24;
          if (token === topk.length) {
            expect([slot, sorted.weights[row]]).toEqual([slots, 0]);
            continue;
          }
          expect(row).toBeLessThan(rows);
          const expert = sorted.experts[Math.floor(row / block_m)]!;
          expect(topk[token]![slot]).toBe(expert);
          expect(sorted.weights[row]).toBe(weights[token]![slot]);
          seen.push([expert, token, slot].map((value) => String(value).padStart(3, '0')).join());
        }
        expect(rows % block_m).toBe(0);
        expect(sorted.experts.slice(rows / block_m).every((expert) => expert === -1)).toBe(true);
        expect(new Set(seen).size).toBe(topk.length * slots);
        expect(seen).toEqual(seen.toSorted());
      }),
      { numRuns: 200 },
    );
  });
});

describe('moe_sorting refuses', () => {
  const refuse =
    (params: Partial<MoeSortingParams>): (() => unknown) =>
    () =>
      sort(IDS, WEIGHTS, { experts: 4, block_m: 4, ...params });

  it.each([
    [{ experts: 0 }, 'parameter "experts": is 0, expected a positive integer.'],
    [{ block_m: 1.5 }, 'parameter "block_m": is 1.5, expected a positive integer.'],
    [{ expert_mask: [1] }, 'parameter "expert_mask": has 1 entries, expected 4, one an expert.'],
    [{ num_local_tokens: 6 }, 'parameter "num_local_tokens": is 6, expected an integer 0..5 (rows of topk_ids).'],
    [
      { experts: 1 },
      'operand "topk_ids": routes each token to 2 experts, but there are 1. Expert ids of a token must be distinct.',
    ],
  ])('%j', (params, message) => {
    expect(refuse(params)).toThrow(`moe_sorting: ${message}`);
  });

  it('weights of another shape, and ids in another order', () => {
    const topk_ids = tensorFrom('topk_ids', 'i32', [2, 2], new Int32Array(4));
    const topk_weights = tensorFrom('topk_weights', 'f32', [2, 1], new Float32Array(2));
    expect(() => moeSorting.plan({ experts: 2, block_m: 1 }, { topk_ids, topk_weights })).toThrow(
      'moe_sorting: operand "topk_weights": has shape [2, 1], expected [2, 2] (T, topk of topk_ids).',
    );
    const fits = tensorFrom('topk_weights', 'f32', [2, 2], new Float32Array(4));
    const transposed = stored(topk_ids, columnMajor([2, 2]));
    expect(() => moeSorting.plan({ experts: 2, block_m: 1 }, { topk_ids: transposed, topk_weights: fits })).toThrow(
      /^moe_sorting: tensor "topk_ids" is stored as /,
    );
  });

  it('more slots than an id can hold', () => {
    const topk_ids = tensorFrom('topk_ids', 'i32', [1, 128], new Int32Array(128));
    const topk_weights = tensorFrom('topk_weights', 'f32', [1, 128], new Float32Array(128));
    expect(() => moeSorting.plan({ experts: 200, block_m: 1 }, { topk_ids, topk_weights })).toThrow(
      'moe_sorting: operand "topk_ids": has shape [1, 128], but a sorted id has 24 bits for the token and 7 for the slot: ' +
        'at most 16777215 tokens and 127 slots. Split the batch.',
    );
  });
});
