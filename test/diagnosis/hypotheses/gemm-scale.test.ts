import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { GEMM_E8M0_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-e8m0.ts';
import { GEMM_SCALE_INDEX_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-scale-index.ts';
import { GEMM_SCALE_LAYOUT_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-scale-layout.ts';
import { scaleTransposedView } from '../../../src/layout/catalog.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asBytes } from '../../../src/tensor/make.ts';
import { toRowMajor } from '../../../src/tensor/relayout.ts';
import { asF32 } from '../../../src/tensor/views.ts';
import { gemmCalls, hypothesis, itFinds } from './gemm-support.ts';

describe('mistakes with the stored order of scales are found', () => {
  itFinds(GEMM_SCALE_LAYOUT_HYPOTHESES);
});

describe('mistakes with which scale is applied are found', () => {
  itFinds(GEMM_SCALE_INDEX_HYPOTHESES);
});

describe('mistakes with e8m0 scales are found', () => {
  itFinds(GEMM_E8M0_HYPOTHESES);
});

describe('mistakes with packed scales of DeepGEMM are found', () => {
  itFinds([hypothesis('scale-not-transposed'), hypothesis('scale-dropped')], (op) =>
    op === 'fp8_gemm_nt' ? gemmCalls(op, { scales: 'packed', sizes: { k: 1152 } }) : gemmCalls(op),
  );
});

/** The float scales [2, 3] of x under the first way of a mistake; numbers 1 to 6 by rows. */
function readUnder(id: string, call: KernelCall): readonly number[] {
  const [way] = candidatesOf(hypothesis(id), call);
  return [...asF32(toRowMajor(way?.call.operands['x_scale'] as never))];
}

function withNumbers(op: 'gemm_a8w8_blockscale' | 'gemm_a8w8_blockscale_bpreshuffle'): KernelCall {
  const call = probeCall({ op, sizes: { m: 2, n: 32, k: 384 } });
  const { x_scale: scale } = call.operands;
  if (scale === undefined) throw new Error('no scale');
  const columns = scale.layout.equals(scaleTransposedView([2, 3]));
  const numbers = columns ? [1, 4, 2, 5, 3, 6] : [1, 2, 3, 4, 5, 6];
  return { ...call, operands: { ...call.operands, x_scale: { ...scale, bytes: asBytes(Float32Array.from(numbers)) } } };
}

describe('what the mistakes do', () => {
  it('rows read column by column: only the first and the last scale are right', () => {
    const call = withNumbers('gemm_a8w8_blockscale_bpreshuffle');
    expect(readUnder('scale-not-transposed', call)).toEqual([1, 3, 5, 2, 4, 6]);
    // Bytes a e d c b f, read column by column.
    expect(readUnder('scale-transposed-twice', call)).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('columns read row by row', () => {
    const call = withNumbers('gemm_a8w8_blockscale');
    expect(readUnder('scale-transposed-read-row-major', call)).toEqual([1, 4, 2, 5, 3, 6]);
    expect(readUnder('scale-transposed-again-read-row-major', call)).toEqual([1, 5, 4, 3, 2, 6]);
    expect(readUnder('scale-rows-relabelled', call)).toEqual([1, 3, 5, 2, 4, 6]);
    // Columns of 2 numbers and 2 zeros.
    expect(readUnder('scale-tma-read-dense', call)).toEqual([1, 4, 0, 0, 2, 5]);
  });

  it('scales of another row or group', () => {
    const call = withNumbers('gemm_a8w8_blockscale');
    expect(readUnder('scale-of-neighbour-token', call)).toEqual([4, 5, 6, 4, 5, 6]);
    expect(readUnder('scale-first-for-all-rows', call)).toEqual([1, 2, 3, 1, 2, 3]);
    expect(readUnder('scale-outside-loop', call)).toEqual([1, 1, 1, 4, 4, 4]);
    expect(readUnder('scale-divided', call)[1]).toBe(0.5);
  });

  it('orders that are alike with one token are no mistakes', () => {
    const call = probeCall({ op: 'gemm_a8w8_blockscale_bpreshuffle', sizes: { m: 1, n: 32, k: 384 } });
    for (const id of [
      'scale-not-transposed',
      'scale-transposed-twice',
      'scale-tma-read-dense',
      'scale-of-neighbour-token',
    ])
      expect(hypothesis(id).variants(call)).toEqual([]);
  });

  it('no block is ragged where all are whole', () => {
    const call = probeCall({ op: 'gemm_a8w8_blockscale', sizes: { m: 2, n: 256, k: 256 } });
    expect(hypothesis('scale-of-ragged-block').variants(call)).toEqual([]);
  });

  it('a pitch without padding is right in the first 32 rows', () => {
    const call = probeCall({ op: 'gemm_a4w4_bpreshuffle', sizes: { m: 70, n: 32, k: 320 } });
    const [way] = candidatesOf(hypothesis('e8m0-scale-pitch-unpadded'), call);
    const [given, read] = [call, way?.call].map((one) => toRowMajor(one?.operands['x_scale'] as never).bytes);
    expect(read?.subarray(0, 320)).toEqual(given?.subarray(0, 320));
    expect(read?.subarray(320, 640)).not.toEqual(given?.subarray(320, 640));
    const whole = probeCall({ op: 'gemm_a4w4_bpreshuffle', sizes: { m: 70, n: 32, k: 256 } });
    expect(hypothesis('e8m0-scale-pitch-unpadded').variants(whole)).toEqual([]);
  });
});
