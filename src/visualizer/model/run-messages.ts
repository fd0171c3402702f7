import type { AdapterKind } from '../../../backends/webgpu/adapter-info.ts';
import type { ElementType } from '../../formats/element-type.ts';
import type { Comparison } from '../../golden/compare.ts';
import type { RunSpec } from './run-spec.ts';

/*
 * What the page and the engine say to each other. The engine runs in a worker, so that the page stays alive, or in the page where
 * there are no workers. Everything here can be cloned.
 */

/** Steps of a run in their order. */
export const RUN_STEPS = ['operands', 'reference', 'bound', 'adapter', 'first', 'again', 'compare'] as const;
export type RunStep = (typeof RUN_STEPS)[number];

export interface RunRequest {
  readonly id: number;
  readonly spec: RunSpec;
  readonly adapter: AdapterKind;
}

export type EngineMessage =
  /** The engine is loaded. `hasGpu`: `navigator.gpu` is there where it runs. */
  | { readonly kind: 'ready'; readonly hasGpu: boolean }
  | { readonly kind: 'step'; readonly id: number; readonly step: RunStep }
  | { readonly kind: 'done'; readonly id: number; readonly report: RunReport }
  /** The run could not begin: a message for people. */
  | { readonly kind: 'refused'; readonly id: number; readonly message: string };

/** A tensor without its bytes. */
export interface TensorFacts {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly layout: string;
  readonly bytes: number;
}

export interface GpuDevice {
  readonly name: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/** The WebGPU side of a run. Times are wall-clock milliseconds from operands in memory to results in memory. */
export type GpuSide =
  | {
      readonly ok: true;
      readonly device: GpuDevice;
      /** Finding an adapter and opening a device. */
      readonly openMs: number;
      /** With the compilation of the shaders. */
      readonly firstMs: number;
      /** The best of `runs` further ones. */
      readonly againMs: number;
      readonly runs: number;
    }
  | {
      readonly ok: false;
      /** `adapter`: none was found; `device`: it was lost or has no memory; `kernel`: it refused. */
      readonly at: 'adapter' | 'device' | 'kernel';
      /** As in `PreshuffleError`, or the name of the browser's exception. */
      readonly code: string;
      readonly message: string;
      readonly tried: readonly string[];
      /** Set when a device was open. */
      readonly device?: GpuDevice;
    };

/** One output, element by element in logical order. */
export interface OutputReport extends TensorFacts {
  /** Names of the logical dimensions. */
  readonly dims: readonly string[];
  /** `bytes`: the same bits (any NaN for a NaN); `bound`: what correct float32 arithmetic may return. */
  readonly criterion: 'bytes' | 'bound';
  readonly comparison?: Comparison;
  /** Codes of the CPU; values where an element has 64 bits. */
  readonly expected: Float64Array;
  /** Codes of the GPU. */
  readonly actual?: Float64Array;
  /** Units in the last place between the two; -1 where the codes differ and no distance is defined. */
  readonly ulps?: Float32Array;
  /** 1 where an element does not meet the criterion. */
  readonly wrong?: Uint8Array;
}

export interface RunReport {
  readonly spec: RunSpec;
  readonly operands: readonly TensorFacts[];
  readonly cpuMs: number;
  readonly cpuName: string;
  /** Computing what float32 may return; undefined where every output is compared by bytes. */
  readonly boundMs?: number;
  readonly gpu: GpuSide;
  readonly outputs: readonly OutputReport[];
  /** Every output agrees; undefined when there was nothing to compare with. */
  readonly passed?: boolean;
  /** What the library says to the mistaken operands when their layouts are told. */
  readonly refusal?: string;
}
