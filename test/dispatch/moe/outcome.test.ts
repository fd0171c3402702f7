import { describe, expect, it } from 'vitest';
import { type MoeOutcome, moeOutcome } from '../../../src/dispatch/moe/outcome.ts';
import type { W13LayoutId } from '../../../src/layout/w13.ts';
import { A8W4, A16W4, BOTH, type Cell, interleave, MXMOE, NONE, separated, silu, TABLE } from './table.ts';

const COLUMNS: readonly (readonly W13LayoutId[])[] = [['L2'], ['L3'], ['L1'], ['L0', 'L4', 'L5', 'L6']];

function cellOf({ verdict, orElse }: MoeOutcome): Cell {
  const names = { right: 'OK', 'silently-wrong': 'SILENT', error: 'ERR' } as const;
  if (orElse !== undefined) return 'SILENT/ERR';
  return names[verdict];
}

describe('the decision table, cell by cell', () => {
  it.each(TABLE)('row $row', ({ row, calls, kernel, type, expects, cells, evidence }) => {
    for (const call of calls) {
      for (const [column, layouts] of COLUMNS.entries()) {
        for (const w13 of layouts) {
          const outcome = moeOutcome({ ...call, w13 });
          const where = `${row} m=${call.m} ${w13}: ${outcome.reason}`;
          expect(cellOf(outcome), where).toBe(cells[column]);
          expect(outcome.kernel, where).toBe(kernel);
          if (!row.includes('old')) expect(outcome.activationType, where).toBe(type);
          if (outcome.verdict !== 'error') expect(outcome.expects, where).toBe(expects);
          if (evidence !== undefined) expect(outcome.evidence, where).toBe(evidence);
        }
      }
    }
  });

  it('follows the quick key: L3 before kernels that interleave, L2 before the others', () => {
    for (const { calls } of TABLE) {
      for (const call of calls) {
        for (const w13 of ['L2', 'L3'] as const) {
          const outcome = moeOutcome({ ...call, w13 });
          if (outcome.verdict === 'error' || outcome.orElse !== undefined || outcome.kernel === 'ck2stages') continue;
          const interleaves =
            outcome.kernel === 'cktile-fused' ||
            outcome.kernel === 'cktile-split-k-auto' ||
            outcome.stage1.includes('_gui') ||
            (outcome.kernel === 'mxmoe' && call.gateMode === 'INTERLEAVE');
          expect(outcome.verdict).toBe(w13 === (interleaves ? 'L3' : 'L2') ? 'right' : 'silently-wrong');
        }
      }
    }
  });
});

