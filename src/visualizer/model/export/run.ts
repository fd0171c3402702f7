import type { Theme } from '../../state/theme.ts';
import { HEAT, heatClass, heatColors, heatGrid, heatPaint } from '../run-heat.ts';
import type { OutputReport, RunReport } from '../run-messages.ts';
import { exampleOf, specText } from '../run-spec.ts';
import {
  boundText,
  criterionText,
  deviceText,
  firstText,
  mismatchText,
  outcomeOfRun,
  timeText,
  ulpText,
  verdictText,
} from '../run-text.ts';
import { EXTENSION, type Exportable } from './source.ts';
import { markdownTable, safeName, wrapped } from './table.ts';
import type { ExportView } from './views.ts';

/** What can be exported of a run: where each output differs, and the answer. */
export function runSource(report: RunReport, link: string): Exportable {
  const { outputs, spec } = report;
  const name = safeName(`${spec.example}-${spec.shape.join('x')}`);
  const worst = outputs.find(({ comparison }) => comparison?.passed === false) ?? outputs[0];
  const find = (id: string): OutputReport | undefined => outputs.find((output) => output.name === id) ?? worst;
  return {
    kind: 'ready',
    pictures:
      worst === undefined
        ? undefined
        : {
            views: outputs.map((output) => [output.name, output.name] as const),
            first: worst.name,
            show: (view, theme) => runView(report, find(view) ?? worst, theme),
            fileName: (view, extension) => `${name}-${safeName(view)}.${extension}`,
            link,
          },
    texts: [
      {
        format: 'markdown',
        fileName: `${name}.${EXTENSION.markdown}`,
        make: () => ({ text: runMarkdown(report, link), summary: 'for a comment or an issue' }),
      },
      { format: 'link', fileName: `${name}.${EXTENSION.link}`, make: () => ({ text: link, summary: '' }) },
    ],
  };
}

/** How far CPU and GPU are apart in an output. */
export function runView(report: RunReport, output: OutputReport, theme: Theme): ExportView {
  const { name, type, shape, layout, ulps, wrong } = output;
  const counts = HEAT.map(() => 0);
  ulps?.forEach((ulp, index) => {
    const at = heatClass(ulp, wrong?.[index] === 1);
    counts[at] = (counts[at] ?? 0) + 1;
  });
  const colors = heatColors(theme);
  return {
    grid: heatGrid(output),
    paint: heatPaint(output, theme),
    title: `${exampleOf(report.spec.example).title}: ${name}, ${type} [${shape.join(', ')}]`,
    lines: [
      `${specText(report.spec)}, output in ${layout}`,
      ...wrapped(verdictText(report)),
      `CPU and WebGPU (${deviceText(report.gpu)})`,
    ],
    legend: {
      title: 'CPU and GPU',
      entries: HEAT.flatMap((label, at) =>
        (counts[at] ?? 0) > 0 ? [{ label: `${label}: ${counts[at]}`, color: colors[at] ?? 0 }] : [],
      ),
      ...(ulps === undefined ? { note: 'not compared' } : {}),
    },
  };
}

/** The answer of a run for a comment. */
export function runMarkdown(report: RunReport, link: string): string {
  const { outputs, spec, gpu, cpuMs } = report;
  const first = outputs.flatMap(({ name, comparison }) =>
    comparison?.first === undefined ? [] : [`- First mismatch: ${firstText(name, comparison.first)}`],
  );
  const device = gpu.ok
    ? `CPU ${timeText(cpuMs)}; ${deviceText(gpu)}: first run ${timeText(gpu.firstMs)}, again ${timeText(gpu.againMs)}`
    : `CPU ${timeText(cpuMs)}`;
  return [
    `**${outcomeOfRun(report)}**: ${exampleOf(spec.example).title}, ${specText(spec)}`,
    verdictText(report),
    markdownTable(
      ['output', 'agreement', 'mismatches', 'max ulp', 'bound used'],
      outputs.map((output) => {
        const { name, type, shape, layout, comparison } = output;
        const what = `\`${name}\` ${type} [${shape.join(', ')}] ${layout}`;
        return comparison === undefined
          ? [what, 'not compared', '–', '–', '–']
          : [
              what,
              `${comparison.passed ? '✓' : '✗'} ${criterionText(output)}`,
              mismatchText(comparison),
              ulpText(comparison),
              boundText(comparison),
            ];
      }),
    ),
    ...(first.length === 0 ? [] : [first.join('\n')]),
    device,
    `[Open in preshuffle](${link})\n`,
  ].join('\n\n');
}
