import type { NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { cropCall } from './crop.ts';
import type { MistakenCall, OutputWindow } from './hypothesis.ts';
import { range, takeColumns, takeRows } from './take.ts';

/** What comes out of a call, mistakes and all, in the window. */
export function predict(call: MistakenCall, window: OutputWindow): NamedTensors {
  const cropped = isWhole(window) ? call : cropCall(call, window);
  if (cropped !== undefined) return run(call, cropped, window);
  const whole = { ...window, rows: range(window.rowCount), columns: range(window.columnCount) };
  return cutOutputs(run(call, call, whole), window);
}

function run({ compute, finish }: MistakenCall, call: MistakenCall, window: OutputWindow): NamedTensors {
  const { op, params, operands } = call;
  const outputs: NamedTensors = compute?.(call, window) ?? definitionOf(op).reference(params, operands);
  return finish?.(outputs, window) ?? outputs;
}

/** The window of given outputs: those of ops that are never cut down stay whole. */
export function cutOutputs(outputs: NamedTensors, window: OutputWindow): NamedTensors {
  if (isWhole(window)) return outputs;
  return Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, cutOutput(output, window)]));
}

function cutOutput(output: Tensor, { rowCount, rows, columnCount, columns }: OutputWindow): Tensor {
  const { shape } = output.layout;
  const byRows = shape[0] === rowCount ? (takeRows(output, rows) ?? output) : output;
  return shape.at(-1) === columnCount && shape.length === 2 ? takeColumns(byRows, columns) : byRows;
}

export function isWhole({ rowCount, rows, columnCount, columns }: OutputWindow): boolean {
  return rows.length === rowCount && columns.length === columnCount;
}
