import { PreshuffleError } from '../errors.ts';
import type { Layout } from '../layout/layout.ts';
import { definitionOf, type OpName, type OpParams } from '../ops/registry.ts';
import { storageBytes } from '../tensor/make.ts';
import type { Tensor, TensorSpec } from '../tensor/tensor.ts';
import { layoutRef } from './layout-ref.ts';
import type { Plan, PlanCost, PlanStep, PlanTensor, StepKind, StepParams } from './plan.ts';

type When = PlanStep['when'];

interface StepText {
  readonly kind: StepKind;
  readonly when: When;
  readonly reason: string;
  readonly upstream?: string;
}

/** A plan that is being built breaks its own rules: a bug of the caller, not of the user. */
class PlanBuildError extends PreshuffleError {
  constructor(message: string) {
    super('plan-build', message);
  }
}

/**
 * Chains ops into a plan. Every op checks its operands as it would at run time, so steps that disagree about a layout cannot be
 * chained: `op` throws the `LayoutMismatchError` of that op.
 */
export class PlanBuilder {
  readonly #specs = new Map<string, TensorSpec>();
  readonly #operands: { readonly load: string[]; readonly call: string[] } = { load: [], call: [] };
  readonly #steps: PlanStep[] = [];

  /** Declares a tensor that the caller gives. */
  operand(when: When, spec: TensorSpec): string {
    this.#keep(spec);
    this.#operands[when].push(spec.name);
    return spec.name;
  }

  spec(name: string): TensorSpec {
    const found = this.#specs.get(name);
    if (found === undefined) throw new PlanBuildError(`the plan has no tensor "${name}" yet.`);
    return found;
  }

  /**
   * Appends an op. `outputs` names the outputs that are kept.
   * @throws LayoutMismatchError, OperandError, ParameterError of the op
   */
  op<N extends OpName>(
    op: N,
    params: OpParams<N>,
    inputs: Readonly<Record<string, string>>,
    outputs: Readonly<Record<string, string>>,
    text: StepText,
  ): void {
    const operands = Object.fromEntries(
      Object.entries(inputs).map(([operand, name]) => [operand, withoutBytes(this.spec(name))]),
    );
    const planned: Readonly<Record<string, TensorSpec>> = definitionOf(op).plan(params, operands);
    for (const [output, name] of Object.entries(outputs)) {
      const spec = planned[output];
      if (spec === undefined) throw new PlanBuildError(`${op} has no output "${output}".`);
      this.#keep({ ...spec, name });
    }
    this.#append({ ...text, op, params: serialisable(params), inputs, outputs });
  }

  /** Says that the bytes of a tensor are in another layout. Nothing moves. */
  relabel(input: string, output: string, layout: Layout, text: Omit<StepText, 'kind'>): void {
    this.#keep({ ...this.spec(input), name: output, layout });
    this.#append({
      ...text,
      kind: 'relabel',
      params: { layout: layoutRef(layout) },
      inputs: { x: input },
      outputs: { y: output },
    });
  }

  finish<S extends object>(
    head: Pick<Plan<S>, 'spec' | 'rules' | 'kernel' | 'decisions' | 'warnings' | 'result'>,
  ): Plan<S> {
    const { spec, rules, kernel, decisions, warnings, result } = head;
    return {
      format: 'preshuffle-plan',
      formatVersion: 1,
      spec,
      rules,
      kernel,
      decisions,
      tensors: Object.fromEntries([...this.#specs].map(([name, tensor]) => [name, planTensor(tensor)])),
      operands: this.#operands,
      result,
      steps: this.#steps,
      cost: { load: costOf(this.#steps, 'load'), call: costOf(this.#steps, 'call') },
      warnings,
    };
  }

  #keep(spec: TensorSpec): void {
    if (this.#specs.has(spec.name)) throw new PlanBuildError(`the plan already has a tensor "${spec.name}".`);
    this.#specs.set(spec.name, spec);
  }

  #append(step: Omit<PlanStep, 'bytesRead' | 'bytesWritten'>): void {
    const moved = step.kind === 'relabel' ? [] : Object.values(step.inputs);
    const written = step.kind === 'relabel' ? [] : Object.values(step.outputs);
    this.#steps.push({
      kind: step.kind,
      when: step.when,
      ...(step.op === undefined ? {} : { op: step.op }),
      params: step.params,
      inputs: step.inputs,
      outputs: step.outputs,
      bytesRead: this.#bytes(moved),
      bytesWritten: this.#bytes(written),
      reason: step.reason,
      ...(step.upstream === undefined ? {} : { upstream: step.upstream }),
    });
  }

  #bytes(names: readonly string[]): number {
    return names.reduce((sum, name) => sum + storageBytes(this.spec(name)), 0);
  }
}

/** Ops plan from specs; one that reads values cannot be part of a plan. */
function withoutBytes(spec: TensorSpec): Tensor {
  return {
    ...spec,
    get bytes(): Uint8Array {
      throw new PlanBuildError(`an op reads the values of "${spec.name}" to plan its outputs; a plan has none.`);
    },
  };
}

function planTensor(spec: TensorSpec): PlanTensor {
  const { name, type, scaling } = spec;
  const base = { name, type, layout: layoutRef(spec.layout), bytes: storageBytes(spec) };
  return scaling === undefined ? base : { ...base, scaling };
}

/** The target layout of a permutation becomes a reference; everything else is JSON already. */
function serialisable(params: object): StepParams {
  const { to, ...rest } = params as { readonly to?: Layout };
  return to === undefined ? rest : { ...rest, to: layoutRef(to) };
}

function costOf(steps: readonly PlanStep[], when: When): PlanCost {
  const own = steps.filter((step) => step.when === when);
  const copies = own.filter(({ kind }) => kind === 'convert-scale');
  const sum = (list: readonly PlanStep[], pick: (step: PlanStep) => number): number =>
    list.reduce((total, step) => total + pick(step), 0);
  return {
    steps: own.length,
    bytesRead: sum(own, ({ bytesRead }) => bytesRead),
    bytesWritten: sum(own, ({ bytesWritten }) => bytesWritten),
    scaleCopies: copies.length,
    scaleCopyBytes: sum(copies, (step) => step.bytesRead + step.bytesWritten),
  };
}
