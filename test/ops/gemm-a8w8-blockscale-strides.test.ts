import { describe, expect, it } from 'vitest';
import { columnMajor, scaleColumnMajor, scaleTmaAligned, scaleTransposedView } from '../../src/layout/catalog.ts';
import { gemmA8w8Blockscale } from '../../src/ops/gemm-a8w8-blockscale.ts';
import type { BlockScaleGemmParams } from '../../src/ops/shared/block-scale-gemm.ts';
import { blockOperands, type RowScaledOperands } from './fp8-gemm-support.ts';
import { stored, valuesOf } from './gemm-moe-support.ts';

function run(operands: RowScaledOperands, params: BlockScaleGemmParams): Float32Array {
  return valuesOf(gemmA8w8Blockscale.reference(params, operands).y);
}

function refuse(operands: RowScaledOperands, params: BlockScaleGemmParams): () => unknown {
  return () => gemmA8w8Blockscale.plan(params, operands);
}

describe('gemm_a8w8_blockscale refuses', () => {
  it('column-major scales, except for the Triton kernel, which goes by strides', () => {
    const wide = blockOperands(3, 16, 256);
    for (const layout of [scaleColumnMajor([3, 2]), columnMajor([3, 2])]) {
      const honest = { ...wide, x_scale: stored(wide.x_scale, layout) };
      for (const math of ['triton', 'triton-unfused'] as const) {
        expect(run(honest, { math })).toEqual(run(wide, { math }));
        expect(gemmA8w8Blockscale.bound?.({ math }, honest).y).toEqual(gemmA8w8Blockscale.bound?.({ math }, wide).y);
      }
      for (const math of ['exact', 'ck', 'asm', 'triton-preshuffle', 'triton-preshuffle-unfused'] as const)
        expect(refuse(honest, { math })).toThrow(`is stored as ${layout.id} [3, 2], but this op reads row-major.`);
    }
  });

  it('a transposed view for the Triton kernel: its strides lie', () => {
    const wide = blockOperands(3, 16, 256);
    const view = { ...wide, x_scale: stored(wide.x_scale, scaleTransposedView([3, 2])) };
    for (const math of ['triton', 'triton-unfused'] as const) {
      expect(refuse(view, { math })).toThrow(
        'gemm_a8w8_blockscale: tensor "x_scale" is stored as scale-tv [3, 2], but this op reads row-major or scale-cm. The kernel goes ' +
          'by strides, and those of a transposed view are row-major while its bytes are not. Relabel it as column-major without a ' +
          "copy: assume(x_scale, { type: 'f32', layout: scaleColumnMajor([3, 2]) }), in torch x_scale.as_strided((3, 2), (1, 3)).",
      );
    }
    const single = blockOperands(3, 16, 128);
    const same = { ...single, x_scale: stored(single.x_scale, scaleTransposedView([3, 1])) };
    expect(run(same, { math: 'triton' })).toEqual(run(single, { math: 'triton' }));
    const padded = { ...wide, x_scale: stored(wide.x_scale, scaleTmaAligned([3, 2])) };
    expect(refuse(padded, { math: 'triton' })).toThrow(
      'but this op reads row-major or scale-cm. Permute it to rowMajor([3, 2])',
    );
  });
});
