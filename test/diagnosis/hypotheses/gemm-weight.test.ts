import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { GEMM_WEIGHT_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-weight.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { toRowMajor } from '../../../src/tensor/relayout.ts';
import { hypothesis, itFinds } from './gemm-support.ts';

describe('mistakes with the stored order of a weight are found', () => {
  itFinds(GEMM_WEIGHT_HYPOTHESES);
});

describe('what the mistakes do', () => {
  const call = probeCall({ op: 'gemm_a8w8_blockscale_bpreshuffle', sizes: { m: 2, n: 32, k: 128 } });
  const plain = toRowMajor(call.operands['w'] as never).bytes;

  it('a plain weight read as shuffled: the first 16 bytes are right, the next row is found 16 bytes later', () => {
    const [way] = candidatesOf(hypothesis('weight-plain-read-shuffled'), call);
    const read = toRowMajor(way?.call.operands['w'] as never).bytes;
    expect(read.subarray(0, 16)).toEqual(plain.subarray(0, 16));
    expect(read.subarray(128, 144)).toEqual(plain.subarray(16, 32));
    // Offset of row 17, column 40 in a shuffled weight.
    expect(read[17 * 128 + 40]).toBe(plain[2584]);
  });

  it('two shuffles of a 64x256 weight bring back the plain one', () => {
    const square = probeCall({ op: 'gemm_a8w8_bpreshuffle', sizes: { m: 2, n: 64, k: 256 } });
    const [twice, never] = ['weight-shuffled-twice', 'weight-plain-read-shuffled'].map(
      (id) => candidatesOf(hypothesis(id), square)[0]?.call.operands['w']?.bytes,
    );
    expect(twice).toEqual(never);
  });

  it('[K, N] read as [N, K]', () => {
    const [way] = candidatesOf(hypothesis('weight-k-major'), call);
    const read = toRowMajor(way?.call.operands['w'] as never).bytes;
    for (const [n, k] of [
      [0, 1],
      [1, 0],
      [31, 127],
    ] as const) {
      const flat = n * 128 + k;
      expect(read[flat]).toBe(plain[(flat % 32) * 128 + Math.floor(flat / 32)]);
    }
  });

  it('swapped nibbles change places within a byte', () => {
    const fp4 = probeCall({ op: 'gemm_a4w4_bpreshuffle', sizes: { m: 2, n: 16, k: 64 } });
    const [ofX] = candidatesOf(hypothesis('nibbles-swapped'), fp4);
    const [given, swapped] = [fp4, ofX?.call].map((one) => one?.operands['x']?.bytes[5] ?? 0) as [number, number];
    expect([swapped & 15, swapped >> 4]).toEqual([given >> 4, given & 15]);
  });

  it('shapes that a wrong layout does not take have not gone wrong this way', () => {
    const narrow = probeCall({ op: 'gemm_a8w8_bpreshuffle', sizes: { m: 2, n: 48, k: 96 } });
    for (const id of ['weight-tile-32', 'weight-guinterleaved'])
      expect(candidatesOf(hypothesis(id), narrow)).toEqual([]);
  });
});
