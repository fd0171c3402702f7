import type { Layout } from '../../../src/layout/layout.ts';
import type { OpName, OpParams } from '../../../src/ops/registry.ts';
import type { TensorSpec } from '../../../src/tensor/tensor.ts';
import type { DeviceTensor, Support } from '../../backend.ts';
import type { GpuArray } from '../buffers.ts';
import type { Gpu } from '../gpu.ts';
import type { KernelCall } from '../kernel.ts';

/** A tensor in a storage buffer, in its layout. */
export interface GpuTensor extends DeviceTensor {
  readonly backend: 'webgpu';
  readonly array: GpuArray;
}

/** One run of an op: the device, and scratch memory that lasts as long as the run. */
export interface OpRun {
  readonly gpu: Gpu;
  /** The op's name, for errors. */
  readonly op: string;
  /** A zeroed array that is freed after the run. */
  scratch(byteLength: number, label: string): GpuArray;
  /** Queues kernels in order; see `runKernels`. */
  dispatch(...calls: readonly KernelCall[]): Promise<void>;
  /**
   * Stores an array in another layout, e.g. scales written row-major into the layout the output asks for. Copies when
   * both are the same.
   * @param bits width of an element: 4, 8, 16, 32 or 64
   * @param fill byte for the padding of the target. Default 0
   */
  permute(
    from: GpuArray,
    fromLayout: Layout,
    to: GpuArray,
    toLayout: Layout,
    bits: number,
    fill?: number,
  ): Promise<void>;
}

export type GpuOperands = Readonly<Record<string, GpuTensor>>;

/**
 * An op on WebGPU. Parameters, operands and outputs have passed the op's `plan`: nothing is checked again here. Optional
 * operands may be missing from `operands`; outputs are allocated, zeroed, one for each entry of the plan.
 */
export interface WebGpuKernel<N extends OpName = OpName> {
  readonly op: N;
  /** Variants that this kernel leaves out. Default: none. */
  supports?(params: OpParams<N>, operands: Readonly<Record<string, TensorSpec>>): Support;
  run(run: OpRun, params: OpParams<N>, operands: GpuOperands, outputs: GpuOperands): Promise<void>;
}

/** Looks up an operand or output that the op's plan guarantees. */
export function tensorOf(tensors: GpuOperands, name: string): GpuTensor {
  const found = tensors[name];
  if (found === undefined) throw new TypeError(`the plan left out "${name}"`);
  return found;
}
