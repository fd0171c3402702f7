import type { Layout } from '../../layout/layout.ts';
import { bindPattern, parsePattern } from '../../layout/notation.ts';
import { rowMajor } from '../../layout/plain.ts';
import { shuffleScale } from '../../layout/scales.ts';
import { w13Layout, w13ScaleLayout } from '../../layout/w13.ts';
import type { W13Shuffle } from '../../layout/w13-faults.ts';
import { shuffleWeight } from '../../layout/weights.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Matrix, misread, scaleShape } from './moe-parts.ts';

/** With so few rows in each half, reading L3 as L2 and L2 as L3 does the same: two blocks of 16 change places. */
export const SMALL_HALF = 32;

export type ShuffledPart = 'weight' | 'scale';

export function modeName(mode: W13Shuffle): string {
  return mode === 'separated' ? 'SEPARATED' : 'INTERLEAVE';
}

/** The gate modes that a kernel for these weights can have: that of shuffled ones, either for plain ones. */
export function expectedModes({ kind, family }: Matrix): readonly W13Shuffle[] {
  if (kind === 'w2' || family === 'shuffled-separated') return ['separated'];
  return family === 'shuffled-guinterleave' ? ['interleave'] : ['separated', 'interleave'];
}

/** Gate modes in which a kernel may read what was shuffled for the other one, without those that do the same. */
export function mistakenModes(matrix: Matrix): readonly W13Shuffle[] {
  const [first = 'separated'] = expectedModes(matrix);
  return matrix.rows / 2 <= SMALL_HALF ? [first] : [first, otherMode(first)];
}

export function otherMode(mode: W13Shuffle): W13Shuffle {
  return mode === 'separated' ? 'interleave' : 'separated';
}

/** The layout of a part of a matrix that is shuffled for a gate mode. w2 has one only. */
export function shuffledLayout(matrix: Matrix, mode: W13Shuffle, part: ShuffledPart): Layout {
  const { kind, experts, rows, columns } = matrix;
  const [, , groups] = scaleShape(matrix);
  if (kind === 'w2')
    return part === 'weight'
      ? shuffleWeight([experts, rows, columns], { bits: 4 })
      : shuffleScale([experts * rows, groups]);
  const step = { deinterleaved: 1, shuffle: mode } as const;
  return part === 'weight' ? w13Layout(step, [experts, rows, columns]) : w13ScaleLayout(step, [experts, rows, groups]);
}

/** The layout of a part that is not shuffled; scales over the rows of all experts. */
export function plainLayout(matrix: Matrix, part: ShuffledPart): Layout {
  const { experts, rows, columns } = matrix;
  const [, , groups] = scaleShape(matrix);
  return rowMajor(part === 'weight' ? [experts, rows, columns] : [experts * rows, groups]);
}

/** What a kernel of gate mode `read` makes of a part that was shuffled for `stored`. */
export function wrongMode(
  plain: Tensor,
  matrix: Matrix,
  stored: W13Shuffle,
  read: W13Shuffle,
  part: ShuffledPart,
): Tensor {
  if (stored === read) return plain;
  return misread(plain, shuffledLayout(matrix, stored, part), shuffledLayout(matrix, read, part));
}

/** What a kernel that reads shuffled parts makes of a plain one. */
export function notShuffled(plain: Tensor, matrix: Matrix, mode: W13Shuffle, part: ShuffledPart): Tensor {
  return misread(plain, plainLayout(matrix, part), shuffledLayout(matrix, mode, part));
}

/** What a kernel that reads plain parts makes of a shuffled one; the same as a shuffle of what is shuffled already. */
export function shuffledOnceMore(plain: Tensor, matrix: Matrix, mode: W13Shuffle, part: ShuffledPart): Tensor {
  return misread(plain, shuffledLayout(matrix, mode, part), plainLayout(matrix, part));
}

/** Rows and columns of each expert exchanged. @param shape [E, rows, columns] */
export function transposedLayout(shape: readonly number[]): Layout {
  return bindPattern(parsePattern('e=(e) r=(r) c=(c) -> e c r'), shape, { id: 'transposed' });
}
