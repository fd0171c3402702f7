import { type BlockGrid, blocksAcross, blocksDown } from '../../../src/ops/shared/groups.ts';
import type { OutputRounding } from '../../../src/ops/shared/round-output.ts';
import type { EncodeRule, ScaleRule } from '../../quant-rule.ts';
import type { GpuArray } from '../buffers.ts';
import { DeviceMemoryError } from '../errors.ts';
import type { Gpu } from '../gpu.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow, type Span, splitRows } from '../split.ts';
import { encodeRuleWords, lanesFor, SOURCE, type SourceType, scaleRuleWords } from './quant-rules.ts';

/** A row-major matrix of floats on the device. */
export interface SourceMatrix {
  readonly array: GpuArray;
  readonly type: SourceType;
}

/**
 * The scale of every block of `x`, row-major: binary32 bits, or e8m0 bytes one a word. `steps` gets what the elements are
 * multiplied or divided by.
 */
export function scaleCalls(
  gpu: Gpu,
  x: SourceMatrix,
  grid: BlockGrid,
  rule: ScaleRule,
  scales: GpuArray,
  steps: GpuArray,
): readonly KernelCall[] {
  const across = blocksAcross(grid);
  const xRow = grid.columns * sourceBytes(x.type);
  const parts = spansOf(
    gpu,
    x.array,
    grid.rows,
    [xRow, (across * 4) / grid.blockRows],
    lcm(grid.blockRows, wholeWordRows(xRow)),
  );
  return parts.map(({ start, end }) => {
    const part = { ...grid, rows: end - start };
    const first = (start / grid.blockRows) * across * 4;
    const last = first + blocksDown(part) * across * 4;
    const source = bindWindow(gpu, x.array, start * xRow, end * xRow);
    const target = bindWindow(gpu, scales, first, last);
    const leads = { x: source.lead / 4, scale: target.lead / 4 };
    return {
      shader: 'quant_scale',
      bindings: [
        scaleRuleWords(part, SOURCE[x.type], leads, rule),
        source.binding,
        target.binding,
        bindWindow(gpu, steps, first, last).binding,
      ],
      workgroups: Math.ceil((blocksDown(part) * across * lanesFor(part)) / 256),
    };
  });
}

/** The codes of `x`, row-major and packed to bytes or nibbles, with the steps that `scaleCalls` left. */
export function encodeCalls(
  gpu: Gpu,
  x: SourceMatrix,
  grid: BlockGrid,
  rule: EncodeRule,
  steps: GpuArray,
  y: GpuArray,
): readonly KernelCall[] {
  const across = blocksAcross(grid);
  const xRow = grid.columns * sourceBytes(x.type);
  const codes = rule.format === 'e2m1' ? 8 : 4;
  const yRow = (grid.columns * 4) / codes;
  // One row of blocks may be cut anywhere: all its parts use the same steps.
  const granularity = lcm(blocksDown(grid) === 1 ? 1 : grid.blockRows, wholeWordRows(xRow, yRow));
  const stepRow = (across * 4) / Math.min(grid.blockRows, grid.rows);
  return spansOf(gpu, x.array, grid.rows, [xRow, yRow, stepRow], granularity).map(({ start, end }) => {
    const part = { ...grid, rows: end - start };
    const first = Math.floor(start / grid.blockRows) * across * 4;
    const source = bindWindow(gpu, x.array, start * xRow, end * xRow);
    const step = bindWindow(gpu, steps, first, first + blocksDown(part) * across * 4);
    const target = bindWindow(gpu, y, start * yRow, end * yRow);
    const leads = { x: source.lead / 4, step: step.lead / 4, y: target.lead / 4 };
    return {
      shader: 'quant_encode',
      bindings: [encodeRuleWords(part, SOURCE[x.type], leads, rule), source.binding, step.binding, target.binding],
      workgroups: Math.ceil(((end - start) * grid.columns) / codes / 64),
    };
  });
}

/**
 * The low bytes (`shift` 0) or binary32 exponents (`shift` 23) of four neighbouring words of a row, packed into one.
 * @param invalid one word; see the shader
 */
export function packCalls(
  gpu: Gpu,
  words: GpuArray,
  rows: number,
  columns: number,
  shift: 0 | 23,
  packed: GpuArray,
  invalid: GpuArray,
): readonly KernelCall[] {
  const across = Math.ceil(columns / 4);
  return spansOf(gpu, words, rows, [columns * 4, across * 4], 1).map(({ start, end }) => {
    const source = bindWindow(gpu, words, start * columns * 4, end * columns * 4);
    const target = bindWindow(gpu, packed, start * across * 4, end * across * 4);
    const parameters = Uint32Array.of(end - start, columns, shift, source.lead / 4, target.lead / 4);
    return {
      shader: 'exponent_pack',
      bindings: [parameters, source.binding, target.binding, invalid],
      workgroups: Math.ceil(((end - start) * across) / 64),
    };
  });
}

/** Number of the truncation to bf16 in `narrow.wgsl`, after those of the source types. */
const BF16_TRUNCATED = 3;

/** Binary32 words to packed bf16 or f16, nearest even or, for bf16, truncated. */
export function narrowCalls(
  gpu: Gpu,
  words: GpuArray,
  count: number,
  type: 'bf16' | 'f16',
  packed: GpuArray,
  rounding: OutputRounding = 'nearest-even',
): readonly KernelCall[] {
  const target16 = rounding === 'truncate' ? BF16_TRUNCATED : SOURCE[type];
  return spansOf(gpu, words, count, [4, 2], 2).map(({ start, end }) => {
    const source = bindWindow(gpu, words, start * 4, end * 4);
    const target = bindWindow(gpu, packed, start * 2, end * 2);
    return {
      shader: 'narrow',
      bindings: [
        Uint32Array.of(end - start, target16, source.lead / 4, target.lead / 4),
        source.binding,
        target.binding,
      ],
      workgroups: Math.ceil((end - start) / 2 / 64),
    };
  });
}

/** Parts of `rows` that fit the device's bindings, in multiples of `step`. */
export function spansOf(
  gpu: Gpu,
  array: GpuArray,
  rows: number,
  rowBytes: readonly number[],
  step: number,
): readonly Span[] {
  const parts = splitRows(gpu, rows, rowBytes, step);
  if (parts === undefined) {
    throw new DeviceMemoryError(
      array.label,
      array.byteLength,
      `${step} rows of ${Math.max(...rowBytes)} bytes do not fit one binding of this device ` +
        `(${gpu.limits.maxStorageBufferBindingSize} bytes). Quantise fewer columns at a time, or use the cpu backend.`,
    );
  }
  return parts;
}

/** The fewest rows whose bytes are whole 32-bit words; a row has a multiple of half a byte. */
export function wholeWordRows(...rowBytes: readonly number[]): number {
  return [1, 2, 4].find((rows) => rowBytes.every((bytes) => (bytes * rows) % 4 === 0)) ?? 8;
}

export function sourceBytes(type: SourceType): number {
  return type === 'f32' ? 4 : 2;
}

function lcm(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
