import { describe, expect, it } from 'vitest';
import { catalog, type Layout, MFMA_MAPS, unravel } from '../../../src/layout/index.ts';
import { bitMatrix } from '../../../src/visualizer/model/bit-matrix.ts';
import { mfmaRef, resolveLayout } from '../../../src/visualizer/model/layout-ref.ts';
import { stepSample, stepSpots } from '../../../src/visualizer/model/step-cells.ts';
import { countersOf, lastStep, layoutSteps, type Step } from '../../../src/visualizer/model/steps.ts';

function stepsOf(ref: string, shape: readonly number[], params = {}): readonly Step[] {
  const resolved = resolveLayout(ref, shape, params);
  return layoutSteps(resolved.layout, countersOf(resolved, params));
}

const texts = (steps: readonly Step[]): readonly string[] => steps.map(({ text }) => text);

const every: readonly (readonly [string, Layout, ReadonlySet<string>])[] = [
  ...catalog.map((entry) => [entry.id, entry.example] as const),
  ...MFMA_MAPS.map((map) => [mfmaRef(map), map.layout.shape] as const),
  ['m=(m0 m1:2 m2:3 | pad 12) k=(k0:3 k1) -> k1 m0 m2 k0 m1', [20, 12]] as const,
].map(([ref, shape]) => {
  const resolved = resolveLayout(ref, shape, {});
  return [ref, resolved.layout, countersOf(resolved, {})];
});

describe('layoutSteps', () => {
  it("are AITER's for a preshuffled weight", () => {
    const steps = stepsOf('shuffle_weight(16,16)', [64, 128], { bits: 8 });
    expect(texts(steps)).toEqual([
      '[N, K]',
      'view(N/16, 16, K/32, 2, 16)',
      'permute(0, 2, 3, 1, 4)',
      'contiguous().view(64, 128)',
    ]);
    expect(steps.map(({ shape }) => shape)).toEqual([
      [64, 128],
      [4, 16, 4, 2, 16],
      [4, 4, 2, 16, 16],
      [64, 128],
    ]);
    expect(steps[2]?.names).toEqual(['N/16', 'K/32', '2', '16', '16']);
  });
  it("are AITER's for shuffled scales: view(sm // 32, 2, 16, sn // 8, 2, 4), permute(0, 3, 5, 2, 4, 1)", () => {
    const steps = stepsOf('shuffle_scale', [100, 11]);
    expect(texts(steps)).toEqual([
      '[M, G]',
      'pad(M to 256, G to 16)',
      'view(M/32, 2, 16, G/8, 2, 4)',
      'permute(0, 3, 5, 2, 4, 1)',
      'contiguous().view(256, 16)',
    ]);
    expect(steps[1]?.shape).toEqual([256, 16]);
  });
  it('name the digit that takes what the shape leaves, wherever it is', () => {
    expect(texts(stepsOf('shuffle_weight(guinterleave,gate_up)', [2, 64, 128], { bits: 8 })).slice(0, 3)).toEqual([
      '[E, N, K]',
      'view(E, 2, N/32, 16, K/64, 4, 16)',
      'permute(0, 2, 1, 4, 5, 3, 6)',
    ]);
    expect(texts(stepsOf('shuffle_scale(guinterleave,gate_up)', [256, 8], { experts: 4 }))[1]).toBe(
      'view(4, 2, M/128, 16, G/8, 2, 4)',
    );
    expect(texts(stepsOf('m=(m0:3 m1) (k) -> m1 m0 k', [12, 4]))).toEqual([
      '[M, K]',
      'view(3, M/3, K)',
      'permute(1, 0, 2)',
      'contiguous().view(12, 4)',
    ]);
  });
  it('leave out what changes nothing', () => {
    expect(texts(stepsOf('row-major', [4, 8]))).toEqual(['[d0, d1]', 'contiguous().view(4, 8)']);
    expect(texts(stepsOf('column-major', [4, 8]))).toEqual(['[d0, d1]', 'permute(1, 0)', 'contiguous().view(4, 8)']);
    expect(texts(stepsOf('scale-tma-aligned', [5, 7]))).toEqual([
      '[M, G]',
      'pad(M to 8)',
      'permute(1, 0)',
      'contiguous().view(8, 7)',
    ]);
  });
  it('have numbers alone for a matrix operand', () => {
    expect(texts(stepsOf('mfma.16x16x32.B.fp8', []))[1]).toBe('view(16, 4, 2, 4)');
  });
  it.each(every)(
    '%s: shapes multiply to the elements, and the count depends on nothing else',
    (_, layout, counters) => {
      const steps = layoutSteps(layout, counters);
      for (const { kind, shape, names } of steps) {
        expect(names.length).toBe(shape.length);
        const total = shape.reduce((product, size) => product * size, 1);
        expect(total).toBe(kind === 'logical' ? layout.size : layout.storageSize);
      }
      expect(lastStep(layout)).toBe(steps.length - 1);
    },
  );
});

