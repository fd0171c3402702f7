import { describe, expect, test } from 'vitest';
import { type Layout, permute, rowMajor } from '../../../../src/layout/index.ts';
import { torchOf } from '../../../../src/visualizer/model/export/torch.ts';
import { PRESETS } from '../../../../src/visualizer/model/presets.ts';
import { DEFAULT_SCENE } from '../../../../src/visualizer/model/scene.ts';
import { bindSubject } from '../../../../src/visualizer/model/subject.ts';

interface Array_ {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** The elements of `from` by coordinates of another array. */
function gather(shape: readonly number[], pick: (coord: readonly number[]) => number): Array_ {
  const layout: Layout = rowMajor(shape);
  return { shape, data: Array.from({ length: product(shape) }, (_, at) => pick(layout.coord(at) ?? [])) };
}

/** The few functions of torch that the lines use. */
function runTorch(lines: string, input: Array_): Array_ {
  let x = input;
  for (const line of lines.split('\n')) {
    const numbers = (text = ''): number[] => text.split(',').map(Number);
    const padded = /pad\(x, \(([\d, ]+)\), value=(\d+)\)/.exec(line);
    const view = /\.view\(([\d, ]+)\)/.exec(line);
    const order = /\.permute\(([\d, ]+)\)/.exec(line);
    if (padded !== null) {
      const after = numbers(padded[1])
        .filter((_, at) => at % 2 === 1)
        .toReversed();
      const from = x;
      const layout = rowMajor(from.shape);
      x = gather(
        from.shape.map((size, axis) => size + (after[axis] ?? 0)),
        (coord) =>
          coord.some((at, axis) => at >= (from.shape[axis] ?? 0))
            ? Number(padded[2])
            : (from.data[layout.offset(coord)] ?? Number.NaN),
      );
    } else if (view !== null) {
      const shape = numbers(view[1]);
      expect(product(shape)).toBe(x.data.length);
      x = { shape, data: x.data };
    } else if (order !== null) {
      const axes = numbers(order[1]);
      const from = x;
      const layout = rowMajor(from.shape);
      x = gather(
        axes.map((axis) => from.shape[axis] ?? 0),
        (coord) => {
          const source = new Array<number>(coord.length);
          axes.forEach((axis, at) => {
            source[axis] = coord[at] as number;
          });
          return from.data[layout.offset(source)] ?? Number.NaN;
        },
      );
    } else expect(line).toMatch(/^(import torch|#.*|)$/);
  }
  return x;
}

describe('lines of torch', () => {
  test.each(PRESETS.filter(({ group }) => group !== 'model').map((preset) => [preset.id, preset] as const))(
    '%s: pad, view and permute give the bytes of the library',
    (_, { scene }) => {
      const subject = bindSubject(scene);
      const { layout } = subject.tensor;
      const lines = torchOf(subject);
      const shape = /\[([\d, ]+)\]/.exec(lines)?.[1]?.split(',').map(Number) ?? [];
      const packed = lines.includes('two fp4 codes a byte');
      const bits = packed ? 8 : subject.bits === 4 ? 4 : subject.bits;
      const data = Array.from({ length: product(shape) }, (_, at) => (at * 7919) % 251);
      const result = runTorch(lines, { shape, data });
      if (packed) {
        const bytes = Uint8Array.from(data);
        const want = permute(bytes, rowMajor(layout.shape), layout, 4, { fill: 0 });
        expect(result.data).toEqual([...want]);
        return;
      }
      expect(bits).toBe(subject.bits);
      const elements = rowMajor(layout.shape);
      const fill = Number(/value=(\d+)/.exec(lines)?.[1] ?? 0);
      const want = Array.from({ length: layout.storageSize }, (_, offset) => {
        const coord = layout.coord(offset);
        return coord === undefined ? fill : data[elements.offset(coord)];
      });
      expect(result.data).toEqual(want);
    },
  );

  test('reads like the source of AITER', () => {
    expect(torchOf(bindSubject(DEFAULT_SCENE))).toMatchInlineSnapshot(`
      "# x: torch.uint8 [64, 128], row-major (e4m3fn)
      x = x.view(4, 16, 4, 2, 16)  # n0 n1 k0 k1 k2
      x = x.permute(0, 2, 3, 1, 4)  # n0 k0 k1 n1 k2
      x = x.contiguous().view(64, 128)
      "
    `);
    const scale = { ...DEFAULT_SCENE, a: 'shuffle_scale', type: 'e8m0', shape: [192, 11] } as const;
    expect(torchOf(bindSubject(scale))).toMatchInlineSnapshot(`
      "import torch

      # x: torch.uint8 [192, 11], row-major (e8m0)
      x = torch.nn.functional.pad(x, (0, 5, 0, 64), value=0)
      x = x.view(8, 2, 16, 2, 2, 4)  # m0 m1 m2 g0 g1 g2
      x = x.permute(0, 3, 5, 2, 4, 1)  # m0 g0 g2 m2 g1 m1
      x = x.contiguous().view(256, 16)
      "
    `);
    const fp4 = { ...DEFAULT_SCENE, a: 'column-major', type: 'e2m1' } as const;
    expect(torchOf(bindSubject(fp4))).toMatchInlineSnapshot(`
      "# x: torch.uint8 [64, 128], row-major (one fp4 code a byte; pack pairs behind it)
      x = x.view(64, 128)  # d0 d1
      x = x.permute(1, 0)  # d1 d0
      x = x.contiguous().view(64, 128)
      "
    `);
  });
});
