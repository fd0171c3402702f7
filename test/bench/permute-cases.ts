import {
  gateUpInterleaved,
  rowMajor,
  shuffleScale,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../src/layout/catalog.ts';
import type { Layout } from '../../src/layout/layout.ts';
import { permute } from '../../src/layout/permute.ts';

/** A permutation and a plain copy of the same bytes. */
export interface PermuteCase {
  readonly name: string;
  readonly bytes: number;
  run(): void;
  copy(): void;
}

const ROWS = 4096;
const COLUMNS = 7168;

function permuteCase(name: string, from: Layout, to: Layout, bits: number): PermuteCase {
  const bytes = (from.storageSize * bits) / 8;
  const source = Uint8Array.from({ length: bytes }, (_, index) => index * 7 + (index >> 8));
  const target = new Uint8Array((to.storageSize * bits) / 8);
  const plain = new Uint8Array(bytes);
  return {
    name,
    bytes,
    run: () => void permute(source, from, to, bits, { out: target }),
    copy: () => plain.set(source),
  };
}

/** The conversions of a load of a large weight: 4096 x 7168 bytes each, into memory that exists. */
export const permuteCases: readonly PermuteCase[] = [
  permuteCase('shuffle_weight fp8', rowMajor([ROWS, COLUMNS]), shuffleWeight([ROWS, COLUMNS], { bits: 8 }), 8),
  permuteCase(
    'shuffle_weight bf16',
    rowMajor([ROWS, COLUMNS / 2]),
    shuffleWeight([ROWS, COLUMNS / 2], { bits: 16 }),
    16,
  ),
  permuteCase('shuffle_weight fp4', rowMajor([ROWS, COLUMNS * 2]), shuffleWeight([ROWS, COLUMNS * 2], { bits: 4 }), 4),
  permuteCase(
    'shuffle_weight gate/up interleaved fp8',
    rowMajor([1, ROWS, COLUMNS]),
    shuffleWeightGuinterleave([1, ROWS, COLUMNS], { bits: 8, gateUp: true }),
    8,
  ),
  permuteCase('shuffle_scale', rowMajor([ROWS, COLUMNS]), shuffleScale([ROWS, COLUMNS]), 8),
  permuteCase('de-interleave gate/up', gateUpInterleaved([1, ROWS, COLUMNS]), rowMajor([1, ROWS, COLUMNS]), 8),
];
