import type { FoundAdapter } from './adapter-info.ts';
import type { DeviceMemoryError } from './errors.ts';

/** Limits that decide how work is split. All in bytes but the grid. */
export interface GpuLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

/** A kernel that is ready to run. */
export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** Kinds of the bindings in group 0, by number. */
  readonly bindings: readonly GPUBufferBindingType[];
}

/** An open device with what belongs to it. Kernels get one of these and nothing else of WebGPU's machinery. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly found: FoundAdapter;
  readonly limits: GpuLimits;
  /** Bindings start at multiples of this many bytes. */
  readonly alignment: number;
  /** Compiled kernels by shader, entry point, constants and generated blocks; oldest first. */
  readonly pipelines: Map<string, Promise<CompiledKernel>>;
  /** Readback buffers that wait for their next use. */
  readonly staging: GPUBuffer[];
  /** Buffers that got no memory, not yet reported; see `requireMemory`. */
  readonly failures: DeviceMemoryError[];
  /** Rejects with a DeviceLostError when the device goes away. Race against it whatever might hang then. */
  readonly lost: Promise<never>;
}
