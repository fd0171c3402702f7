import { decodeArray } from '../../src/formats/decode.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { ops } from '../../src/ops/registry.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { BenchTask } from './measure.ts';

const ROWS = 1024;
const COLUMNS = 7168;

/** Encoders, decoders and the quantiser on one activation matrix. */
export function formatCases(): readonly BenchTask[] {
  const work = ROWS * COLUMNS;
  const x = Float32Array.from({ length: work }, (_, index) => Math.sin(index * 12.9898) * 400);
  const codes = encodeArray('e4m3fn', x) as Uint8Array;
  const encoded = new Uint8Array(work);
  const decoded = new Float32Array(work);
  const operands = { x: tensorFrom('x', 'f32', [ROWS, COLUMNS], x) };
  return [
    { name: 'encode f32 -> e4m3fn', work, run: () => void encodeArray('e4m3fn', x, {}, encoded) },
    {
      name: 'encode f32 -> e4m3fn, saturating',
      work,
      run: () => void encodeArray('e4m3fn', x, { saturate: true }, encoded),
    },
    { name: 'encode f32 -> e5m2', work, run: () => void encodeArray('e5m2', x, {}, encoded) },
    { name: 'decode e4m3fn -> f32', work, run: () => void decodeArray('e4m3fn', codes, decoded) },
    {
      name: 'per_1x128_quant f32 -> e4m3fn',
      work,
      run: () => void ops.per_1x128_quant.reference({ format: 'e4m3fn' }, operands),
    },
    {
      name: 'mxfp4_quant f32, RoundUp',
      work,
      run: () => void ops.mxfp4_quant.reference({ mode: 'RoundUp' }, operands),
    },
  ];
}
