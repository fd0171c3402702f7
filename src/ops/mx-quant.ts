import { encodeArray } from '../formats/encode.ts';
import { e8m0ToF32, type MxElement, type MxScaleMode, mxScaleByte } from '../formats/mx-scale.ts';
import { packNibbles } from '../formats/pack.ts';
import { rowMajor } from '../layout/plain.ts';
import { materialize } from '../tensor/make.ts';
import type { Tensor, TensorSpec } from '../tensor/tensor.ts';
import { requireMode } from './mx-scale.ts';
import type { OpDefinition, Operands } from './op.ts';
import { applySteps, blockAmax } from './shared/block-quant.ts';
import { requireGroups } from './shared/fp8-quant.ts';
import { realValues, requireRows } from './shared/rows.ts';

export interface MxQuantParams {
  /** How the block's scale follows from its amax. */
  readonly mode: MxScaleMode;
}

/** Elements that share a scale in OCP MX. */
const BLOCK = 32;

interface MxVariant {
  readonly name: string;
  readonly element: Exclude<MxElement, 'e4m3fnuz'>;
  readonly summary: string;
  readonly source: string;
  /** Stored scale bytes are not below this; the elements are scaled by the unlimited byte. */
  readonly byteFloor: number;
}

/** x [..., K] -> y [..., K] codes, scale [..., K / 32] e8m0. */
function mxQuant(variant: MxVariant): OpDefinition<MxQuantParams, 'x', 'y' | 'scale'> {
  const { name, element, byteFloor } = variant;
  const plan = (params: MxQuantParams, operands: Operands<'x'>): Readonly<Record<'y' | 'scale', TensorSpec>> => {
    requireMode(name, params.mode);
    const matrix = requireRows(name, operands);
    requireGroups(name, matrix, BLOCK);
    const { shape } = matrix.x.layout;
    return {
      y: { name: 'y', type: element, layout: rowMajor(shape) },
      scale: { name: 'scale', type: 'e8m0', layout: rowMajor([...shape.slice(0, -1), matrix.columns / BLOCK]), scaling: 'e8m0' },
    };
  };
  return {
    ...variant,
    inputs: ['x'],
    outputs: ['y', 'scale'],
    plan,
    reference(params, operands): Readonly<Record<'y' | 'scale', Tensor>> {
      const specs = plan(params, operands);
      const { x, rows, columns } = requireRows(name, operands);
      const blocks = { rows, columns, blockRows: 1, blockColumns: BLOCK };
      const values = realValues(x);
      const bytes = Uint8Array.from(blockAmax(values, blocks), (amax) => mxScaleByte(amax, element, params.mode));
      const scaled = applySteps(values, blocks, Float32Array.from(bytes, e8m0ToF32), 'divide');
      const codes = encodeArray(element, scaled, { saturate: true, convention: 'aiter' });
      return {
        y: materialize(specs.y, element === 'e2m1' ? packNibbles(codes) : codes),
        scale: materialize(specs.scale, bytes.map((byte) => Math.max(byte, byteFloor))),
      };
    },
  };
}

/** MXFP4: blocks of 32 e2m1 codes with an e8m0 scale. */
export const mxfp4Quant: OpDefinition<MxQuantParams, 'x', 'y' | 'scale'> = mxQuant({
  name: 'mxfp4_quant',
  element: 'e2m1',
  summary: 'MXFP4 quantisation, one e8m0 scale for 32 elements',
  source: 'AITER aiter/ops/quant.py per_1x32_f4_quant',
  byteFloor: 0,
});

/** MXFP8: blocks of 32 e4m3fn codes with an e8m0 scale. */
export const mxfp8Quant: OpDefinition<MxQuantParams, 'x', 'y' | 'scale'> = mxQuant({
  name: 'mxfp8_quant',
  element: 'e4m3fn',
  summary: 'MXFP8 quantisation, one e8m0 scale for 32 elements',
  source: 'AITER aiter/ops/quant.py per_1x32_f8_scale_f8_quant',
  byteFloor: 0,
});

/**
 * MXFP4 by AITER's Triton kernel. Its unbiased exponent goes through uint8 before the bias is added; a negative one becomes
 * 0 there, so that the stored scale is never below 1 although the elements are scaled by the true one.
 */
export const dynamicMxfp4Quant: OpDefinition<MxQuantParams, 'x', 'y' | 'scale'> = mxQuant({
  name: 'dynamic_mxfp4_quant',
  element: 'e2m1',
  summary: 'MXFP4 quantisation as the Triton kernel stores it',
  source: 'AITER aiter/ops/triton/quant/quant.py dynamic_mxfp4_quant',
  byteFloor: 127,
});
