import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { MOE_ROW_ORDER_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-row-order.ts';
import { MOE_TOKEN_HYPOTHESES } from '../../../src/diagnosis/hypotheses/moe-tokens.ts';
import type { KernelCall } from '../../../src/ops/kernel-call.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asBytes } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asI32, asU16 } from '../../../src/tensor/views.ts';
import { hypothesis, outputsOf, outputUnder } from './gemm-support.ts';
import { itFindsIn, moeCalls } from './routing-support.ts';

describe('mistakes with tokens', () => {
  itFindsIn([...MOE_TOKEN_HYPOTHESES, ...MOE_ROW_ORDER_HYPOTHESES], (op) => moeCalls(op));
});

/** Five tokens with two slots among four experts, the last of which is idle. */
const small = ((): KernelCall => {
  const sizes = { tokens: 5, experts: 4, topk: 2, hidden: 32, inter: 32 };
  const call = probeCall({ op: 'moe_stage1_mxfp4', layout: 'plain', sizes });
  const ids = Int32Array.of(2, 0, 2, 1, 0, 2, 2, 0, 1, 2);
  const { topk_ids: given } = call.operands as { topk_ids: Tensor };
  return { ...call, operands: { ...call.operands, topk_ids: { ...given, bytes: asBytes(ids) } } };
})();

function idsUnder(id: string): Readonly<Record<string, readonly number[]>> {
  const ways = candidatesOf(hypothesis(id), small).map(({ mistakes, call: { operands } }) => {
    return [mistakes[0]?.detail ?? '', [...asI32(operands['topk_ids'] as Tensor)]] as const;
  });
  return Object.fromEntries(ways);
}

describe('what becomes of a small sort', () => {
  it('loses the first or the last token of each expert', () => {
    // Routes by expert: 0: 1 4 7, 1: 3 8, 2: 0 2 5 6 9.
    expect(idsUnder('moe-expert-token-lost')).toEqual({
      'the last': [2, 0, 2, 1, 0, 2, 2, -1, -1, -1],
      'the first': [-1, -1, 2, -1, 0, 2, 2, 0, 1, 2],
    });
  });

  it('stops at the number of routes', () => {
    // Blocks of 16: expert 0 at 0, expert 1 at 16 and expert 2 at 32; ten rows are read.
    expect(idsUnder('moe-num-valid-unpadded')['block_m 16']).toEqual([-1, 0, -1, -1, 0, -1, -1, 0, -1, -1]);
  });

  it('looks experts up by another block', () => {
    const ids = idsUnder('moe-block-size-disagrees');
    expect(ids['sorted in blocks of 16, multiplied in blocks of 32']).toEqual([1, 0, 1, 0, 0, 1, 1, 0, 0, 1]);
    expect(ids['sorted in blocks of 16, multiplied in blocks of 8']).toEqual([-1, 0, -1, 2, 0, -1, -1, 0, 2, -1]);
  });

  it('writes h in the order of the experts', () => {
    const right = asU16(outputsOf(small)['h'] as Tensor);
    const row = (codes: Uint16Array, route: number): readonly number[] => [
      ...codes.subarray(route * 32, route * 32 + 32),
    ];
    const ways = candidatesOf(hypothesis('moe-h-row-order'), small);
    const sorted = ways.find(({ mistakes }) => mistakes[0]?.detail === 'written in the order of the experts');
    const codes = asU16(outputUnder(small, sorted as NonNullable<typeof sorted>)['h'] as Tensor);
    const order = [1, 4, 7, 3, 8, 0, 2, 5, 6, 9];
    expect(order.map((_, at) => row(codes, at))).toEqual(order.map((route) => row(right, route)));
  });

  it('leaves the last rows zero', () => {
    const ways = candidatesOf(hypothesis('moe-tail-tokens-dropped'), small);
    expect(ways.map(({ mistakes }) => mistakes[0]?.detail)).toEqual(['the very last one']);
    const codes = asU16(outputUnder(small, ways[0] as NonNullable<(typeof ways)[0]>)['h'] as Tensor);
    const right = asU16(outputsOf(small)['h'] as Tensor);
    expect([...codes]).toEqual([...right.subarray(0, 8 * 32), ...new Array<number>(64).fill(0)]);
  });
});

describe('token hypotheses that do not apply', () => {
  it('drop no tail of a single token, and of whole blocks only the last token', () => {
    const [call] = moeCalls('moe_stage2_mxfp4') as [KernelCall];
    const details = (tokens: number): readonly string[] => {
      const sizes = { tokens, experts: 4, topk: 2, hidden: 64, inter: 64 };
      const given = probeCall({ op: 'moe_stage2_mxfp4', sizes });
      return hypothesis('moe-tail-tokens-dropped')
        .variants(given)
        .map(({ detail }) => detail);
    };
    expect(details(1)).toEqual([]);
    expect(details(128)).toEqual(['the very last one']);
    expect(details(40)).toEqual(['the very last one', 'beyond whole blocks of 16', 'beyond whole blocks of 32']);
    expect(hypothesis('moe-tokens-shifted').variants(call)).toHaveLength(4);
  });
});
