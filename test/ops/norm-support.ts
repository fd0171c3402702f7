import { encode } from '../../src/formats/encode.ts';
import { e8m0ToF32, mxScaleByte } from '../../src/formats/mx-scale.ts';
import type { AddRmsnormQuantParams } from '../../src/ops/add-rmsnorm-quant.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { noise } from './gemm-moe-support.ts';
import { floats } from './quant-support.ts';

const f = Math.fround;

/** Noise of either sign over some powers of two. */
export function random(count: number, seed: number, spread = 4): Float32Array {
  const next = noise(seed);
  return Float32Array.from({ length: count }, () => (next() / 2 ** 31 - 1) * 2 ** ((next() % spread) - spread / 2));
}

/** One row whose norm is `values`: x is 1 everywhere, so that the mean square is 1, and the weight is what comes out. */
export function normOf(
  values: readonly number[],
  columns: number,
  type: 'bf16' | 'f16' = 'bf16',
): { readonly x: Tensor; readonly w: Tensor } {
  const weight = Float32Array.from({ length: columns }, (_, i) => values[i] ?? 0);
  return {
    x: floats('x', type, [1, columns], new Float32Array(columns).fill(1)),
    w: floats('w', type, [columns], weight),
  };
}

/** AITER's `add_rmsnorm_quant` in float32 with the worst order of summation; `slack` ulps on root and reciprocals. */
export function serialNormQuant(
  x: Float32Array,
  w: Float32Array,
  params: AddRmsnormQuantParams,
  slack: number,
): { readonly scales: Float32Array<ArrayBuffer>; readonly codes: Uint8Array<ArrayBuffer> } {
  const { eps = 1e-6, format = 'e4m3fn', gemmaNorm = false, scaleType = 'f32' } = params;
  const columns = w.length;
  const group = params.group || columns;
  const max = format === 'e4m3fn' ? 448 : 240;
  const rough = (value: number): number => f(f(value) * (1 + slack * 2 ** -23));
  const scales: number[] = [];
  const codes: number[] = [];
  for (let start = 0; start < x.length; start += columns) {
    let sum = 0;
    for (let i = start; i < start + columns; i += 1) sum = f(sum + f((x[i] as number) * (x[i] as number)));
    const inverse = rough(1 / Math.sqrt(f(rough(sum / columns) + eps)));
    const norm = Array.from(w, (weight, i) =>
      f(f((x[start + i] as number) * inverse) * f(weight + (gemmaNorm ? 1 : 0))),
    );
    for (let from = 0; from < columns; from += group) {
      const values = norm.slice(from, from + group);
      const amax = values.reduce((most, value) => Math.max(most, Math.abs(value)), f(1e-10));
      const scale = scaleType === 'e8m0' ? e8m0ToF32(mxScaleByte(amax, format, 'RoundUp')) : f(amax * f(1 / max));
      scales.push(scale);
      const step = rough(1 / scale);
      for (const value of values) codes.push(encode(format, Math.max(-max, Math.min(max, f(value * step)))));
    }
  }
  return { scales: Float32Array.from(scales), codes: Uint8Array.from(codes) };
}

/** AITER's `fused_rms_fp8_group_quant` in float32 with the worst order of summation, one rounding an operation; `slack` ulps on division and root. */
export function serialGroupQuant(
  x: Float32Array,
  w: Float32Array,
  eps: number,
  group: number,
  slack: number,
): {
  readonly norm: Float32Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
  readonly codes: Uint8Array<ArrayBuffer>;
} {
  const columns = w.length;
  const rough = (value: number): number => f(f(value) * (1 + slack * 2 ** -23));
  const norm = new Float32Array(x.length);
  const scales: number[] = [];
  const codes: number[] = [];
  for (let start = 0; start < x.length; start += columns) {
    let sum = 0;
    for (let i = start; i < start + columns; i += 1) sum = f(sum + f((x[i] as number) * (x[i] as number)));
    const inverse = rough(1 / Math.sqrt(f(rough(sum / columns) + f(eps))));
    for (let i = 0; i < columns; i += 1) norm[start + i] = f(f((x[start + i] as number) * inverse) * (w[i] as number));
    for (let from = start; from < start + columns; from += group) {
      const values = norm.subarray(from, Math.min(start + columns, from + group));
      const amax = values.reduce((most, value) => Math.max(most, Math.abs(value)), f(1e-10));
      const scale = rough(amax / 448);
      scales.push(scale);
      const step = rough(1 / scale);
      for (const value of values) codes.push(encode('e4m3fn', Math.max(-448, Math.min(448, f(value * step)))));
    }
  }
  return { norm, scales: Float32Array.from(scales), codes: Uint8Array.from(codes) };
}
