import type { OpName } from '../ops/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';

type Operands = Readonly<Record<string, Tensor>>;

/** A mistake that was made in the field: what a kernel gets instead of the operands it should get. Nothing raises an error. */
export interface Incident {
  readonly id: string;
  readonly title: string;
  /** Ops that it happens to. */
  readonly ops: readonly OpName[];
  /** What it looks like from outside. */
  readonly symptom: string;
  /** Where it happened. */
  readonly origin: string;
  /** The operands as the kernel then reads them. */
  misread(operands: Operands): Operands;
}
