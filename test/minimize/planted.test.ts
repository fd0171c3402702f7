import { describe, expect, it } from 'vitest';
import type { FailingElement } from '../../src/minimize/attempt.ts';
import { DoesNotFailError, minimize } from '../../src/minimize/index.ts';
import type { KernelCall } from '../../src/ops/kernel-call.ts';
import { probeCall } from '../../src/probe/probe-call.ts';
import { toRowMajor } from '../../src/tensor/relayout.ts';
import { asF32, asI32 } from '../../src/tensor/views.ts';

const when =
  (fails: (call: KernelCall) => boolean): ((call: KernelCall) => Promise<boolean>) =>
  (call) =>
    Promise.resolve(fails(call));

const shapeOf = (call: KernelCall, name: string): readonly number[] => call.operands[name]?.layout.shape ?? [];
const gemm = probeCall({ op: 'gemm_a8w8_blockscale_bpreshuffle', data: 'random' });
const moe = probeCall({ op: 'fused_moe_mxfp4', data: 'random' });

/** Scales of rows and blocks are all different in a probe, so they tell which of the original a row or a block is. */
function scales(call: KernelCall, name: string): Float32Array {
  const given = call.operands[name];
  return given === undefined ? new Float32Array() : asF32(toRowMajor(given));
}

describe('planted mistakes', () => {
  it('one wrong element: its row, its tile of columns, one tile of K', async () => {
    const [m, n] = [37, 290];
    const row = scales(gemm, 'x_scale')[m * 5];
    const block = scales(gemm, 'w_scale')[Math.floor(n / 128) * 5];
    const { after, kept, complete } = await minimize(
      gemm,
      when(
        (call) => scales(call, 'x_scale').includes(row as number) && scales(call, 'w_scale').includes(block as number),
      ),
      { values: false },
    );
    expect([after, complete]).toEqual([{ M: 1, N: 16, K: 32 }, true]);
    expect(kept['M']).toEqual([m]);
    expect(kept['N']?.every((column) => Math.floor(column / 128) === Math.floor(n / 128))).toBe(true);
    expect(kept['K']?.every((column) => column < 128)).toBe(true);
  });

  it('only with more than one block of K', async () => {
    const { after, kept } = await minimize(
      gemm,
      when((call) => (shapeOf(call, 'x')[1] ?? 0) > 128),
    );
    expect(after).toEqual({ M: 1, N: 16, K: 256 });
    expect(kept['K']).toHaveLength(256);
  });

  it('only with 17 rows and 48 columns or more', async () => {
    const { after } = await minimize(
      gemm,
      when((call) => (shapeOf(call, 'x')[0] ?? 0) >= 17 && (shapeOf(call, 'w')[0] ?? 0) >= 48),
    );
    expect(after).toEqual({ M: 17, N: 48, K: 32 });
  });

  it('only in expert 3, whatever it holds: as many experts stay as it takes to have a fourth', async () => {
    const { call, after } = await minimize(
      moe,
      when(({ operands: { topk_ids: ids } }) => ids !== undefined && asI32(ids).includes(3)),
      { values: false },
    );
    expect(after).toEqual({ tokens: 1, topk: 1, experts: 4, inter: 64, hidden: 64 });
    expect(asI32(call.operands['topk_ids'] as never)).toEqual(Int32Array.of(3));
  });

  it('only in the expert with these weights: no other stays', async () => {
    const bias = (moe.operands['w2_bias'] && asF32(moe.operands['w2_bias'])) ?? new Float32Array();
    const marker = bias[3 * (shapeOf(moe, 'w2')[1] ?? 0)] as number;
    const { after, kept, call } = await minimize(
      moe,
      when((candidate) => {
        const { topk_ids: ids, w2_bias: given } = candidate.operands;
        if (ids === undefined || given === undefined) return false;
        const hidden = shapeOf(candidate, 'w2')[1] ?? 0;
        return asI32(ids).some((id) => id >= 0 && asF32(given)[id * hidden] === marker);
      }),
      { values: false },
    );
    expect(after).toEqual({ tokens: 1, topk: 1, experts: 1, inter: 64, hidden: 64 });
    expect(kept['experts']).toEqual([3]);
    expect(asI32(call.operands['topk_ids'] as never)).toEqual(Int32Array.of(0));
  });

  it('only where two tokens share an expert', async () => {
    const { after, call } = await minimize(
      moe,
      when(({ operands: { topk_ids: ids } }) => {
        const busy = ids === undefined ? [] : [...asI32(ids)].filter((id) => id >= 0);
        return new Set(busy).size < busy.length;
      }),
    );
    expect(after).toEqual({ tokens: 2, topk: 1, experts: 1, inter: 64, hidden: 64 });
    expect(asI32(call.operands['topk_ids'] as never)).toEqual(Int32Array.of(0, 0));
  });

  it('only with two slots: the experts of a token stay distinct while others are left out', async () => {
    const { after, call } = await minimize(
      moe,
      when(({ operands: { topk_ids: ids } }) => {
        const [, topk = 0] = ids?.layout.shape ?? [];
        return topk >= 2 && ids !== undefined && asI32(ids).every((id) => id >= 0);
      }),
    );
    expect(after).toEqual({ tokens: 1, topk: 2, experts: 2, inter: 64, hidden: 64 });
    expect([...asI32(call.operands['topk_ids'] as never)].sort()).toEqual([0, 1]);
  });
});

