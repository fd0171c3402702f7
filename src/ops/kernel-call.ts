import type { Tensor } from '../tensor/tensor.ts';
import type { OpName } from './registry.ts';

/** Tensors by the names that an op has for them. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** One run of an op as its caller understands it, for code that handles all ops alike. `check` in golden has the typed form. */
export interface KernelCall {
  readonly op: OpName;
  readonly params: object;
  readonly operands: NamedTensors;
}
