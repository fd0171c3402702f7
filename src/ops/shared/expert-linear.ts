import { decodeTable } from '../../formats/decode.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32, asU8 } from '../../tensor/views.ts';

/** Elements that share one e8m0 scale (OCP MX). */
const BLOCK = 32;

/** An MXFP4 weight [experts, rows, columns] with its scales [experts, rows, columns / 32] and bias [experts, rows]. */
export interface ExpertWeight {
  readonly rows: number;
  readonly columns: number;
  readonly codes: Uint8Array;
  readonly scales: Uint8Array;
  readonly bias: Float32Array | undefined;
}

/** Reads row-major operands; e2m1 codes stay packed. */
export function expertWeight(weight: Tensor, scale: Tensor, bias: Tensor | undefined): ExpertWeight {
  const [, rows = 0, columns = 0] = weight.layout.shape;
  const biases = bias === undefined ? undefined : asF32(bias);
  return { rows, columns, codes: asU8(weight), scales: asU8(scale), bias: biases };
}

/** The routes of each expert, as `token * topk + slot`. Routes to experts that do not exist are in no list. */
export function routesByExpert(topkIds: Int32Array, experts: number): readonly (readonly number[])[] {
  const routes: number[][] = Array.from({ length: experts }, () => []);
  topkIds.forEach((expert, route) => {
    routes[expert]?.push(route);
  });
  return routes;
}

export interface ExpertLinearOptions {
  /** Takes absolute values of weights and bias: what error bounds are made of. The input must be non-negative then. */
  readonly magnitudes?: boolean;
}

/**
 * `out[route, r] = sum_k input[rowOf(route), k] * weight[expert, r, k] + bias[expert, r]` in float64.
 * Rows of unrouted experts are not decoded, and one decoded row at a time is in memory. Other routes stay 0.
 */
export function expertLinear(
  input: Float32Array | Float64Array,
  rowOf: (route: number) => number,
  routes: readonly (readonly number[])[],
  routeCount: number,
  weight: ExpertWeight,
  options: ExpertLinearOptions = {},
): Float64Array {
  const { rows, columns, bias } = weight;
  const magnitudes = options.magnitudes ?? false;
  const out = new Float64Array(routeCount * rows);
  const values = new Float64Array(columns);
  routes.forEach((own, expert) => {
    if (own.length === 0) return;
    for (let row = 0; row < rows; row += 1) {
      const index = expert * rows + row;
      decodeRow(weight, index, values, magnitudes);
      const added = bias === undefined ? 0 : (bias[index] as number);
      const constant = magnitudes ? Math.abs(added) : added;
      for (const route of own) {
        out[route * rows + row] = dot(input, rowOf(route) * columns, values) + constant;
      }
    }
  });
  return out;
}

function decodeRow(weight: ExpertWeight, row: number, values: Float64Array, magnitudes: boolean): void {
  const { columns, codes, scales } = weight;
  const fp4 = decodeTable('e2m1');
  const e8m0 = decodeTable('e8m0');
  // Without the sign bit a code is the magnitude of its value.
  const mask = magnitudes ? 7 : 15;
  const blocks = columns / BLOCK;
  let byte = (row * columns) / 2;
  for (let block = 0; block < blocks; block += 1) {
    const scale = e8m0[scales[row * blocks + block] as number] as number;
    for (let k = block * BLOCK; k < (block + 1) * BLOCK; k += 2) {
      const pair = codes[byte] as number;
      values[k] = (fp4[pair & mask] as number) * scale;
      values[k + 1] = (fp4[(pair >> 4) & mask] as number) * scale;
      byte += 1;
    }
  }
}

function dot(input: Float32Array | Float64Array, start: number, values: Float64Array): number {
  let even = 0;
  let odd = 0;
  for (let k = 0; k < values.length; k += 2) {
    even += (input[start + k] as number) * (values[k] as number);
    odd += (input[start + k + 1] as number) * (values[k + 1] as number);
  }
  return even + odd;
}