describe('minimize', () => {
  it('needs a run or two for rows that are known to fail', async () => {
    const elements: readonly FailingElement[] = [{ output: 'y', coord: [37, 290] }];
    const row = scales(gemm, 'x_scale')[37 * 5];
    const told = await minimize(
      gemm,
      (call) => Promise.resolve(scales(call, 'x_scale').includes(row as number) ? elements : []),
      {
        values: false,
      },
    );
    const untold = await minimize(
      gemm,
      when((call) => scales(call, 'x_scale').includes(row as number)),
      { values: false },
    );
    expect(told.after).toEqual(untold.after);
    expect(told.runs).toBeLessThan(untold.runs);
  });

  it('leaves values that matter', async () => {
    const small = probeCall({ op: 'per_token_quant', sizes: { rows: 4, columns: 64 }, type: 'f32', data: 'random' });
    const largest = (call: KernelCall): number => Math.max(...asF32(call.operands['x'] as never).map(Math.abs));
    const peak = largest(small);
    const { call, after, simplified } = await minimize(
      small,
      when((candidate) => largest(candidate) === peak),
    );
    expect(after).toEqual({ rows: 1, columns: 1 });
    expect(simplified).toEqual([]);
    const whole = await minimize(
      small,
      when((candidate) => largest(candidate) === peak && shapeOf(candidate, 'x').join() === '4,64'),
    );
    expect(whole.simplified).toEqual([{ operand: 'x', value: 1, left: 1 }]);
    expect([...asF32(whole.call.operands['x'] as never)].filter((value) => value !== 1)).toHaveLength(1);
    expect(largest(call)).toBe(peak);
  });

  it('stops when the time is up, and says so', async () => {
    const slow = async (): Promise<boolean> => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return true;
    };
    const { complete, runs } = await minimize(gemm, slow, { budgetMs: 50 });
    expect(complete).toBe(false);
    expect(runs).toBeLessThan(6);
  });

  it('tells of every run', async () => {
    const phases = new Set<string>();
    let last = 0;
    const { runs } = await minimize(
      gemm,
      when(() => true),
      {
        onProgress: ({ phase, runs: done }) => {
          phases.add(phase);
          last = done;
        },
      },
    );
    expect([...phases]).toEqual(['sizes', 'values']);
    expect(last + 1).toBe(runs);
  });

  it('refuses a call that does not fail', async () => {
    await expect(
      minimize(
        gemm,
        when(() => false),
      ),
    ).rejects.toThrow(DoesNotFailError);
    await expect(minimize(gemm, () => Promise.resolve([]))).rejects.toThrow(
      'minimize gemm_a8w8_blockscale_bpreshuffle: the call does not fail, so there is nothing to make smaller.',
    );
  });

  it('hands on what the op says about a call that it does not take', async () => {
    const { x_scale: _, ...operands } = gemm.operands;
    await expect(
      minimize(
        { ...gemm, operands },
        when(() => true),
      ),
    ).rejects.toThrow('operand "x_scale": missing');
  });

  it('names the ops that have steps for one that has none', async () => {
    await expect(
      minimize(
        { ...gemm, op: 'nothing' as never },
        when(() => true),
      ),
    ).rejects.toThrow(
      /op "nothing" has no steps that make its calls smaller\. Ops that have: act_mul_and_fp8_group_quant, /,
    );
  });
});
