import { describe, expect, it } from 'vitest';
import { openCpu } from '../../../backends/cpu/index.ts';
import { runSpec } from '../../../src/visualizer/model/run-engine.ts';
import { HEAT, heatClass, heatColors, heatGrid, heatPaint } from '../../../src/visualizer/model/run-heat.ts';
import { defaultSpec, exampleOf } from '../../../src/visualizer/model/run-spec.ts';
import {
  boundText,
  criterionText,
  elementText,
  firstText,
  historyMarkdown,
  mismatchText,
  outcomeOfRun,
  timeText,
  verdictText,
} from '../../../src/visualizer/model/run-text.ts';

const onCpu = { openGpu: async () => openCpu() };
const gemm = { ...defaultSpec(exampleOf('gemm_a8w8_blockscale_bpreshuffle')), shape: [32, 64] };
const good = await runSpec(gemm, onCpu);
const bad = await runSpec({ ...gemm, from: 'row-major' }, onCpu);
const alone = await runSpec(gemm, { openGpu: () => Promise.reject(new Error('nothing')) });
const wrong = bad.outputs[0]!;

describe('words', () => {
  it('say how it went, and by which criterion', () => {
    expect([good, bad, alone].map(outcomeOfRun)).toEqual(['pass', 'fail', 'cpu-only']);
    expect(verdictText(good)).toBe('CPU and GPU agree: y within the float32 error bound.');
    expect(verdictText(bad)).toBe(
      'CPU and GPU do not agree in y (beyond the float32 error bound). That is the injected mistake: the kernel itself raised no error.',
    );
    expect(verdictText(alone)).toBe(
      'Only the CPU computed this: no WebGPU device could be opened. There is nothing to compare with.',
    );
    expect(criterionText({ criterion: 'bytes' })).toBe('by exact bytes');
  });

  it('name the first mismatch, and any element', () => {
    const { first, metrics } = wrong.comparison!;
    expect(firstText('y', first!)).toMatch(
      /^y\[0, \d+\], byte 0x[\da-f]+: expected 0x[\da-f]{4} = \S+, got 0x[\da-f]{4} = \S+, allowed (only that|\S+ to \S+)$/,
    );
    expect(mismatchText(wrong.comparison!)).toBe(`${metrics.mismatches} of ${17 * 32}`);
    expect(boundText(good.outputs[0]!.comparison!)).toMatch(/^[\d.]+ %$/);
    expect(boundText(wrong.comparison!)).toContain('times');
    expect(elementText(wrong, 33)).toMatch(/^y\[1, 1\]: CPU 0x.* = .*, GPU 0x.* = .*, (the same|\d+ ulp apart)$/);
    expect(elementText(alone.outputs[0]!, 0)).toMatch(/^y\[0, 0\]: CPU 0x[\da-f]{4} = \S+$/);
  });

  it('round times', () => {
    expect([0.0314, 4.2, 56.31, 712.6, 2345, 61_000].map(timeText)).toEqual([
      '0.03 ms',
      '4.20 ms',
      '56.3 ms',
      '713 ms',
      '2.3 s',
      '61 s',
    ]);
  });

  it('make a table', () => {
    const lines = historyMarkdown([good, bad, alone]).split('\n');
    expect(lines.length).toBe(5);
    expect(new Set(lines.map((line) => line.split('|').length)).size).toBe(1);
    expect(lines[3]).toContain('mistake: stored row-major | FAIL |');
    expect(lines[4]).toContain('| CPU only | – | – |');
  });
});

describe('the heat map', () => {
  it('tells mismatches from bits that merely differ', () => {
    const classes: readonly (readonly [number, boolean])[] = [
      [0, false],
      [3, false],
      [3, true],
      [16, true],
      [-1, true],
    ];
    expect(classes.map(([ulp, isWrong]) => HEAT[heatClass(ulp, isWrong)])).toEqual(HEAT);
  });

  it('paints every element of the output where it belongs', () => {
    const grid = heatGrid(wrong);
    expect([grid.rows, grid.columns, grid.rowLabel(3), grid.columnLabel(5)]).toEqual([17, 32, 'm=3', 'n=5']);
    const key = grid.keyAt(2, 7);
    expect(key).toBe(2 * 32 + 7);
    const out = new Uint32Array(1);
    const paint = heatPaint(wrong, 'light');
    paint.fill(Float64Array.of(key), 1, out);
    expect(out[0]).toBe(heatColors('light')[heatClass(wrong.ulps![key]!, wrong.wrong![key] === 1)]);
    expect(paint.text(key).length).toBeGreaterThan(1);
  });
});
