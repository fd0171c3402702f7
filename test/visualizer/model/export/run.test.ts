import { expect, it } from 'vitest';
import { openCpu } from '../../../../backends/cpu/index.ts';
import { windowColors } from '../../../../src/visualizer/model/export/picture.ts';
import { runMarkdown, runSource, runView } from '../../../../src/visualizer/model/export/run.ts';
import { runSpec } from '../../../../src/visualizer/model/run-engine.ts';
import { HEAT, heatColors } from '../../../../src/visualizer/model/run-heat.ts';
import { defaultSpec, exampleOf } from '../../../../src/visualizer/model/run-spec.ts';
import { firstText, verdictText } from '../../../../src/visualizer/model/run-text.ts';

const spec = { ...defaultSpec(exampleOf('gemm_a8w8_blockscale_bpreshuffle')), shape: [32, 64] };
const bad = await runSpec({ ...spec, from: 'row-major' }, { openGpu: async () => openCpu() });
const alone = await runSpec(spec, { openGpu: () => Promise.reject(new Error('nothing')) });
const output = bad.outputs[0]!;

it('the picture has the counts of its legend', () => {
  const shown = runView(bad, output, 'light');
  const { grid, legend } = shown;
  const colors = windowColors(shown, { row: 0, column: 0, rows: grid.rows, columns: grid.columns });
  const seen = HEAT.flatMap((label, at) => {
    const count = colors.filter((color) => color === heatColors('light')[at]).length;
    return count === 0 ? [] : [`${label}: ${count}`];
  });
  expect(legend.entries.map(({ label }) => label)).toEqual(seen);
  expect(shown.title).toContain(': y, bf16 [17, 32]');
  expect(shown.lines.join(' ')).toContain(verdictText(bad));
});

it('the comment has verdict, outputs and the first mismatch', () => {
  const text = runMarkdown(bad, 'L');
  expect(text).toMatch(/^\*\*fail\*\*: /);
  expect(text).toContain(verdictText(bad));
  expect(text).toContain(firstText('y', output.comparison!.first!));
  const table = text.split('\n\n').find((block) => block.startsWith('|'))!;
  expect(new Set(table.split('\n').map((line) => line.split('|').length)).size).toBe(1);
  expect(runMarkdown(alone, 'L')).toContain('| not compared | – | – | – |');
  expect(runView(alone, alone.outputs[0]!, 'dark').legend.note).toBe('not compared');
});

it('the source names its files by the example', () => {
  const source = runSource(bad, 'L');
  if (source.kind !== 'ready') throw new Error(source.kind);
  expect(source.pictures?.fileName('y', 'png')).toBe('gemm_a8w8_blockscale_bpreshuffle-32x64-y.png');
  expect(source.texts.map(({ format }) => format)).toEqual(['markdown', 'link']);
});
