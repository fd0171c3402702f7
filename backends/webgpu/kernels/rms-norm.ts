import { f32Bits } from '../../../src/formats/f32.ts';
import type { OutputRounding } from '../../../src/ops/shared/round-output.ts';
import type { GpuArray } from '../buffers.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow } from '../split.ts';
import type { GpuTensor, OpRun } from './kernel.ts';
import { matrixOf, sourceType } from './quant-blocks.ts';
import { narrowCalls, sourceBytes, spansOf, wholeWordRows } from './quant-calls.ts';
import { SOURCE } from './quant-rules.ts';

/** Rows to normalise. */
export interface NormSource {
  readonly x: GpuTensor;
  readonly weight: GpuTensor;
  /** Added to x first. */
  readonly residual?: GpuTensor | undefined;
  readonly epsilon: number;
  /** Multiply by `weight + 1`. Default false. */
  readonly weightPlusOne?: boolean;
}

/**
 * RMSNorm of rows, in binary32.
 * @param sums gets x, or its sum with the residual
 * @param normed gets the normalised rows
 */
export function normaliseCalls(
  run: OpRun,
  { x, weight, residual, epsilon, weightPlusOne = false }: NormSource,
  sums: GpuArray,
  normed: GpuArray,
): readonly KernelCall[] {
  const { rows, columns } = matrixOf(x);
  // Without a residual the shader does not read it, but something must be bound.
  const added = residual ?? x;
  const xRow = columns * sourceBytes(sourceType(x.type));
  const addedRow = columns * sourceBytes(sourceType(added.type));
  const resultRow = columns * 4;
  const parts = spansOf(run.gpu, x.array, rows, [resultRow, xRow, addedRow], wholeWordRows(xRow, addedRow));
  return parts.map(({ start, end }) => {
    const xs = bindWindow(run.gpu, x.array, start * xRow, end * xRow);
    const residuals = bindWindow(run.gpu, added.array, start * addedRow, end * addedRow);
    const target = bindWindow(run.gpu, sums, start * resultRow, end * resultRow);
    const shape = Uint32Array.of(
      end - start,
      columns,
      f32Bits(epsilon),
      f32Bits(columns),
      SOURCE[sourceType(x.type)],
      SOURCE[sourceType(added.type)],
      SOURCE[sourceType(weight.type)],
      residual === undefined ? 0 : 1,
      xs.lead / 4,
      residuals.lead / 4,
      target.lead / 4,
      weightPlusOne ? 1 : 0,
    );
    return {
      shader: 'fused_rms_quant',
      entryPoint: 'normalise',
      bindings: [
        shape,
        xs.binding,
        residuals.binding,
        weight.array,
        target.binding,
        bindWindow(run.gpu, normed, start * resultRow, end * resultRow).binding,
      ],
      workgroups: end - start,
    };
  });
}

/** Where the float32 values of an output are computed: in place when it is float32 itself. */
export function wordsFor(run: OpRun, output: GpuTensor): GpuArray {
  return output.type === 'f32' ? output.array : run.scratch(output.layout.size * 4, `${output.name} in float32`);
}

/** Rounds what was computed in `wordsFor` to the type of the output. */
export function narrowedCalls(
  run: OpRun,
  words: GpuArray,
  to: GpuTensor,
  rounding: OutputRounding = 'nearest-even',
): readonly KernelCall[] {
  const type = sourceType(to.type);
  return type === 'f32' ? [] : narrowCalls(run.gpu, words, to.layout.size, type, to.array, rounding);
}
