import type { LinearSpec } from '../../dispatch/linear-spec.ts';
import type { Plan } from '../../dispatch/plan.ts';
import { paint } from '../colors.ts';
import { renderSteps } from './steps-text.ts';
import { formatBytes, renderDecision } from './text.ts';

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
    renderSteps(plan, ({ op, kind }) => op ?? kind, ['relabel']),
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
