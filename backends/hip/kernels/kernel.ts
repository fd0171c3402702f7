import type { Layout } from '../../../src/layout/layout.ts';
import type { OpName, OpParams } from '../../../src/ops/registry.ts';
import type { TensorSpec } from '../../../src/tensor/tensor.ts';
import type { DeviceTensor, Support } from '../../backend.ts';
import type { ArgumentStruct, Field, FieldValues } from '../args.ts';
import type { DeviceFacts } from '../device.ts';
import type { Grid } from '../launch.ts';
import type { HipBuffer } from '../memory.ts';

/** A tensor in device memory, in its layout. */
export interface HipTensor extends DeviceTensor {
  readonly backend: 'hip';
  readonly buffer: HipBuffer;
}

/** One launch of a kernel. */
export interface KernelLaunch<Fields extends readonly Field[] = readonly Field[]> {
  /** The code object: `permute` is compiled from kernels/permute.hip. */
  readonly object: string;
  /** The kernel in it. */
  readonly kernel: string;
  /** Its one argument. */
  readonly struct: ArgumentStruct<Fields>;
  readonly values: FieldValues<Fields>;
  /** Workgroups. Nothing runs when one of them is zero. */
  readonly grid: Grid;
}

/** One run of an op: the device, and scratch memory that lasts as long as the run. */
export interface OpRun {
  readonly device: DeviceFacts;
  /** The op's name, for errors. */
  readonly op: string;
  /** The address of a buffer, for kernel arguments. @throws HipHandleError when it was freed or is another device's */
  address(buffer: HipBuffer): bigint;
  /** Memory that is freed after the run. Zeroed unless `zeroed` is false. */
  scratch(byteLength: number, label: string, options?: { readonly zeroed?: boolean }): HipBuffer;
  /** The bytes of a buffer after everything queued before: for flags that kernels raise. */
  download(buffer: HipBuffer): Promise<Uint8Array>;
  /** Queues a kernel after everything queued before. */
  launch<const Fields extends readonly Field[]>(launch: KernelLaunch<Fields>): Promise<void>;
  /**
   * Stores a buffer in another layout, e.g. scales written row-major into the layout the output asks for. Copies when both
   * are the same.
   * @param bits width of an element: 4, 8, 16, 32 or 64
   * @param fill byte for the padding of the target. Default 0
   */
  permute(
    from: HipBuffer,
    fromLayout: Layout,
    to: HipBuffer,
    toLayout: Layout,
    bits: number,
    fill?: number,
  ): Promise<void>;
}

export type HipOperands = Readonly<Record<string, HipTensor>>;

/**
 * An op on HIP. Parameters, operands and outputs have passed the op's `plan`: nothing is checked again here. Optional operands
 * may be missing from `operands`; outputs are allocated, zeroed, one for each entry of the plan.
 */
export interface HipKernel<N extends OpName = OpName> {
  readonly op: N;
  /** Code objects that it needs. */
  readonly objects: readonly string[];
  /** Variants that this kernel leaves out. Default: none. */
  supports?(params: OpParams<N>, operands: Readonly<Record<string, TensorSpec>>): Support;
  run(run: OpRun, params: OpParams<N>, operands: HipOperands, outputs: HipOperands): Promise<void>;
}

/** Looks up an operand or output that the op's plan guarantees. */
export function tensorOf(tensors: HipOperands, name: string): HipTensor {
  const found = tensors[name];
  if (found === undefined) throw new TypeError(`the plan left out "${name}"`);
  return found;
}
