import { describe, expect, it } from 'vitest';
import { PreshuffleError } from '../../../src/errors.ts';
import { catalog, readAs } from '../../../src/layout/index.ts';
import {
  bindPair,
  countClasses,
  DIFF_CLASSES,
  type DiffClass,
  type Pair,
  type PairScene,
  readingOf,
} from '../../../src/visualizer/model/diff.ts';
import { candidates, fittingShapes } from '../../../src/visualizer/model/diff-choices.ts';
import { describeMisreading, firstWrong, misreadingAt, percentText } from '../../../src/visualizer/model/diff-lines.ts';
import { everyCoord } from '../../layout/support.ts';

const L2 = 'shuffle_weight(16,16)';
const L3 = 'shuffle_weight(guinterleave,gate_up)';

function pairOf(a: string, b: string, type: PairScene['type'], shape: readonly number[], experts = 1): Pair {
  return bindPair({ a, b, type, shape, experts });
}

/** The class by its definition. */
function slowClass({ written, read, bits, tile }: Pair, coord: readonly number[]): DiffClass {
  const [from, to] = [written.layout.offset(coord), read.layout.offset(coord)];
  const got = readAs(written.layout, read.layout)(coord);
  if (got === undefined) return 'lost';
  if (String(got) === String(coord)) return 'right';
  const byte = (offset: number): number => Math.floor((offset * bits) / 8);
  const same = (size: number): boolean => Math.floor(byte(from) / size) === Math.floor(byte(to) / size);
  if (same(16)) return 'line';
  if (same(1024)) return 'lane';
  return Math.floor(from / tile.elements) === Math.floor(to / tile.elements) ? 'tile' : 'far';
}

describe('classes', () => {
  it.each([
    [[64, 128], 'e4m3fn'],
    [[2, 64, 128], 'e2m1'],
    [[100, 11], 'e8m0'],
    [[5, 7], 'f32'],
  ] as const)('are those of the definition, and counted exactly, for every pair of layouts of %j %s', (shape, type) => {
    const ids = catalog.map(({ id }) => id).filter((id) => accepts({ a: id, b: id, type, shape, experts: 1 }));
    expect(ids.length).toBeGreaterThan(3);
    const coords = [...everyCoord(shape)].filter((_, at) => at % 7 === 0 || shape.length === 2);
    for (const [at, a] of ids.entries()) {
      // Each layout with itself and three others, so that every one is on both sides.
      for (const b of [0, 1, 3, 6].map((step) => ids[(at + step) % ids.length] as string)) {
        const pair = pairOf(a, b, type, shape);
        const { classAt, liesAt } = readingOf(pair);
        const seen = new Map<DiffClass, number>();
        for (const coord of coords) {
          const offset = pair.read.layout.offset(coord);
          const expected = slowClass(pair, coord);
          if (classAt(offset) !== expected || liesAt(offset) !== pair.written.layout.offset(coord))
            expect.fail(`${a} read as ${b} at [${coord.join(', ')}]: ${classAt(offset)}, expected ${expected}`);
          seen.set(expected, (seen.get(expected) ?? 0) + 1);
        }
        if (shape.length > 2) continue;
        const { shares, exact } = countClasses(pair);
        expect(exact).toBe(true);
        for (const name of DIFF_CLASSES) expect(shares[name]).toBeCloseTo((seen.get(name) ?? 0) / coords.length, 12);
      }
    }
  });

  it('knows padding of the reader and addresses behind the end', () => {
    const pair = pairOf('row-major', 'shuffle_scale', 'e8m0', [100, 11]);
    const { classAt, liesAt } = readingOf(pair);
    // Row 255 is padding of the reader; 100 x 11 bytes were written.
    expect(liesAt(4095)).toBe(-1);
    expect(classAt(4095)).toBe('lost');
    expect(classAt(2000)).toBe('lost');
  });

  it('counts a sample of what is too large, and what is right exactly', () => {
    const { shares, exact, counted } = countClasses(pairOf(L3, L2, 'e2m1', [128, 5760, 2944]));
    expect({ exact, counted }).toEqual({ exact: false, counted: 65_536 });
    expect(shares.right).toBe(32 / 5760);
    expect(DIFF_CLASSES.reduce((sum, name) => sum + shares[name], 0)).toBeCloseTo(1, 12);
    expect(shares.far).toBeCloseTo(1 - 32 / 5760, 12);
  });

  it('says what a tile is', () => {
    expect(pairOf('row-major', L2, 'e4m3fn', [64, 256]).tile).toEqual({
      elements: 4096,
      text: '16 whole rows, 4096 bytes',
    });
    expect(pairOf(L2, 'row-major', 'e2m1', [64, 256]).tile.text).toBe('1 whole row, 128 bytes');
    expect(pairOf('row-major', 'column-major', 'e4m3fn', [64, 256]).tile.text).toBe('the whole tensor, 16384 bytes');
    expect(pairOf('row-major', 'shuffle_scale', 'e8m0', [100, 11]).tile.text).toBe('32 whole rows, 512 bytes');
  });

  it('names dimensions and tensor by the layout that has names', () => {
    const named = (a: string, b: string, shape: readonly number[]) => {
      const { names, tensor } = pairOf(a, b, 'f32', shape);
      return `${tensor}[${names.join(',')}]`;
    };
    expect(named('scale-tv', 'row-major', [4, 8])).toBe('S[m,g]');
    expect(named('gate_up_interleaved', 'row-major', [2, 8, 4])).toBe('W[e,n,k]');
    expect(named('gate_up_interleaved', 'row-major', [2, 8])).toBe('W[e,n]');
    expect(named('column-major', 'row-major', [4, 8])).toBe('T[n,k]');
    expect(named('column-major', 'row-major', [2, 2, 2, 2])).toBe('T[d0,d1,d2,d3]');
  });
});

