import { describe, expect, it } from 'vitest';
import { DISTANCES, EXPONENTS, nonRepeating, scaleExponents } from '../../src/probe/exponents.ts';
import { probeCall } from '../../src/probe/probe-call.ts';
import { toRowMajor } from '../../src/tensor/relayout.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32 } from '../../src/tensor/views.ts';

/** Pairs of equal values at a distance, along the rows and along the columns of a matrix. */
function repeats(values: ArrayLike<number>, rows: number, columns: number, distance: number): number {
  let count = 0;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const own = values[row * columns + column];
      if (row + distance < rows && values[(row + distance) * columns + column] === own) count += 1;
      if (column + distance < columns && values[row * columns + column + distance] === own) count += 1;
    }
  }
  return count;
}

describe('exponents that do not repeat', () => {
  it('differ at the distances of tiles, in rows and in columns', () => {
    const exponents = scaleExponents(700, 300, 7, { rows: [96, 192, 48], columns: [24] });
    for (const distance of DISTANCES) expect(repeats(exponents, 700, 300, distance), `${distance}`).toBe(0);
    const column = exponents.filter((_, at) => at % 300 === 0);
    for (const by of [96, 192, 48]) expect(repeats(column, 700, 1, by)).toBe(0);
    expect(new Set(exponents).size).toBe(EXPONENTS);
    const sorted = exponents.toSorted();
    expect([sorted[0], sorted.at(-1)]).toEqual([111, 123]);
  });

  it('have no period', () => {
    const sequence = nonRepeating(600, 3);
    for (let period = 1; period <= 300; period += 1) {
      const same = sequence.filter((value, at) => at >= period && sequence[at - period] === value).length;
      expect(same, `period ${period}`).toBeLessThan(200);
    }
  });

  it('keep apart the distances of the hand-checked list, whatever the salt', () => {
    for (let salt = 0; salt < 50; salt += 1) {
      const sequence = nonRepeating(520, salt, [12, 60, 360]);
      for (const by of [1, 4, 16, 32, 128, 12, 60, 360]) {
        expect(sequence.some((value, at) => at >= by && sequence[at - by] === value)).toBe(false);
      }
    }
  });
});

const exponentsOf = (scale: Tensor): ArrayLike<number> =>
  scale.type === 'e8m0'
    ? toRowMajor(scale).bytes
    : asF32(toRowMajor(scale)).map((value) => Math.floor(Math.log2(value)));

describe('scales of probes', () => {
  it.each([
    ['gemm_a8w8_blockscale', { m: 150, n: 700, k: 2300 }, ['x_scale', 'w_scale']],
    ['gemm_a8w8_blockscale_bpreshuffle', { m: 150, n: 704, k: 2304 }, ['x_scale', 'w_scale']],
    ['gemm_a8w8_bpreshuffle', { m: 150, n: 320, k: 96 }, ['x_scale', 'w_scale']],
    ['gemm_a4w4_bpreshuffle', { m: 150, n: 320, k: 1280 }, ['x_scale', 'w_scale']],
    ['fp8_gemm_nt', { m: 150, n: 704, k: 2304 }, ['x_scale', 'w_scale']],
    ['moe_stage1_mxfp4', { hidden: 1152, inter: 96 }, ['w13_scale']],
    ['fused_moe_mxfp4', { hidden: 320, inter: 192 }, ['w1_scale', 'w2_scale']],
  ] as const)('%s', (op, sizes, names) => {
    const { operands } = probeCall({ op, sizes });
    for (const name of names) {
      const scale = operands[name] as Tensor;
      const columns = scale.layout.shape.at(-1) as number;
      const rows = scale.layout.size / columns;
      const exponents = exponentsOf(scale);
      for (const by of [1, 4, 16, 32, 128]) expect(repeats(exponents, rows, columns, by), `${name} ${by}`).toBe(0);
      expect(new Set(Array.from(exponents)).size).toBeGreaterThan(4);
    }
  });

  it('of gate and up rows, and of neighbouring experts, differ', () => {
    const { operands } = probeCall({ op: 'moe_stage1_mxfp4', sizes: { inter: 96, hidden: 192 }, layout: 'plain' });
    const { bytes } = operands['w13_scale'] as Tensor;
    const [rows, groups] = [192, 6];
    for (const by of [96, 192]) {
      expect(bytes.some((value, at) => at >= by * groups && bytes[at - by * groups] === value)).toBe(false);
    }
    expect(bytes.length).toBe(8 * rows * groups);
  });

  it.each(['per_1x128_quant', 'mxfp4_quant', 'per_token_quant', 'deepgemm_per_block_cast'] as const)(
    '%s gives neighbouring groups other exponents',
    async (op) => {
      const { definitionOf } = await import('../../src/ops/registry.ts');
      const { params, operands } = probeCall({ op });
      const { scale } = definitionOf(op).reference(params, operands) as { readonly scale: Tensor };
      const columns = scale.layout.shape.at(-1) as number;
      for (const by of [1, 2, 4]) {
        expect(repeats(exponentsOf(scale), scale.layout.size / columns, columns, by)).toBe(0);
      }
    },
  );
});
