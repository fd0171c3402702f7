import { encode, encodeArray } from '../formats/encode.ts';
import { packNibbles } from '../formats/pack.ts';
import { rowMajor } from '../layout/plain.ts';
import { mxfp4Quant } from '../ops/mxfp4-quant.ts';
import { quantizeBlocks } from '../ops/shared/groups.ts';
import { deepgemmRule, type Fp8Format, groupRule } from '../ops/shared/groups-rules.ts';
import { assume, tensorFrom } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Codes and the scales that belong to them. */
export interface Quantised {
  readonly codes: Tensor;
  readonly scale: Tensor;
}

/** As the per-block quantisers do it; a block at an edge counts as padded with zeros. */
export function quantised(
  name: string,
  values: Float32Array,
  [rows, columns]: readonly [number, number],
  [blockRows, blockColumns]: readonly [number, number],
  format: Fp8Format,
  powers = false,
): Quantised {
  const rule = powers ? deepgemmRule(true) : groupRule('torch', format);
  const { codes, scales } = quantizeBlocks(values, { rows, columns, blockRows, blockColumns }, rule, format);
  const shape = [Math.ceil(rows / blockRows), Math.ceil(columns / blockColumns)];
  return {
    codes: tensorFrom(name, format, [rows, columns], codes),
    scale: tensorFrom(`${name}_scale`, 'f32', shape, scales, powers ? 'ue8m0-f32' : 'f32'),
  };
}

/** Row m has a 1 in column (start + m) mod columns and zeros elsewhere. */
export function oneHot(
  name: string,
  type: 'bf16' | 'e2m1' | Fp8Format,
  rows: number,
  columns: number,
  start: number,
): Tensor {
  const codes = type === 'bf16' ? new Uint16Array(rows * columns) : new Uint8Array(rows * columns);
  const one = encode(type, 1);
  for (let row = 0; row < rows; row += 1) codes[row * columns + ((start + row) % columns)] = one;
  return tensorFrom(name, type, [rows, columns], type === 'e2m1' ? packNibbles(codes as Uint8Array) : codes);
}

/** MXFP4 by `mxfp4_quant`, from bf16. @throws OperandError for columns that are no multiple of 32 */
export function mxfp4(name: string, values: Float32Array, shape: readonly number[]): Quantised {
  const { y, scale } = mxfp4Quant.reference({}, { x: tensorFrom(name, 'bf16', shape, encodeArray('bf16', values)) });
  return { codes: renamed(y, name), scale: renamed(scale, `${name}_scale`) };
}

/** The same row-major tensor under the name of an operand. */
export function renamed(source: Tensor, name: string): Tensor {
  const { type, layout, scaling } = source;
  const claim = { name, type, layout: rowMajor(layout.shape) };
  return assume(source, scaling === undefined ? claim : { ...claim, scaling });
}