function accepts(scene: PairScene): boolean {
  try {
    bindPair(scene);
    return true;
  } catch (error) {
    if (error instanceof PreshuffleError) return false;
    throw error;
  }
}

describe('lines', () => {
  it('say what is asked for, read, found, and where it is', () => {
    const pair = pairOf(L2, 'row-major', 'e4m3fn', [64, 128]);
    const line = (coord: readonly number[]): string => describeMisreading(pair, pair.read.layout.offset(coord));
    expect(line([2, 16])).toBe(
      'The kernel asks for W[n=2, k=16], reads byte 0x110, where W[n=1, k=16] lies; W[n=2, k=16] lies at byte 0x120.',
    );
    expect(line([0, 3])).toBe('The kernel asks for W[n=0, k=3], reads byte 0x3 and gets it.');
  });
  it('say so for nibbles, padding and what lies behind the end', () => {
    const fp4 = pairOf(L3, L2, 'e2m1', [2, 128, 128]);
    expect(describeMisreading(fp4, fp4.read.layout.offset([0, 16, 1]))).toBe(
      'The kernel asks for W[e=0, n=16, k=1], reads byte 0x400 high nibble, where W[e=0, n=64, k=1] lies; ' +
        'W[e=0, n=16, k=1] lies at byte 0x800 high nibble.',
    );
    const scale = pairOf('row-major', 'shuffle_scale', 'e8m0', [100, 11]);
    expect(describeMisreading(scale, 4095)).toBe('The kernel takes byte 0xfff for padding; the bytes end before it.');
    const behind = [...everyCoord([100, 11])].find((coord) => scale.read.layout.offset(coord) >= 1100) ?? [];
    expect(describeMisreading(scale, scale.read.layout.offset(behind))).toContain(
      ', behind the end of the bytes; S[m=',
    );
    const back = pairOf('shuffle_scale', 'row-major', 'e8m0', [100, 11]);
    const lost = [...everyCoord([100, 11])].find((coord) => misreadingAt(back, coord).got === undefined) ?? [];
    expect(describeMisreading(back, back.read.layout.offset(lost))).toContain(', which is padding; S[m=');
  });
  it('list the first wrong elements', () => {
    const wrong = firstWrong(pairOf(L3, L2, 'e2m1', [2, 128, 128]));
    expect(wrong.map(({ asked }) => asked)).toEqual(Array.from({ length: 8 }, (_, k) => [0, 16, k]));
    expect(wrong[0]).toEqual({ asked: [0, 16, 0], offset: 2048, got: [0, 64, 0], liesAt: 4096, kind: 'far' });
    expect(firstWrong(pairOf(L2, 'shuffle_weight_gfx1250', 'e4m3fn', [64, 128]))).toEqual([]);
  });
  it.each([
    [0, '0 %'],
    [1, '100 %'],
    [0.25, '25 %'],
    [1 / 3, '33.3 %'],
    [0.0156, '1.56 %'],
    [1e-9, '< 0.01 %'],
    [1 - 1e-9, '> 99.99 %'],
    [0.99444, '99.44 %'],
  ])('%d is %s', (share, text) => expect(percentText(share)).toBe(text));
});

describe('choices', () => {
  it('offer every other layout that takes the shape, best read first', () => {
    const list = candidates({ a: L3, type: 'e2m1', shape: [2, 128, 128], experts: 1 });
    const ids = list.map(({ ref }) => ref);
    expect(ids).toContain('row-major');
    expect(ids).toContain(L2);
    expect(ids).not.toContain(L3);
    expect(ids).not.toContain('scale-cm');
    const right = list.map(({ right: { correct } }) => correct);
    expect(right).toEqual(right.toSorted((a, b) => b - a));
  });
  it('offer shapes that both take', () => {
    const shapes = fittingShapes({ a: L3, b: 'row-major', type: 'e4m3fn', shape: [64, 128], experts: 1 });
    expect(shapes).toEqual([
      [2, 64, 128],
      [2, 128, 128],
    ]);
    expect(fittingShapes({ a: 'mfma.16x16x32.A.fp8', b: L2, type: 'e4m3fn', shape: [64, 128], experts: 1 })).toEqual([
      [16, 32],
    ]);
  });
});

it('refuses a matrix operand of another shape', () =>
  expect(() => pairOf('mfma.16x16x32.A.fp8', 'row-major', 'e4m3fn', [64, 128])).toThrow(
    'are bound to different shapes; bind both to one.',
  ));
