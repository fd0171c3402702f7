import { codeValue } from '../../formats/read-codes.ts';
import type { Comparison, Mismatch } from '../../golden/compare.ts';
import { codeText, numberText } from '../../tensor/describe-element.ts';
import type { GpuSide, OutputReport, RunReport, RunStep } from './run-messages.ts';
import { exampleOf, isMistaken, specText } from './run-spec.ts';

/** What is under way, as people read it. */
export const STEP_TEXT: Readonly<Record<RunStep, string>> = {
  operands: 'Making the operands',
  reference: 'Computing the reference on the CPU',
  bound: 'Computing what float32 may return',
  adapter: 'Opening a WebGPU device',
  first: 'Compiling the shaders, first run on the GPU',
  again: 'Running on the GPU again',
  compare: 'Comparing',
};

export type Outcome = 'pass' | 'fail' | 'cpu-only';

export function outcomeOfRun({ passed }: RunReport): Outcome {
  return passed === undefined ? 'cpu-only' : passed ? 'pass' : 'fail';
}

/** The answer in a sentence. */
export function verdictText(report: RunReport): string {
  const { gpu, spec } = report;
  if (!gpu.ok) {
    const why = {
      adapter: 'no WebGPU device could be opened',
      device: 'the device failed',
      kernel: 'the kernel failed',
    };
    return `Only the CPU computed this: ${why[gpu.at]}. There is nothing to compare with.`;
  }
  const wrong = report.outputs.filter(({ comparison }) => comparison?.passed === false);
  if (wrong.length === 0)
    return isMistaken(spec)
      ? 'The results agree although a mistake was injected: with these sizes it moves no element.'
      : `CPU and GPU agree: ${report.outputs.map((output) => `${output.name} ${criterionText(output)}`).join(', ')}.`;
  const names = wrong.map((output) => `${output.name} (${criterionText(output)})`).join(' and ');
  return `CPU and GPU do not agree in ${names}.${isMistaken(spec) ? ' That is the injected mistake: the kernel itself raised no error.' : ''}`;
}

/** What counts as agreement, or what was missed. */
export function criterionText({ criterion, comparison }: Pick<OutputReport, 'criterion' | 'comparison'>): string {
  if (comparison?.passed === false && criterion === 'bound') return 'beyond the float32 error bound';
  return criterion === 'bytes' ? 'by exact bytes' : 'within the float32 error bound';
}

/** `0 of 4352` or, where only the bits differ, `0 of 4352 (12 are not the same bits, yet allowed)`. */
export function mismatchText({ metrics }: Comparison): string {
  const count = `${metrics.mismatches} of ${metrics.elements}`;
  const others = Math.round((1 - metrics.equal) * metrics.elements) - metrics.mismatches;
  return others > 0 ? `${count} (${others} other bits, within the bound)` : count;
}

/** Largest distance in the result's own steps. */
export function ulpText({ metrics }: Comparison): string {
  return metrics.maxUlp === null ? '–' : String(metrics.maxUlp);
}

/** `0.15 %` of the allowed error. */
export function boundText({ metrics }: Comparison): string {
  const { boundUsed } = metrics;
  if (boundUsed === null) return '–';
  if (boundUsed === 0) return '0 %';
  return boundUsed > 10
    ? `${Number(boundUsed.toPrecision(3)).toLocaleString('en')} times`
    : `${Number((boundUsed * 100).toPrecision(2))} %`;
}

/** `y[3, 17], byte 0x1a2: expected 0x3f80 = 1, got 0x4000 = 2, allowed 0.99 to 1.01`. */
export function firstText(name: string, { coord, byte, expected, actual, allowed }: Mismatch): string {
  const at = coord === undefined ? `${name}, padding` : `${name}[${coord.join(', ')}]`;
  const [low, high] = (allowed ?? []).map(valueText);
  const range = low === undefined ? '' : `, allowed ${low === high ? 'only that' : `${low} to ${high}`}`;
  return (
    `${at}, byte 0x${byte.toString(16)}: expected ${expected.code} = ${valueText(expected.value)}, ` +
    `got ${actual.code} = ${valueText(actual.value)}${range}`
  );
}

/** One element of an output: what a heat map says about it. */
export function elementText(output: OutputReport, index: number): string {
  const { name, shape, type, expected, actual, ulps } = output;
  let rest = index;
  const coord = shape
    .toReversed()
    .map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    })
    .toReversed();
  const show = (code: number): string => `${codeText(type, code)} = ${valueText(outputValue(type, code))}`;
  const want = `${name}[${coord.join(', ')}]: CPU ${show(expected[index] ?? 0)}`;
  if (actual === undefined) return want;
  const ulp = ulps?.[index] ?? 0;
  const apart = ulp === 0 ? 'the same' : ulp < 0 ? 'not comparable' : `${ulp} ulp apart`;
  return `${want}, GPU ${show(actual[index] ?? 0)}, ${apart}`;
}

/** Values of an element; 64-bit ones are given as they are. */
export function outputValue(type: OutputReport['type'], code: number): number {
  return type === 'f64' || type === 'i64' || type === 'u64' ? code : codeValue(type, code);
}

export function valueText(value: number): string {
  return numberText(value);
}

/** `0.83 ms`, `12 ms`, `3.4 s`. */
export function timeText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10_000 ? 0 : 1)} s`;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

export function deviceText(gpu: GpuSide): string {
  return gpu.ok ? gpu.device.name : (gpu.device?.name ?? 'none');
}

const RESULT: Readonly<Record<Outcome, string>> = { pass: 'pass', fail: 'FAIL', 'cpu-only': 'CPU only' };

/** A row of the history, in the order of `HISTORY_COLUMNS`. */
export function historyCells(report: RunReport): readonly string[] {
  const { gpu, outputs } = report;
  const compared = outputs.flatMap(({ comparison }) => comparison ?? []);
  const wrong = compared.reduce((sum, { metrics }) => sum + metrics.mismatches, 0);
  const all = compared.reduce((sum, { metrics }) => sum + metrics.elements, 0);
  const ulps = compared.flatMap(({ metrics }) => metrics.maxUlp ?? []);
  return [
    exampleOf(report.spec.example).id,
    specText(report.spec),
    RESULT[outcomeOfRun(report)],
    compared.length === 0 ? '–' : `${wrong} of ${all}`,
    ulps.length === 0 ? '–' : String(Math.max(...ulps)),
    timeText(report.cpuMs),
    gpu.ok ? timeText(gpu.firstMs) : '–',
    gpu.ok ? timeText(gpu.againMs) : '–',
    deviceText(gpu),
  ];
}

export const HISTORY_COLUMNS: readonly string[] = [
  'Example',
  'Parameters',
  'Result',
  'Mismatches',
  'Max ULP',
  'CPU',
  'GPU first',
  'GPU again',
  'Device',
];

/** A table for an issue or a chat. */
export function historyMarkdown(reports: readonly RunReport[]): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    row(HISTORY_COLUMNS),
    row(HISTORY_COLUMNS.map(() => '---')),
    ...reports.map((report) => row(historyCells(report))),
  ].join('\n');
}
