import { elementBits } from '../../../src/formats/element-type.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import type { TensorSpec } from '../../../src/tensor/tensor.ts';
import type { Support } from '../../backend.ts';
import { paddedSize } from '../buffers.ts';
import { DeviceMemoryError } from '../errors.ts';
import type { Gpu } from '../gpu.ts';
import type { KernelCall } from '../kernel.ts';
import { type BoundWindow, bindWindow, type Span, spans } from '../split.ts';
import { axisWords, fitsAxes, rowChunk } from './gemm-digits.ts';
import { type GpuOperands, type GpuTensor, tensorOf } from './kernel.ts';

const OUTPUT_FORMAT = { f32: 0, bf16: 1, f16: 2 } as const;
const BF16_TRUNCATED = 3;

/** Columns of y in a workgroup's tile. */
const TILE_COLUMNS = 64;

/** Offsets are 32-bit in the shaders. */
const MOST_ELEMENTS = 2 ** 32 - 1;

const INPUTS = ['x', 'w', 'x_scale', 'w_scale'] as const;

export interface GemmKernel {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number>>;
  /** Words of `Shape` between the number of columns of y and the offsets of the bound parts. */
  readonly sizes: readonly number[];
  readonly rounding?: 'nearest-even' | 'truncate';
}

/** What both matrix multiplications leave out. */
export function gemmSupport(operands: Readonly<Record<string, TensorSpec>>): Support {
  const layouts = INPUTS.map((name) => operands[name]?.layout).filter(
    (layout): layout is Layout => layout !== undefined,
  );
  const results = (operands.x?.layout.shape[0] ?? 0) * (operands.w?.layout.shape[0] ?? 0);
  const largest = Math.max(results, ...layouts.map(({ storageSize }) => storageSize));
  if (largest > MOST_ELEMENTS) {
    return {
      supported: false,
      reason: `${largest} elements exceed the 32-bit offsets of the shader: use the cpu backend.`,
    };
  }
  const deep = layouts.find((layout) => !fitsAxes(layout));
  if (deep === undefined) return { supported: true };
  return { supported: false, reason: `the shader cannot address ${deep.id}: use the cpu backend.` };
}

/**
 * The dispatches of `y = x * transposed(w)`: one, or one for each pair of row ranges of x and w where x, w or y exceed a
 * binding. Scales are bound whole: they are a fraction of what they scale.
 */
export function gemmCalls(
  gpu: Gpu,
  kernel: GemmKernel,
  operands: GpuOperands,
  outputs: GpuOperands,
): readonly KernelCall[] {
  const [x, w, xScale, wScale] = INPUTS.map((name) => tensorOf(operands, name)) as [
    GpuTensor,
    GpuTensor,
    GpuTensor,
    GpuTensor,
  ];
  const y = tensorOf(outputs, 'y');
  const [M = 0, N = 0] = y.layout.shape;
  const yBytes = elementBits(y.type) / 8;
  const format = kernel.rounding === 'truncate' ? BF16_TRUNCATED : OUTPUT_FORMAT[y.type as keyof typeof OUTPUT_FORMAT];
  const axes = [x, w, xScale, wScale].flatMap(({ layout }) => axisWords(layout));
  for (const scale of [xScale, wScale]) requireRoom(gpu, scale);
  const rowSteps = M > 16 ? 4 : 1;
  const rowRanges = partsOf(gpu, x, M, { array: y, rowBytes: N * yBytes });
  const columnRanges = partsOf(gpu, w, N);
  return rowRanges.flatMap((rows) => {
    const xPart = windowOf(gpu, x, rows);
    const yPart = bindWindow(gpu, y.array, rows.start * N * yBytes, rows.end * N * yBytes);
    return columnRanges.map((columns): KernelCall => {
      const wPart = windowOf(gpu, w, columns);
      const shape = Uint32Array.of(
        rows.start,
        rows.end,
        columns.start,
        columns.end,
        N,
        ...kernel.sizes,
        firstElement(xPart, x),
        firstElement(wPart, w),
        firstElement(yPart, y),
        format,
        ...axes,
      );
      const tiles =
        Math.ceil((rows.end - rows.start) / (16 * rowSteps)) * Math.ceil((columns.end - columns.start) / TILE_COLUMNS);
      return {
        shader: kernel.shader,
        constants: { ...kernel.constants, row_steps: rowSteps },
        bindings: [shape, xPart.binding, wPart.binding, xScale.array, wScale.array, yPart.binding],
        workgroups: tiles,
      };
    });
  });
}

/** Ranges of rows whose storage fits a binding, in whole chunks; with `beside`, that its rows do, too. */
function partsOf(
  gpu: Gpu,
  source: GpuTensor,
  rows: number,
  beside?: { readonly array: GpuTensor; readonly rowBytes: number },
): readonly Span[] {
  const chunk = rowChunk(source.layout);
  const besideBytes = (beside?.rowBytes ?? 0) * chunk.rows;
  const chunkBytes = Math.max((chunk.elements * elementBits(source.type)) / 8, besideBytes);
  const chunks = Math.ceil(rows / chunk.rows);
  const limit = gpu.limits.maxStorageBufferBindingSize;
  if (paddedSize(chunks * chunkBytes) <= limit) return spans(rows, Math.max(1, rows));
  // A window may start up to one alignment early and end up to three bytes late.
  const fitting = Math.floor((limit - gpu.alignment - 4) / chunkBytes);
  if (fitting < 1) {
    const { array } = beside !== undefined && chunkBytes === besideBytes ? beside.array : source;
    throw new DeviceMemoryError(
      array.label,
      array.byteLength,
      `${chunk.rows} of its rows take ${chunkBytes} bytes, and one binding of this device ${limit}. ` +
        'Multiply fewer columns at a time, or use the cpu backend.',
    );
  }
  return spans(rows, fitting * chunk.rows);
}

function requireRoom(gpu: Gpu, { array }: GpuTensor): void {
  const limit = gpu.limits.maxStorageBufferBindingSize;
  if (paddedSize(array.byteLength) <= limit) return;
  throw new DeviceMemoryError(
    array.label,
    array.byteLength,
    `scales are bound whole, and one binding of this device takes ${limit} bytes. Multiply fewer rows at a time, or use the cpu backend.`,
  );
}

function windowOf(gpu: Gpu, source: GpuTensor, rows: Span): BoundWindow {
  const chunk = rowChunk(source.layout);
  const bytes = (chunk.elements * elementBits(source.type)) / 8;
  const end = Math.min(Math.ceil(rows.end / chunk.rows) * bytes, source.array.byteLength);
  return bindWindow(gpu, source.array, Math.floor(rows.start / chunk.rows) * bytes, end);
}

function firstElement({ binding }: BoundWindow, { type }: GpuTensor): number {
  return (binding.start * 8) / elementBits(type);
}
