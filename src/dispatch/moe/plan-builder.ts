import { PreshuffleError } from '../../errors.ts';
import { storageBytes } from '../../tensor/make.ts';
import type { TensorSpec } from '../../tensor/tensor.ts';
import { layoutRef } from '../layout-ref.ts';
import type { PlanTensor } from '../plan.ts';
import type { MoePlan, MoePlanCost, MoePlanStep } from './plan.ts';

type When = MoePlanStep['when'];

/** A step before its bytes are counted. */
export interface MoeStepText extends Pick<MoePlanStep, 'kind' | 'when' | 'reason' | 'upstream' | 'op'> {
  readonly params?: MoePlanStep['params'];
  readonly inputs: MoePlanStep['inputs'];
  /** Name inside the step -> the tensor it makes. */
  readonly makes: Readonly<Record<string, TensorSpec>>;
  /** Nothing moves: the outputs are the inputs under another layout. */
  readonly free?: boolean;
  /** Bytes of an input that are read, where it is not all of it. */
  readonly reads?: Readonly<Record<string, number>>;
}

/** Collects the tensors and steps of a plan. */
export class MoePlanBuilder {
  readonly #specs = new Map<string, TensorSpec>();
  readonly #operands: { readonly load: string[]; readonly call: string[] } = { load: [], call: [] };
  readonly #steps: MoePlanStep[] = [];

  /** Declares a tensor that the caller gives. */
  operand(when: When, spec: TensorSpec): string {
    this.#keep(spec);
    this.#operands[when].push(spec.name);
    return spec.name;
  }

  spec(name: string): TensorSpec {
    const found = this.#specs.get(name);
    if (found === undefined) throw new PreshuffleError('plan-build', `the plan has no tensor "${name}" yet.`);
    return found;
  }

  /** Appends a step; gives the names of what it makes. */
  step(text: MoeStepText): void {
    const { kind, when, reason, upstream, op, params = {}, inputs, makes, free = false, reads = {} } = text;
    for (const spec of Object.values(makes)) this.#keep(spec);
    const read = Object.entries(inputs).map(([inside, name]) => reads[inside] ?? storageBytes(this.spec(name)));
    const written = Object.values(makes).map(storageBytes);
    this.#steps.push({
      kind,
      when,
      ...(op === undefined ? {} : { op }),
      params,
      inputs,
      outputs: Object.fromEntries(Object.entries(makes).map(([inside, { name }]) => [inside, name])),
      bytesRead: free ? 0 : sum(read),
      bytesWritten: free ? 0 : sum(written),
      reason,
      ...(upstream === undefined ? {} : { upstream }),
    });
  }

  finish(): Pick<MoePlan, 'tensors' | 'operands' | 'steps' | 'cost'> {
    return {
      tensors: Object.fromEntries([...this.#specs].map(([name, spec]) => [name, planTensor(spec)])),
      operands: this.#operands,
      steps: this.#steps,
      cost: { load: this.#cost('load'), call: this.#cost('call') },
    };
  }

  #keep(spec: TensorSpec): void {
    if (this.#specs.has(spec.name)) {
      throw new PreshuffleError('plan-build', `the plan already has a tensor "${spec.name}".`);
    }
    this.#specs.set(spec.name, spec);
  }

  #cost(when: When): MoePlanCost {
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
