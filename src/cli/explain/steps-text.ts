import type { PlanStepOf, PlanTensor } from '../../dispatch/plan.ts';
import { formatBytes, plainTable } from './text.ts';

interface Steps<Step> {
  readonly steps: readonly Step[];
  readonly tensors: Readonly<Record<string, PlanTensor>>;
}

/**
 * The steps of a plan as a table.
 * @param nameOf what a step is called
 * @param free kinds of steps that move no byte
 */
export function renderSteps<Kind extends string, Step extends PlanStepOf<Kind>>(
  plan: Steps<Step>,
  nameOf: (step: Step) => string,
  free: readonly Step['kind'][],
): string {
  const rows = plan.steps.map((step) => [
    step.when,
    nameOf(step),
    describeEach(plan, step.inputs),
    describeEach(plan, step.outputs),
    ...[step.bytesRead, step.bytesWritten].map((bytes) => (free.includes(step.kind) ? '0' : formatBytes(bytes))),
  ]);
  return plainTable(['when', 'step', 'from', 'to', 'read', 'written'], rows, [
    'left',
    'left',
    'left',
    'left',
    'right',
    'right',
  ]);
}

/** Tensors, one a line. */
function describeEach<Step>({ tensors }: Steps<Step>, names: Readonly<Record<string, string>>): string {
  return Object.values(names)
    .map((name) => {
      const tensor = tensors[name];
      if (tensor === undefined) return name;
      return `${name} ${tensor.type} [${tensor.layout.shape.join(', ')}] ${tensor.layout.id}`;
    })
    .join('\n');
}
