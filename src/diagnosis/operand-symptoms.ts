import type { KernelCall } from '../ops/kernel-call.ts';
import { biasTail, layoutOf, scaleOrder, zeroTail } from './symptoms/operand-layout.ts';
import { expertCount, routesOf } from './symptoms/operand-routes.ts';
import { codesOf } from './symptoms/operand-values.ts';

/**
 * What is striking about the operands of a call by themselves, in sentences: codes that are no numbers, scales of strange sizes, bytes that
 * look like another layout than they are said to be in, padding that is elsewhere, routes to experts that are not there.
 */
export function operandSymptoms({ operands }: KernelCall): readonly string[] {
  const experts = expertCount(operands);
  const each = Object.entries(operands).flatMap(([name, tensor]) => [
    ...codesOf(name, tensor),
    ...layoutOf(name, tensor, Math.max(1, experts)),
    ...zeroTail(name, tensor),
    ...biasTail(name, tensor),
    ...scaleOrder(name, tensor),
  ]);
  return [...each, ...routesOf(operands)];
}
