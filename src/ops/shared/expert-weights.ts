import { decodeTable } from '../../formats/decode.ts';
import { gateUpInterleaved } from '../../layout/gate-up.ts';
import type { Layout } from '../../layout/layout.ts';
import { permute } from '../../layout/permute.ts';
import { rowMajor } from '../../layout/plain.ts';
import { shuffleScaleGuinterleave } from '../../layout/scales.ts';
import { shuffleWeight, shuffleWeightGuinterleave } from '../../layout/weights.ts';
import { asF32 } from '../../tensor/views.ts';
import type { W13Family } from './moe-families.ts';
import { type MoeWeight, MX_BLOCK } from './moe-operands.ts';

/** One decoded row of one expert. `values` is overwritten by the next row. */
export interface ExpertRow {
  readonly expert: number;
  readonly row: number;
  readonly values: Float64Array;
  /** Largest scale of the row; NaN scales do not count. */
  readonly scale: number;
  readonly bias: number;
}

/**
 * Decodes rows of the experts named, in logical order, whatever layout they are stored in. One expert at a time is stored again
 * row-major, and one decoded row is in memory.
 */
export function eachExpertRow(source: MoeWeight, experts: readonly number[], visit: (row: ExpertRow) => void): void {
  const { rows, columns } = source;
  const biases = source.bias === undefined ? undefined : asF32(source.bias);
  const values = new Float64Array(columns);
  for (const expert of experts) {
    const codes = plainCodes(source, expert);
    const scales = plainScales(source, expert);
    for (let row = 0; row < rows; row += 1) {
      const scale = decodeRow(codes, scales, row, values);
      visit({ expert, row, values, scale, bias: biases?.[expert * rows + row] ?? 0 });
    }
  }
}

/** Packed codes [rows, columns] of one expert. Every family stores the experts one after another. */
function plainCodes({ weight, family, rows, columns }: MoeWeight, expert: number): Uint8Array {
  const bytes = (rows * columns) / 2;
  const own = weight.bytes.subarray(expert * bytes, (expert + 1) * bytes);
  const shape = [1, rows, columns];
  return storedPlain(own, weightLayout(family, shape), shape, 4);
}

function weightLayout(family: W13Family, shape: readonly number[]): Layout {
  switch (family) {
    case 'separated':
      return rowMajor(shape);
    case 'interleaved-checkpoint':
      return gateUpInterleaved(shape);
    case 'shuffled-separated':
      return shuffleWeight(shape, { bits: 4 });
    case 'shuffled-guinterleave':
      return shuffleWeightGuinterleave(shape, { bits: 4, gateUp: true });
  }
}

/** Scale bytes [rows, columns / 32] of one expert. */
function plainScales({ scale, family, rows, columns }: MoeWeight, expert: number): Uint8Array {
  const groups = columns / MX_BLOCK;
  if (family === 'separated' || family === 'interleaved-checkpoint') {
    const count = rows * groups;
    const own = scale.bytes.subarray(expert * count, (expert + 1) * count);
    const shape = [1, rows, groups];
    return storedPlain(own, family === 'separated' ? rowMajor(shape) : gateUpInterleaved(shape), shape, 8);
  }
  // Experts have whole groups of 32 rows, so that the padding to 256 rows comes after all of them.
  const shape = [rows, groups];
  const layout = shuffleScaleGuinterleave(shape, { experts: 1, gateUp: family === 'shuffled-guinterleave' });
  const count = layout.storageSize;
  return storedPlain(scale.bytes.subarray(expert * count, (expert + 1) * count), layout, shape, 8);
}

function storedPlain(bytes: Uint8Array, from: Layout, shape: readonly number[], bits: number): Uint8Array {
  const to = rowMajor(shape);
  return from.equals(to) ? bytes : permute(bytes, from, to, bits);
}

/** Returns the largest scale. */
function decodeRow(codes: Uint8Array, scales: Uint8Array, row: number, values: Float64Array): number {
  const fp4 = decodeTable('e2m1');
  const e8m0 = decodeTable('e8m0');
  const blocks = values.length / MX_BLOCK;
  let byte = (row * values.length) / 2;
  let largest = 0;
  for (let block = 0; block < blocks; block += 1) {
    const scale = e8m0[scales[row * blocks + block] as number] as number;
    if (scale > largest) largest = scale;
    for (let k = block * MX_BLOCK; k < (block + 1) * MX_BLOCK; k += 2) {
      const pair = codes[byte] as number;
      values[k] = (fp4[pair & 15] as number) * scale;
      values[k + 1] = (fp4[pair >> 4] as number) * scale;
      byte += 1;
    }
  }
  return largest;
}
