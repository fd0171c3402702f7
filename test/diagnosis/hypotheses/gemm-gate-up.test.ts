import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { GEMM_GATE_UP_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-gate-up.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asU16 } from '../../../src/tensor/views.ts';
import { hypothesis, itFinds, outputsOf, outputUnder } from './gemm-support.ts';

describe('mistakes with the order of gate and up rows are found', () => {
  itFinds(GEMM_GATE_UP_HYPOTHESES);
});

describe('what the mistakes do', () => {
  const call = probeCall({ op: 'gemm_a8w8_bpreshuffle', sizes: { m: 2, n: 32, k: 64 } });
  const { y } = outputsOf(call);

  it.each([
    ['gate-up-rows-interleaved', (row: number) => (row % 2) * 16 + Math.floor(row / 2)],
    ['gate-up-rows-deinterleaved-twice', (row: number) => (row < 16 ? 2 * row : 2 * row - 31)],
    ['gate-up-rows-swapped', (row: number) => (row + 16) % 32],
  ] as const)('%s: right columns in another order where the scales move along', (id, order) => {
    const [both] = candidatesOf(hypothesis(id), call);
    const columns = Array.from({ length: 32 }, (_, row) => order(row));
    expect(both?.mistakes[0]?.detail).toBe('weight and scale');
    const [right, wrong] = [y, outputUnder(call, both as never)['y']].map((output) => asU16(output as never));
    expect([...(wrong ?? [])]).toEqual(
      [0, 1].flatMap((token) => columns.map((column) => right?.[32 * token + column])),
    );
  });

  it('odd numbers of rows hold no pairs', () => {
    const odd = probeCall({ op: 'gemm_a8w8_blockscale', sizes: { m: 2, n: 33, k: 64 } });
    for (const { variants } of GEMM_GATE_UP_HYPOTHESES) expect(variants(odd)).toEqual([]);
  });
});
