import type { ElementType } from '../formats/element-type.ts';
import type { OpName } from '../ops/registry.ts';
import type { ScaleEncoding } from '../tensor/tensor.ts';
import type { Decision } from './rule.ts';
import type { RulesVersion } from './versions.ts';

/** A layout by id and notation: JSON that `parseLayout` reads back. */
export interface LayoutRef {
  readonly id: string;
  readonly shape: readonly number[];
  /** With all sizes, e.g. `n=(n0:256 n1:16) k=(k0:224 k1:2 k2:16) -> n0 k0 k1 n1 k2`. */
  readonly notation: string;
}

/** A tensor of a plan: what it is, without bytes. */
export interface PlanTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly layout: LayoutRef;
  readonly scaling?: ScaleEncoding;
  /** Bytes in storage, padding included. */
  readonly bytes: number;
}

/** Parameters of a step: as the op takes them, but for layouts, which are references. */
export type StepParams = Readonly<Record<string, unknown>>;

export type StepKind =
  | 'quantise'
  | 'requantise'
  | 'normalise'
  | 'permute-weight'
  | 'convert-scale'
  | 'relabel'
  | 'gemm';

/** One step: what goes in, what comes out, in which layouts; the tensors of the plan have those. */
export interface PlanStepOf<Kind extends string> {
  readonly kind: Kind;
  /** `load`: once, on weights. `call`: for every batch. */
  readonly when: 'load' | 'call';
  /** The op that does it, where there is one of its own. */
  readonly op?: OpName;
  readonly params: StepParams;
  /** Operand of the op, or name inside the step -> tensor of the plan. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Output of the op, or name inside the step -> tensor of the plan. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly reason: string;
  /** The function upstream that does the same. */
  readonly upstream?: string;
}

/** `relabel` steps move no byte and have no op. */
export type PlanStep = PlanStepOf<StepKind>;

/** What the steps of one phase add up to. */
export interface PhaseCost {
  readonly steps: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface PlanCost extends PhaseCost {
  /** Steps that only move a scale. */
  readonly scaleCopies: number;
  readonly scaleCopyBytes: number;
}

/** Everything that happens to one linear layer, as JSON: the same in Node, in a browser and in a report. */
export interface Plan<S extends object = object> {
  readonly format: 'preshuffle-plan';
  readonly formatVersion: 1;
  readonly spec: S;
  readonly rules: RulesVersion;
  /** The kernel that multiplies, e.g. `ck-bpreshuffle`. */
  readonly kernel: string;
  readonly decisions: readonly Decision[];
  /** By name; those that no step makes are the operands. */
  readonly tensors: Readonly<Record<string, PlanTensor>>;
  /** Names of the tensors that the caller gives: `load` once, `call` for every batch. */
  readonly operands: { readonly load: readonly string[]; readonly call: readonly string[] };
  readonly result: string;
  readonly steps: readonly PlanStep[];
  readonly cost: { readonly load: PlanCost; readonly call: PlanCost };
  readonly warnings: readonly string[];
}
