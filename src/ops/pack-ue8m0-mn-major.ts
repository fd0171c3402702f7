import { OperandError, ParameterError } from '../errors.ts';
import { scaleTmaAligned } from '../layout/activation-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireRank, requireScaling, requireType } from '../tensor/expect.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';
import { storedAs } from './shared/groups-output.ts';
import { PACKED_SCALES, packScaleRows } from './shared/groups-packed-scale.ts';
import { requireCount } from './shared/groups-rules.ts';

const OP = 'pack_ue8m0_mn_major';

export interface PackUe8m0MnMajorParams {
  /** Rows of the result. Default: the rows of x times granMn. */
  readonly mn?: number;
  /** Rows of the result that share a row of x: 1 for activations, 128 for 128x128 weight blocks. Default 1. */
  readonly granMn?: number;
}

/** Sizes of a checked call. */
export interface PackedScaleSizes {
  /** Leading dimension (experts), or 1. */
  readonly batch: number;
  readonly mn: number;
  readonly granMn: number;
  /** Rows and groups of the float scales. */
  readonly rows: number;
  readonly groups: number;
  /** int32 columns. */
  readonly words: number;
}

/**
 * Packs float32 power-of-two scales x [rows, G] or [batch, rows, G] the way DeepGEMM reads them on SM100: y is int32
 * [mn, ceil(G / 4)], column by column, each column padded with zeros to 16 bytes. Row m holds the exponents of row
 * m / granMn of x, four groups an int32, the first in the lowest byte, 0 where a row ends.
 *
 * A scale that is no positive power of two is refused with its coordinate: DeepGEMM's kernel shifts without masking, so its
 * mantissa would leak into the neighbours. Round with ceil_to_ue8m0 first, and requantise the codes with the rounded scale.
 */
export const packUe8m0MnMajor: OpDefinition<PackUe8m0MnMajorParams, 'x', 'y'> = {
  name: OP,
  summary: 'power-of-two scales packed four an int32, MN-major and TMA aligned',
  source: 'DeepGEMM get_mn_major_tma_aligned_packed_ue8m0_tensor, transform_sf_into_required_layout',
  inputs: ['x'],
  outputs: ['y'],
  plan(params, operands) {
    const x = requireOperand(OP, operands, 'x');
    const { mn, words } = packedScaleSizes(params, x);
    const lead = x.layout.shape.slice(0, -2);
    return { y: { name: 'y', type: 'i32', layout: scaleTmaAligned([...lead, mn, words]), scaling: 'ue8m0-packed' } };
  },
  reference(params, operands) {
    const { y } = packUe8m0MnMajor.plan(params, operands);
    const { batch, mn, granMn, rows, groups, words } = packedScaleSizes(params, operands.x);
    const packed = packScaleRows(OP, operands.x.name, asF32(operands.x), groups);
    const out = new Int32Array(batch * mn * words);
    for (let index = 0; index < batch * mn; index += 1) {
      const [expert, row] = [Math.floor(index / mn), index % mn];
      const from = (expert * rows + Math.floor(row / granMn)) * words;
      out.set(packed.subarray(from, from + words), index * words);
    }
    return { y: storedAs(y, out) };
  },
};

/** @throws OperandError, ParameterError, LayoutMismatchError */
export function packedScaleSizes(params: PackUe8m0MnMajorParams, x: Tensor): PackedScaleSizes {
  requireType(OP, x, 'f32');
  requireScaling(OP, x, 'ue8m0-f32', 'f32');
  requireRank(OP, x, 2, 3, 'rows, groups; or experts, rows, groups');
  const { shape } = x.layout;
  if (x.layout.size === 0)
    throw new OperandError(OP, x.name, `has shape [${shape.join(', ')}], expected no empty dimension.`);
  requireLayout(OP, x, rowMajor(shape));
  const [rows = 1, groups = 1] = shape.slice(-2);
  const granMn = requireCount(OP, 'granMn', params.granMn ?? 1);
  const mn = requireCount(OP, 'mn', params.mn ?? rows * granMn);
  if (Math.ceil(mn / granMn) !== rows) {
    throw new ParameterError(
      OP,
      'mn',
      `is ${mn}, which takes ${Math.ceil(mn / granMn)} rows of scales with granMn ${granMn}; "${x.name}" has ${rows} [${shape.join(', ')}].`,
    );
  }
  return { batch: x.layout.size / (rows * groups), mn, granMn, rows, groups, words: Math.ceil(groups / PACKED_SCALES) };
}
