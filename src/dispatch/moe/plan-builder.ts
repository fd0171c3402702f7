import type { TensorSpec } from '../../tensor/tensor.ts';
import { PlanParts } from '../plan-parts.ts';
import type { MoePlanStep, MoeStepKind } from './plan.ts';

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
export class MoePlanBuilder extends PlanParts<MoeStepKind> {
  /** Appends a step and declares what it makes. */
  step({ params = {}, makes, free = false, reads = {}, ...text }: MoeStepText): void {
    for (const spec of Object.values(makes)) this.keep(spec);
    const outputs = Object.fromEntries(Object.entries(makes).map(([inside, { name }]) => [inside, name]));
    this.append({ ...text, params, outputs }, { free, reads });
  }
}
