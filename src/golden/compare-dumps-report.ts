import type { DumpComparison } from './compare-dumps.ts';
import type { MismatchMap } from './mismatch-map.ts';
import { unpackCounts } from './runs.ts';

/** A tensor that both files have and that cannot be compared. */
export interface DumpFailure {
  readonly name: string;
  readonly passed: false;
  readonly error: string;
}

export type DumpResult = DumpComparison | DumpFailure;

/** What `preshuffle compare --json` prints. */
export interface DumpReport {
  readonly a: string;
  readonly b: string;
  /** Every tensor of B has its counterpart in A, and all hold. */
  readonly passed: boolean;
  readonly tensors: readonly DumpResult[];
  /** Tensors without a counterpart; those of A alone are no failure. */
  readonly onlyInA: readonly string[];
  readonly onlyInB: readonly string[];
  readonly warnings: readonly string[];
}

export function isFailure(result: DumpResult): result is DumpFailure {
  return 'error' in result;
}

/** The failing tensor that differs in the largest share of its elements, with its map; undefined when none differs. */
export function worstTensor(
  tensors: readonly DumpResult[],
): (DumpComparison & { readonly map: MismatchMap }) | undefined {
  const mapped = tensors.flatMap((result) =>
    isFailure(result) || result.map === undefined ? [] : [{ ...result, map: result.map }],
  );
  const share = (result: DumpComparison): number => result.mismatches / Math.max(1, result.elements);
  return mapped.sort((a, b) => share(b) - share(a))[0];
}

/** Counts by cell of the matrix that differs most. */
export interface WorstMatrix {
  readonly matrix: number;
  readonly failed: readonly number[];
  readonly compared: readonly number[];
}

export function worstMatrix(map: MismatchMap): WorstMatrix {
  const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
  const [first] = map.shown
    .map(({ matrix, mismatches, elements }) => ({
      matrix,
      failed: unpackCounts(mismatches),
      compared: unpackCounts(elements),
    }))
    .sort((a, b) => total(b.failed) - total(a.failed));
  return first ?? { matrix: 0, failed: [], compared: [] };
}