describe('stepSample', () => {
  it.each(every)(
    '%s: cells are elements of the tensor, each once, and nowhere two at one spot',
    (_, layout, counters) => {
      for (const around of [0, layout.storageSize - 1]) {
        const sample = stepSample(layout, counters, around);
        expect(sample.cells.length).toBeLessThanOrEqual(2048);
        expect(new Set(sample.cells.map(({ key }) => key)).size).toBe(sample.cells.length);
        for (const { key, coord, isPadding } of sample.cells) {
          expect(isPadding ? undefined : coord).toEqual(layout.coord(key));
        }
        for (const { kind } of layoutSteps(layout)) {
          const spots = stepSpots(sample, kind);
          expect(new Set(spots.map(({ x, y }) => `${x.toFixed(3)},${y.toFixed(3)}`)).size).toBe(spots.length);
        }
      }
    },
  );
  it('shows two by two tiles of a weight', () => {
    const resolved = resolveLayout('shuffle_weight(16,16)', [64, 128], { bits: 8 });
    const sample = stepSample(resolved.layout, countersOf(resolved, { bits: 8 }), resolved.layout.offset([40, 100]));
    expect(sample.cells.length).toBe(2048);
    expect(sample.cells[0]?.coord).toEqual([32, 64]);
    expect(sample.cells.at(-1)?.coord).toEqual([63, 127]);
  });
  it('orders the stored cells as memory does', () => {
    const resolved = resolveLayout('shuffle_weight(16,16)', [32, 64], { bits: 8 });
    const sample = stepSample(resolved.layout, countersOf(resolved, { bits: 8 }));
    const spots = stepSpots(sample, 'contiguous');
    for (const [index, { key }] of sample.cells.entries())
      expect(spots[index]).toEqual({ x: key % 64, y: Math.floor(key / 64) });
  });
  it('keeps the logical picture until the view puts gaps between tiles', () => {
    const resolved = resolveLayout('shuffle_weight(16,16)', [32, 64], { bits: 8 });
    const sample = stepSample(resolved.layout, countersOf(resolved, { bits: 8 }));
    const at = sample.cells.findIndex(({ coord }) => coord[0] === 16 && coord[1] === 33);
    expect(stepSpots(sample, 'logical')[at]).toEqual({ x: 33, y: 16 });
    const { x, y } = stepSpots(sample, 'view')[at] ?? { x: 0, y: 0 };
    expect(x).toBeGreaterThan(33);
    expect(y).toBeGreaterThan(16);
  });
});

describe('bitMatrix', () => {
  it.each(every)('%s: the bits of every offset', (_, layout) => {
    const { rows, endsAt } = bitMatrix(layout);
    const count = 2 ** rows.length;
    for (let index = 0; index < layout.size; index += 1) {
      const coord = unravel(index, layout.shape);
      const bits = rows.reduce(
        (sum, { axis, bit }, at) => sum + (Math.floor((coord[axis] as number) / 2 ** bit) % 2) * 2 ** at,
        0,
      );
      expect(bits).toBe(layout.offset(coord) % count);
    }
    if (endsAt === undefined) expect(count).toBe(layout.storageSize);
  });
  it('ends at the first digit that is no power of two', () => {
    const { layout } = resolveLayout('shuffle_weight(16,16)', [64, 96], { bits: 8 });
    const { rows, endsAt } = bitMatrix(layout);
    expect([rows.length, endsAt]).toEqual([9, { name: 'k0', size: 3 }]);
  });
});
