import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { GEMM_SHAPE_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-shape.ts';
import { GEMM_SHARD_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-shard.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asU16 } from '../../../src/tensor/views.ts';
import { hypothesis, itFinds, outputsOf, outputUnder } from './gemm-support.ts';

describe('mistakes with tails and tiles are found', () => {
  itFinds(GEMM_SHAPE_HYPOTHESES);
});

describe('mistakes with shards are found', () => {
  itFinds(GEMM_SHARD_HYPOTHESES);
});

describe('what the mistakes do', () => {
  const call = probeCall({ op: 'gemm_a8w8_bpreshuffle', sizes: { m: 18, n: 48, k: 96 } });
  const right = asU16(outputsOf(call)['y'] as never);
  const wrongBy = (id: string, way = 0): Uint16Array =>
    asU16(outputUnder(call, candidatesOf(hypothesis(id), call)[way] as never)['y'] as never);

  it('tokens 16 and 17 of 18 are not written', () => {
    const wrong = wrongBy('tail-tokens-dropped');
    expect(wrong.subarray(0, 16 * 48)).toEqual(right.subarray(0, 16 * 48));
    expect(wrong.subarray(16 * 48).every((code) => code === 0)).toBe(true);
  });

  it('columns 32 to 47 of 48 are not written', () => {
    const wrong = wrongBy('tail-columns-dropped');
    expect(wrong.every((code, at) => code === (at % 48 < 32 ? right[at] : 0))).toBe(true);
  });

  it('with K = 96 the first 16 columns are right, and the row block after the last is zeros', () => {
    const wrong = wrongBy('ck-row-block-stride');
    expect(wrong.every((code, at) => at % 48 >= 16 || code === right[at])).toBe(true);
    expect(wrong[16]).not.toBe(right[16]);
  });

  it('the next token, the last one its own', () => {
    const wrong = wrongBy('output-of-neighbour-token');
    expect(wrong.subarray(0, 17 * 48)).toEqual(right.subarray(48));
    expect(wrong.subarray(17 * 48)).toEqual(right.subarray(17 * 48));
  });

  it('rows 32 too late, scales too: columns 0 to 15 are those of 32 to 47, the others zeros', () => {
    const wrong = wrongBy('row-shard-offset');
    expect(wrong.every((code, at) => (at % 48 < 16 ? code === right[at + 32] : (code & 0x7fff) === 0))).toBe(true);
  });

  it('whole tiles have no tails', () => {
    const whole = probeCall({ op: 'gemm_a8w8_bpreshuffle', sizes: { m: 16, n: 32, k: 64 } });
    for (const id of ['tail-tokens-dropped', 'tail-columns-dropped', 'ck-row-block-stride', 'row-tile-repeated'])
      expect(hypothesis(id).variants(whole)).toEqual([]);
  });
});
