import type { LinearSpec } from '../../dispatch/linear-spec.ts';
import type { Plan, PlanStep } from '../../dispatch/plan.ts';
import { paint } from '../colors.ts';
import { formatBytes, plainTable, renderDecision } from './text.ts';

/** A plan with its decisions. */
export function renderPlan(plan: Plan<LinearSpec>, verbose: boolean): string {
  const color = paint(process.stdout);
  const { spec, kernel, rules, decisions, cost, warnings } = plan;
  const machine = spec.rocm === undefined ? spec.arch : `${spec.arch}, ROCm ${spec.rocm}`;
  const lines = [
    `${color('bold', spec.layer ?? 'linear')}  (n, k) = (${spec.n}, ${spec.k}), m = ${spec.m}  ${machine}  rules ${rules}`,
    `kernel  ${color('bold', kernel)}`,
    '',
    ...decisions.map((decision) => renderDecision(decision, verbose)),
    '',
    renderSteps(plan),
    '',
    `once at load: ${formatBytes(cost.load.bytesRead)} read, ${formatBytes(cost.load.bytesWritten)} written`,
    `every call:   ${formatBytes(cost.call.bytesRead)} read, ${formatBytes(cost.call.bytesWritten)} written; ${copies(plan)}`,
    ...warnings.map((text) => color('yellow', `note: ${text}`)),
  ];
  return lines.join('\n');
}

/** How many copies of a scale a call takes. */
export function copies({ cost }: Plan): string {
  const { scaleCopies, scaleCopyBytes } = cost.call;
  if (scaleCopies === 0) return 'no copy of a scale';
  return `${scaleCopies === 1 ? 'one copy' : `${scaleCopies} copies`} of a scale (${formatBytes(scaleCopyBytes)})`;
}

function renderSteps(plan: Plan): string {
  const rows = plan.steps.map((step) => [
    step.when,
    step.op ?? step.kind,
    Object.values(step.inputs)
      .map((name) => describe(plan, name))
      .join('\n'),
    Object.values(step.outputs)
      .map((name) => describe(plan, name))
      .join('\n'),
    bytesOf(step, step.bytesRead),
    bytesOf(step, step.bytesWritten),
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

function bytesOf(step: PlanStep, bytes: number): string {
  return step.kind === 'relabel' ? '0' : formatBytes(bytes);
}

function describe(plan: Plan, name: string): string {
  const tensor = plan.tensors[name];
  if (tensor === undefined) return name;
  return `${name} ${tensor.type} [${tensor.layout.shape.join(', ')}] ${tensor.layout.id}`;
}
