import type { Layout } from '../layout/layout.ts';
import { definitionOf, type OpName, type OpParams } from '../ops/registry.ts';
import type { Tensor, TensorSpec } from '../tensor/tensor.ts';
import { layoutRef } from './layout-ref.ts';
import type { Plan, PlanCost, PlanStep, StepKind, StepParams } from './plan.ts';
import { PlanBuildError, PlanParts, type When } from './plan-parts.ts';

interface StepText {
  readonly kind: StepKind;
  readonly when: When;
  readonly reason: string;
  readonly upstream?: string;
}

/**
 * Chains ops into a plan. Every op checks its operands as it would at run time, so steps that disagree about a layout cannot be
 * chained: `op` throws the `LayoutMismatchError` of that op.
 */
export class PlanBuilder extends PlanParts<StepKind> {
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
      this.keep({ ...spec, name });
    }
    this.append({ ...text, op, params: serialisable(params), inputs, outputs });
  }

  /** Says that the bytes of a tensor are in another layout. Nothing moves. */
  relabel(input: string, output: string, layout: Layout, text: Omit<StepText, 'kind'>): void {
    this.keep({ ...this.spec(input), name: output, layout });
    const params = { layout: layoutRef(layout) };
    this.append({ ...text, kind: 'relabel', params, inputs: { x: input }, outputs: { y: output } }, { free: true });
  }

  finish<S extends object>(
    head: Pick<Plan<S>, 'spec' | 'rules' | 'kernel' | 'decisions' | 'warnings' | 'result'>,
  ): Plan<S> {
    const { spec, rules, kernel, decisions, warnings, result } = head;
    const { tensors, operands, steps, cost } = this.parts();
    return {
      format: 'preshuffle-plan',
      formatVersion: 1,
      spec,
      rules,
      kernel,
      decisions,
      tensors,
      operands,
      result,
      steps,
      cost: {
        load: { ...cost.load, ...scaleCopies(steps, 'load') },
        call: { ...cost.call, ...scaleCopies(steps, 'call') },
      },
      warnings,
    };
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

/** The target layout of a permutation becomes a reference; everything else is JSON already. */
function serialisable(params: object): StepParams {
  const { to, ...rest } = params as { readonly to?: Layout };
  return to === undefined ? rest : { ...rest, to: layoutRef(to) };
}

function scaleCopies(steps: readonly PlanStep[], when: When): Pick<PlanCost, 'scaleCopies' | 'scaleCopyBytes'> {
  const copies = steps.filter((step) => step.when === when && step.kind === 'convert-scale');
  return {
    scaleCopies: copies.length,
    scaleCopyBytes: copies.reduce((total, { bytesRead, bytesWritten }) => total + bytesRead + bytesWritten, 0),
  };
}
