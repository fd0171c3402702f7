import { OperandError } from '../../errors.ts';
import { packUe8m0 } from '../../formats/mx-scale.ts';
import { wordsOf } from './amax.ts';

/** Scales in one int32 (DeepGEMM's packed UE8M0). */
export const PACKED_SCALES = 4;

/**
 * Packs rows of power-of-two scales, four exponent bytes an int32. Bytes that a row lacks at its end are 0.
 * @throws OperandError naming the first scale that is not a power of two: its exponent alone is another number
 */
export function packScaleRows(op: string, name: string, scales: Float32Array, groups: number): Int32Array {
  const bad = wordsOf(scales).findIndex((word) => (word & 0x807fffff) !== 0);
  if (bad >= 0) {
    throw new OperandError(
      op,
      name,
      `is ${scales[bad]} in row ${Math.floor(bad / groups)}, column ${bad % groups}, expected a positive power of two. ` +
        'Round the scales with ceil_to_ue8m0, and quantise with the rounded ones.',
    );
  }
  const rows = scales.length / groups;
  const padded = Math.ceil(groups / PACKED_SCALES) * PACKED_SCALES;
  if (padded === groups) return packUe8m0(scales);
  const filled = new Float32Array(rows * padded);
  for (let row = 0; row < rows; row += 1) filled.set(scales.subarray(row * groups, (row + 1) * groups), row * padded);
  return packUe8m0(filled);
}
