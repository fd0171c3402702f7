import { PreshuffleError } from '../errors.ts';
import { storageBytes } from '../tensor/make.ts';
import type { TensorSpec } from '../tensor/tensor.ts';
import { layoutRef } from './layout-ref.ts';
import type { PhaseCost, PlanStepOf, PlanTensor } from './plan.ts';

export type When = PlanStepOf<string>['when'];

/** A plan that is being built breaks its own rules: a bug of the caller, not of the user. */
export class PlanBuildError extends PreshuffleError {
  constructor(message: string) {
    super('plan-build', message);
  }
}

/** Which bytes a step moves, where it does not read all of its inputs and write all of its outputs. */
interface Moved {
  /** Nothing moves: the outputs are the inputs under another layout. */
  readonly free?: boolean;
  /** Bytes of an input that are read, where it is not all of it. */
  readonly reads?: Readonly<Record<string, number>>;
}

/** What every kind of plan is built from: its tensors, and steps with their bytes. */
export class PlanParts<Kind extends string> {
  readonly #specs = new Map<string, TensorSpec>();
  readonly #operands: { readonly load: string[]; readonly call: string[] } = { load: [], call: [] };
  readonly #steps: PlanStepOf<Kind>[] = [];

  /** Declares a tensor that the caller gives. */
  operand(when: When, spec: TensorSpec): string {
    this.keep(spec);
    this.#operands[when].push(spec.name);
    return spec.name;
  }

  spec(name: string): TensorSpec {
    const found = this.#specs.get(name);
    if (found === undefined) throw new PlanBuildError(`the plan has no tensor "${name}" yet.`);
    return found;
  }

  parts(): {
    readonly tensors: Readonly<Record<string, PlanTensor>>;
    readonly operands: Readonly<Record<When, readonly string[]>>;
    readonly steps: readonly PlanStepOf<Kind>[];
    readonly cost: Readonly<Record<When, PhaseCost>>;
  } {
    return {
      tensors: Object.fromEntries([...this.#specs].map(([name, spec]) => [name, planTensor(spec)])),
      operands: this.#operands,
      steps: this.#steps,
      cost: { load: this.#cost('load'), call: this.#cost('call') },
    };
  }

  protected keep(spec: TensorSpec): void {
    if (this.#specs.has(spec.name)) throw new PlanBuildError(`the plan already has a tensor "${spec.name}".`);
    this.#specs.set(spec.name, spec);
  }

  /** Appends a step whose tensors are all there. */
  protected append(
    step: Omit<PlanStepOf<Kind>, 'bytesRead' | 'bytesWritten'>,
    { free = false, reads = {} }: Moved = {},
  ): void {
    const { kind, when, op, params, inputs, outputs, reason, upstream } = step;
    const bytesOf = (name: string): number => storageBytes(this.spec(name));
    const read = Object.entries(inputs).map(([inside, name]) => reads[inside] ?? bytesOf(name));
    const written = Object.values(outputs).map(bytesOf);
    this.#steps.push({
      kind,
      when,
      ...(op === undefined ? {} : { op }),
      params,
      inputs,
      outputs,
      bytesRead: free ? 0 : sum(read),
      bytesWritten: free ? 0 : sum(written),
      reason,
      ...(upstream === undefined ? {} : { upstream }),
    });
  }

  #cost(when: When): PhaseCost {
    const own = this.#steps.filter((step) => step.when === when);
    return {
      steps: own.length,
      bytesRead: sum(own.map(({ bytesRead }) => bytesRead)),
      bytesWritten: sum(own.map(({ bytesWritten }) => bytesWritten)),
    };
  }
}

function planTensor(spec: TensorSpec): PlanTensor {
  const { name, type, scaling } = spec;
  const base = { name, type, layout: layoutRef(spec.layout), bytes: storageBytes(spec) };
  return scaling === undefined ? base : { ...base, scaling };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
