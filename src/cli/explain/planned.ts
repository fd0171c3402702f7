import type { LinearSpec } from '../../dispatch/linear-spec.ts';
import type { Plan } from '../../dispatch/plan.ts';
import { planLinear } from '../../dispatch/plan-linear.ts';
import { PreshuffleError } from '../../errors.ts';

/** A plan, or why there is none. */
export type Planned =
  | { readonly spec: LinearSpec; readonly plan: Plan<LinearSpec> }
  | { readonly spec: LinearSpec; readonly refused: PreshuffleError };

/** Plans a layer; a refusal is returned, not thrown. */
export function attempt(spec: LinearSpec): Planned {
  try {
    return { spec, plan: planLinear(spec) };
  } catch (error) {
    if (!(error instanceof PreshuffleError)) throw error;
    return { spec, refused: error };
  }
}
