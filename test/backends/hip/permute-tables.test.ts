import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permuteLaunch } from '../../../backends/hip/kernels/permute.ts';
import { divisor, type PermuteTables, permuteTables } from '../../../backends/hip/kernels/permute-tables.ts';
import { columnMajor, rowMajor, shuffleScale, shuffleWeight } from '../../../src/layout/catalog.ts';
import { Layout } from '../../../src/layout/layout.ts';
import { layoutsFor } from '../webgpu/permute-inputs.ts';

/** What permute.hip does with a divisor. */
function quotient(number: number, multiplier: number, shifts: number): number {
  const high = Number((BigInt(number) * BigInt(multiplier)) >> 32n);
  const sum = high + Math.floor((number - high) / 2 ** (shifts & 255));
  return Math.floor(sum / 2 ** (shifts >> 8));
}

/** What permute.hip does: the source unit of a target unit, undefined for padding. */
function sourceOf({ axes, axis, target, source }: PermuteTables, unit: number): number | undefined {
  const at = (table: Uint32Array, index: number): number => table[index] as number;
  let offset = 0;
  let [t, s] = [0, 0];
  for (let index = 0; index < axes; index += 1) {
    let coordinate = 0;
    for (; t < at(axis, index * 3 + 1); t += 1) {
      const shifted = quotient(unit, at(target, t * 6), at(target, t * 6 + 1));
      const rest = quotient(shifted, at(target, t * 6 + 2), at(target, t * 6 + 3));
      coordinate += (shifted - rest * at(target, t * 6 + 4)) * at(target, t * 6 + 5);
    }
    if (coordinate >= at(axis, index * 3)) return undefined;
    for (; s < at(axis, index * 3 + 2); s += 1) {
      const rest = quotient(coordinate, at(source, s * 4), at(source, s * 4 + 1));
      offset += (coordinate - rest * at(source, s * 4 + 2)) * at(source, s * 4 + 3);
      coordinate = rest;
    }
  }
  return offset;
}

/** Compares the tables with the layouts, for every unit. */
function expectRight(from: Layout, to: Layout, bits: number): PermuteTables {
  const tables = permuteTables(from, to, bits);
  if (typeof tables === 'string') throw new Error(tables);
  const elements = tables.unitBits / bits;
  for (let unit = 0; unit < tables.units; unit += 1) {
    const got = sourceOf(tables, unit);
    for (let lane = 0; lane < elements; lane += 1) {
      const coord = to.coord(unit * elements + lane);
      const wanted = coord === undefined ? undefined : from.offset(coord);
      if (wanted !== (got === undefined ? undefined : got * elements + lane)) {
        expect.fail(
          `${from.id} -> ${to.id}, ${bits} bits: unit ${unit} comes from ${got}, expected ${wanted} / ${elements}`,
        );
      }
    }
  }
  return tables;
}

describe('a divisor', () => {
  it('divides every number by every number', () => {
    const edges = [
      1,
      2,
      3,
      5,
      7,
      10,
      16,
      255,
      256,
      641,
      65535,
      65536,
      65537,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 31 + 1,
      2 ** 32 - 1,
    ];
    for (const d of edges) {
      for (const n of [0, ...edges, d - 1, d + 1, 2 * d - 1]) {
        if (n < 2 ** 32) expect([n, d, quotient(n, ...divisor(d))]).toEqual([n, d, Math.floor(n / d)]);
      }
    }
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(word, word, (n, less) => {
        const d = Math.max(1, less);
        return quotient(n, ...divisor(d)) === Math.floor(n / d);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the tables of a permutation', () => {
  it.each([4, 8, 16, 32, 64])('find every element of every layout, %i bits', (bits) => {
    for (const layout of layoutsFor(bits)) {
      const plain = rowMajor(layout.shape);
      expectRight(plain, layout, bits);
      expectRight(layout, plain, bits);
    }
  });

  it('move neighbours together where both layouts keep them', () => {
    const units = (from: Layout, to: Layout, bits: number): number => expectRight(from, to, bits).unitBits;
    const plain = rowMajor([64, 128]);
    expect(units(plain, shuffleWeight([64, 128], { bits: 8 }), 8)).toBe(128);
    expect(units(plain, shuffleWeight([64, 128], { bits: 4 }), 4)).toBe(128);
    expect(units(plain, shuffleWeight([64, 128], { bits: 8 }), 4)).toBe(64);
    expect(units(plain, plain, 64)).toBe(128);
    expect(units(plain, columnMajor([64, 128]), 8)).toBe(8);
    expect(units(rowMajor([5, 6]), rowMajor([5, 6]), 4)).toBe(8);
    expect(units(rowMajor([5, 7]), rowMajor([5, 7]), 4)).toBe(4);
    // Columns pad to a multiple of 8: a unit is never half padding.
    expect(units(rowMajor([32, 6]), shuffleScale([32, 6]), 8)).toBe(8);
  });

  it('work where digits do not nest', () => {
    const blocks = (size: number, count: number): Layout =>
      new Layout({
        id: `blocks of ${size}`,
        dims: [
          {
            name: 'n',
            size: 48,
            factors: [
              { name: 'n0', size: count },
              { name: 'n1', size },
            ],
          },
        ],
        order: ['n1', 'n0'],
      });
    expectRight(blocks(16, 3), blocks(24, 2), 8);
    expectRight(blocks(24, 2), blocks(16, 3), 4);
    expectRight(blocks(10, 5), blocks(16, 3), 16);
  });

  it('refuse what exceeds the kernel', () => {
    const deep = (factors: number): Layout =>
      new Layout({
        id: 'deep',
        dims: [
          {
            name: 'n',
            size: 2 ** factors,
            factors: Array.from({ length: factors }, (_, index) => ({ name: `n${index}`, size: 2 })),
          },
        ],
        order: Array.from({ length: factors }, (_, index) => `n${index % 2 === 0 ? index + 1 : index - 1}`),
      });
    expect(permuteTables(rowMajor([2 ** 16]), deep(16), 8)).not.toBeTypeOf('string');
    const reason =
      '1 dimensions with 18 and 1 digits exceed the 8 dimensions and 16 digits of the kernel: use the cpu backend.';
    expect(permuteTables(rowMajor([2 ** 18]), deep(18), 8)).toBe(reason);
    expect(permuteTables(rowMajor(Array(9).fill(2)), rowMajor(Array(9).fill(2)), 8)).toMatch(/^9 dimensions /);
    expect(permuteTables(rowMajor([2 ** 17, 2 ** 16]), columnMajor([2 ** 17, 2 ** 16]), 8)).toBe(
      '8589934592 units of 8 bits exceed the 32-bit positions of the kernel: use the cpu backend.',
    );
    // As many elements in units of 16 bytes are no problem.
    expect(
      permuteTables(rowMajor([2 ** 17, 2 ** 16]), shuffleWeight([2 ** 17, 2 ** 16], { bits: 8 }), 8),
    ).toMatchObject({
      unitBits: 128,
      units: 2 ** 29,
    });
    const buffers = { from: 0n, to: 0n, bits: 8, fill: 0 };
    expect(() => permuteLaunch({ ...buffers, fromLayout: rowMajor([2 ** 18]), toLayout: deep(18) })).toThrow(
      `permute: parameter "to": ${reason}`,
    );
  });
});
