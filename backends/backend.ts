import type { Layout } from '../src/layout/layout.ts';
import type { OpName, OpOperands, OpOutputs, OpParams } from '../src/ops/registry.ts';
import type { Tensor, TensorSpec } from '../src/tensor/tensor.ts';

export type BackendId = 'cpu' | 'webgpu' | 'hip';

/** What a report says about the device that ran. `facts` are shown by `preshuffle devices`. */
export interface DeviceInfo {
  /** One line, e.g. `NVIDIA H200 (Vulkan, driver 580.159.04)`. */
  readonly name: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

export type Support = { readonly supported: true } | { readonly supported: false; readonly reason: string };

/** A tensor that lives on a device. It belongs to the backend that made it and is freed by it. */
export interface DeviceTensor extends TensorSpec {
  readonly backend: BackendId;
}

/**
 * Executes ops. Thin on purpose: it holds no rules, chooses no layouts and checks no shapes (`OpDefinition.plan` does).
 */
export interface Backend {
  readonly id: BackendId;
  readonly device: DeviceInfo;
  /** Whether `run` would accept this call. A `false` becomes `skip` with the reason in a golden report. */
  supports<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Support;
  /** Runs one op on host tensors: upload, execute, download. Throws UnsupportedOpError when `supports` says no. */
  run<N extends OpName>(op: N, params: OpParams<N>, operands: OpOperands<N>): Promise<OpOutputs<N>>;
  /** Copies a tensor to the device. */
  upload(tensor: Tensor): Promise<DeviceTensor>;
  /** Copies it back. */
  download(tensor: DeviceTensor): Promise<Tensor>;
  /**
   * Says that the bytes of a tensor are in another layout, without moving one: `assume()` for a tensor on a device. Returns the
   * tensor under its new layout and name; the old handle is no longer valid.
   * @throws TensorBytesError when the layout does not take as many bytes
   */
  relabel(tensor: DeviceTensor, claim: { readonly layout: Layout; readonly name?: string }): DeviceTensor;
  /** Gives its memory back. Freeing twice is an error, not a crash. */
  free(tensor: DeviceTensor): void;
  /** Runs one op on tensors that are already on the device; the outputs stay there. */
  runOnDevice<N extends OpName>(
    op: N,
    params: OpParams<N>,
    operands: Readonly<Record<string, DeviceTensor>>,
  ): Promise<Readonly<Record<string, DeviceTensor>>>;
  dispose(): Promise<void>;
}

/** What a search for a backend found: `preshuffle devices` prints it. */
export interface BackendProbe {
  readonly id: BackendId;
  readonly available: boolean;
  /** One line: the device, or what is missing. */
  readonly summary: string;
  /** Device facts when available. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** Every place that was looked at, in order, with what was found there. */
  readonly tried: readonly string[];
}
