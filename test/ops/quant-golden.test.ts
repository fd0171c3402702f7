import { describe, expect, it } from 'vitest';
import { unpackNibbles } from '../../src/formats/pack.ts';
import { decode } from '../../src/ops/decode.ts';
import { type EncodeParams, encode } from '../../src/ops/encode.ts';
import * as quant from '../../src/ops/quant-ops.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { type GoldenCase, goldenCases } from './gemm-moe-support.ts';
import { differing } from './quant-support.ts';

type Source = 'f32' | 'bf16' | 'f16';

/** Cases of ops with one input x and outputs y and scale. */
const QUANTISERS = [
  ['quant.safetensors', 'f32', quant.perTensorQuant],
  ['quant.safetensors', 'f32', quant.perTokenQuant],
  ['quant.safetensors', 'f32', quant.per1x128Quant],
  ['quant.safetensors', 'f32', quant.mxfp4Quant],
  ['quant.safetensors', 'f32', quant.mxfp8Quant],
  ['fused.safetensors', 'bf16', quant.dynamicMxfp4Quant],
  ['ue8m0.safetensors', 'bf16', quant.deepgemmPerTokenCast],
  ['ue8m0.safetensors', 'bf16', quant.deepgemmPerTokenCastPacked],
  ['ue8m0.safetensors', 'bf16', quant.deepgemmPerBlockCast],
] as const;

for (const [file, fallback, op] of QUANTISERS) {
  describe(`${op.name} reproduces the golden cases byte for byte`, () => {
    it.each(goldenCases(file, op.name).map((one) => [one.name, one] as const))('%s', (_, golden) => {
      const x = golden.read('x', (golden.meta.src as Source | undefined) ?? fallback);
      const { y, scale } = op.reference(golden.meta as never, { x });
      expect(differing(y.bytes, golden.bytes('y'))).toBe(0);
      expect(differing(scale.bytes, golden.bytes('scale'))).toBe(0);
      expect(scale.layout.storageShape).toEqual(golden.shape('scale'));
    });
  });
}

describe('fused_flatten_fp8_group_quant reproduces the golden cases byte for byte', () => {
  it.each(goldenCases('fused.safetensors', 'fused_flatten_fp8_group_quant').map((one) => [one.name, one] as const))(
    '%s',
    (_, golden) => {
      const x = golden.read('x', 'bf16');
      for (const [index, scaleStore] of (['row-major', 'column-major'] as const).entries()) {
        const { y, scale } = quant.fusedFlattenFp8GroupQuant.reference(
          { group: golden.meta.group as number, scaleStore },
          { x },
        );
        expect(differing(y.bytes, golden.bytes(`y${index}`))).toBe(0);
        expect(differing(scale.bytes, golden.bytes(`scale${index}`))).toBe(0);
      }
    },
  );
});

describe('one-input ops of ue8m0.safetensors', () => {
  it.each([quant.ceilToUe8m0, quant.packUe8m0ToInt])('$name', (op) => {
    for (const golden of goldenCases('ue8m0.safetensors', op.name)) {
      const { y } = op.reference({}, { x: golden.read('x', 'f32') });
      expect(differing(y.bytes, golden.bytes('y'))).toBe(0);
    }
  });
});

const FORMATS = 'formats.safetensors';
const encodeCases = goldenCases(FORMATS, 'encode');

/** All patterns of a 16-bit type, the case's own x, or the x that the cases without one share. */
function encodeSource(golden: GoldenCase): Tensor {
  const src = (golden.meta.src as Source | undefined) ?? 'f32';
  if (src !== 'f32')
    return tensorFrom(
      'x',
      src,
      [65536],
      Uint16Array.from({ length: 65536 }, (_, code) => code),
    );
  const lender = encodeCases.find((one) => one.name === 'encode_e4m3fn') as GoldenCase;
  return (hasTensor(golden, 'x') ? golden : lender).read('x', 'f32');
}

function hasTensor(golden: GoldenCase, name: string): boolean {
  try {
    golden.shape(name);
    return true;
  } catch {
    return false;
  }
}

describe('encode reproduces the golden cases, NaN codes by class', () => {
  it.each(encodeCases.map((one) => [one.name, one] as const))('%s', (_, golden) => {
    const format = golden.meta.format as EncodeParams['format'];
    const source = golden.meta.source as string;
    const convention = source.includes('ml_dtypes') ? 'ml_dtypes' : source.includes('aiter') ? 'aiter' : 'torch';
    const { y } = encode.reference(
      { format, convention, saturate: golden.meta.saturate === true },
      { x: encodeSource(golden) },
    );
    const oneCodeAByte = convention === 'ml_dtypes' && format === 'e2m1';
    const codes = oneCodeAByte ? unpackNibbles(y.bytes, y.layout.size) : y.bytes;
    if (format === 'bf16' || format === 'f16') {
      const actual = decode.reference({}, { x: y });
      const wanted = decode.reference({}, { x: golden.read('y', format) });
      expect(asF32(actual.y)).toEqual(asF32(wanted.y));
    } else {
      const fp8 = format === 'e4m3fn' || format === 'e4m3fnuz' || format === 'e5m2' || format === 'e5m2fnuz';
      expect(differing(codes, golden.bytes('y'), fp8 ? format : undefined)).toBe(0);
    }
  });
});

describe('decode reproduces the golden cases', () => {
  it.each(goldenCases(FORMATS, 'decode').map((one) => [one.name, one] as const))('%s', (name, golden) => {
    const format = golden.meta.format as 'e4m3fn';
    const x = tensorFrom(
      'x',
      format,
      [256],
      Uint8Array.from({ length: 256 }, (_, code) => code),
    );
    const { y } = decode.reference({ format }, { x });
    const wanted = golden.read(name === 'e8m0_to_f32_aiter' ? 'bits' : 'f32', 'f32');
    expect(asF32(y)).toEqual(asF32(wanted));
  });
});

describe('mx_scale reproduces the golden cases', () => {
  const [amax] = goldenCases(FORMATS, 'none');
  it.each(goldenCases(FORMATS, 'mx_scale').map((one) => [one.name, one] as const))('%s', (_, golden) => {
    const x = (amax as GoldenCase).read('x', 'f32');
    const { y } = quant.mxScale.reference(golden.meta as never, { x });
    expect(differing(y.bytes, golden.bytes('y'))).toBe(0);
  });
});