describe('what the table says beside its cells', () => {
  const right = { ...separated(64, BOTH), w13: 'L2' } as const;

  it('names the exceptions', () => {
    expect(moeOutcome({ ...separated(64, NONE), w13: 'L2' }).reason).toContain(
      'ValueError "CK-Tile interleaved split-k bias is not supported"',
    );
    expect(moeOutcome({ ...separated(256, NONE), w13: 'L2' }).reason).toContain('"Unsupported scales/output dtype!"');
    expect(moeOutcome({ ...right, bias: 'bf16' })).toMatchObject({
      verdict: 'error',
      reason: 'TypeError "MoE bias must be fp32"',
    });
    expect(moeOutcome({ m: 1, gateMode: 'SEPARATED', activation: 'Situv2', flags: NONE, w13: 'L2' }).reason).toContain(
      'NotImplementedError',
    );
    expect(moeOutcome({ ...separated(64, NONE, { tuned: A16W4 }), w13: 'L2' }).reason).toContain(
      '"swiglu_mxfp4_bf16_cktile" is looked up among the assembly kernels',
    );
  });

  it('wants the bias in separated order, and w2 shuffled', () => {
    expect(moeOutcome(right).verdict).toBe('right');
    expect(moeOutcome({ ...right, biasRows: 'interleaved' }).verdict).toBe('silently-wrong');
    expect(moeOutcome({ ...right, w2: 'plain' }).verdict).toBe('silently-wrong');
    expect(moeOutcome({ ...right, w2: 'shuffled' }).verdict).toBe('right');
    const raw = { ...silu('SEPARATED', 64, NONE), w13: 'L1' } as const;
    expect(moeOutcome({ ...raw, w2: 'plain' }).verdict).toBe('right');
    expect(moeOutcome({ ...raw, w2: 'shuffled' }).verdict).toBe('silently-wrong');
  });

  it('wants the scales in the order that belongs to the kernel', () => {
    expect(moeOutcome({ ...right, w13Scale: 'L2' }).verdict).toBe('right');
    expect(moeOutcome({ ...right, w13Scale: 'L3' })).toMatchObject({
      verdict: 'silently-wrong',
      reason: 'cktile-split-k-standard reads the scales of w13 as L2, and they are stored as L3',
    });
    const raw = { ...silu('SEPARATED', 64, NONE), w13: 'L1' } as const;
    // Unshuffled weights still come with shuffled scales.
    expect(moeOutcome({ ...raw, w13Scale: 'L2' }).verdict).toBe('right');
    expect(moeOutcome({ ...raw, w13Scale: 'L1' }).verdict).toBe('silently-wrong');
  });

  it('lets the flag of w2 alone fool the dispatcher, and CK stage 1 not', () => {
    const halfFlagged = silu('SEPARATED', 64, { w13: false, w2: true }, { flydslForce: false });
    expect(moeOutcome({ ...halfFlagged, w13: 'L2' })).toMatchObject({
      verdict: 'silently-wrong',
      kernel: 'ck2stages',
      expects: 'L1',
      expectsW2: 'shuffled',
    });
    const other = silu('SEPARATED', 64, { w13: true, w2: false }, { flydslForce: false });
    expect(moeOutcome({ ...other, w13: 'L2' })).toMatchObject({ verdict: 'right', expects: 'L2', expectsW2: 'plain' });
    // Swiglu only asks whether either is set.
    expect(moeOutcome({ ...separated(64, { w13: false, w2: true }), w13: 'L2' }).verdict).toBe('right');
  });

  it('believes the name of a tuned kernel before gate_mode', () => {
    const outcome = moeOutcome({ ...separated(1000, BOTH, { tuned: A8W4 }), w13: 'L2' });
    expect(outcome).toMatchObject({ verdict: 'silently-wrong', expects: 'L3' });
    expect(outcome.warnings).toEqual([`gate_mode is SEPARATED, but ${A8W4.stage1} reads L3: the name decides`]);
  });

  it('says where swiglu_limit is not applied', () => {
    expect(moeOutcome({ ...right, swigluLimit: 10 }).warnings).toEqual([
      'swiglu_limit 10 is not applied: cktile-split-k-standard clamps at 7',
    ]);
    expect(moeOutcome({ ...right, swigluLimit: 7 }).warnings).toEqual([]);
    expect(moeOutcome({ ...separated(1000, BOTH, { swigluLimit: 10 }), w13: 'L2' }).warnings).toEqual([]);
    const row14 = moeOutcome({ ...silu('INTERLEAVE', 8, BOTH, { ksplit: 2, swigluLimit: 10 }), w13: 'L3' });
    expect(row14.verdict).toBe('right');
    expect(row14.warnings[0]).toContain('swiglu_limit 10 is not applied: the Silu functor does not clamp');
  });

  it('finds the launches of CK-Tile that never happen', () => {
    expect(moeOutcome({ ...interleave(64, BOTH, { dtype: 'f16' }), w13: 'L3' })).toMatchObject({
      verdict: 'silently-wrong',
      reason: expect.stringContaining('CK-Tile launches nothing and raises nothing'),
    });
    expect(moeOutcome({ ...interleave(1000, BOTH, { weights: 'u8' }), w13: 'L3' }).verdict).toBe('silently-wrong');
    expect(moeOutcome({ ...interleave(64, BOTH, { weights: 'u8' }), w13: 'L3' }).verdict).toBe('right');
  });

  it('drops the biases of Silu in CK-Tile', () => {
    const outcome = moeOutcome({ ...silu('INTERLEAVE', 8, BOTH, { ksplit: 2, bias: 'f32' }), w13: 'L3' });
    expect(outcome).toMatchObject({
      verdict: 'silently-wrong',
      reason: expect.stringContaining('the biases are not added'),
    });
  });

  it('reads L3 for Swiglu whatever is asked, before AITER PR 3123', () => {
    for (const m of [1, 255, 256, 5000]) {
      for (const flags of [BOTH, NONE]) {
        expect(moeOutcome({ ...separated(m, flags, { aiter: 'before-3123' }), w13: 'L3' })).toMatchObject({
          verdict: 'right',
          expects: 'L3',
          evidence: 'issue',
        });
        // The same weights one commit later (AITER issue 3586).
        if (flags === BOTH) {
          expect(moeOutcome({ ...separated(m, flags, { aiter: 'pr-3123' }), w13: 'L3' }).verdict).toBe(
            'silently-wrong',
          );
        }
      }
    }
  });

  it('moves with both bounds', () => {
    const moved = { ...separated(1000, BOTH, { swigluBf16Bound: 99999 }), w13: 'L2' } as const;
    expect(moeOutcome(moved)).toMatchObject({ kernel: 'cktile-split-k-standard', activationType: 'bf16' });
    const always = { ...silu('INTERLEAVE', 1, BOTH, { bf16Fp8Bound: 0 }), w13: 'L3' } as const;
    expect(moeOutcome(always)).toMatchObject({ kernel: 'flydsl', activationType: 'fp8', verdict: 'right' });
  });

  it('claims nothing about kernels that were not read', () => {
    expect(moeOutcome({ ...separated(64, BOTH, { run1stage: true }), w13: 'L2' })).toMatchObject({
      verdict: 'error',
      evidence: 'open',
      kernel: 'asm-1-stage',
    });
    const opus = { stage1: 'opus_moe1_x', stage2: 'opus_moe2_x' };
    expect(moeOutcome({ ...separated(64, BOTH, { tuned: opus }), w13: 'L2' }).kernel).toBe('opus');
    // Without both flags the row is discarded.
    expect(moeOutcome({ ...separated(64, { w13: true, w2: false }, { tuned: opus }), w13: 'L2' }).kernel).toBe(
      'cktile-split-k-standard',
    );
    expect(moeOutcome({ ...separated(64, BOTH, { tuned: MXMOE, expertMask: true }), w13: 'L2' }).reason).toContain(
      'mxmoe takes no expert mask',
    );
  });
});
