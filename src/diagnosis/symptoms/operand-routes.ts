import type { NamedTensors } from '../../ops/kernel-call.ts';
import { asF32, asI32 } from '../../tensor/views.ts';
import { counted, figure } from './words.ts';

/** Rounding of float32 weights, and of bf16 ones that were converted. */
const SUM_SLACK = 0.02;

/** Experts of a mixture, from the first weight that is there. */
export function expertCount(operands: NamedTensors): number {
  const weight = ['w13', 'w1', 'w2'].map((name) => operands[name]).find((given) => given !== undefined);
  return weight?.layout.shape[0] ?? 0;
}

/** Routes to experts that are not there or are there twice, and weights of a token that do not add up to 1. */
export function routesOf(operands: NamedTensors): readonly string[] {
  const { topk_ids: ids, topk_weights: weights } = operands;
  const experts = expertCount(operands);
  if (ids === undefined || ids.type !== 'i32' || ids.layout.id !== 'row-major') return [];
  const [tokens = 0, topk = 0] = ids.layout.shape;
  const routes = asI32(ids);
  const said: string[] = [];
  const outside = routes.filter((id) => id < 0 || id >= experts);
  if (experts > 0 && outside.length > 0) {
    said.push(
      `topk_ids: ${counted(outside.length, 'route')} of ${routes.length} go to no expert of 0..${experts - 1} (${[...new Set(outside)].slice(0, 4).join(', ')}).`,
    );
  }
  let twice = 0;
  for (let token = 0; token < tokens; token += 1) {
    const own = [...routes.subarray(token * topk, (token + 1) * topk)].filter((id) => id >= 0);
    if (new Set(own).size < own.length) twice += 1;
  }
  if (twice > 0)
    said.push(`topk_ids: ${counted(twice, 'token')} of ${tokens} ${twice === 1 ? 'has' : 'have'} an expert twice.`);
  if (weights === undefined || weights.type !== 'f32' || weights.layout.id !== 'row-major') return said;
  const values = asF32(weights);
  const sums = Array.from({ length: tokens }, (_, token) => {
    let sum = 0;
    for (let slot = 0; slot < topk; slot += 1) {
      const at = token * topk + slot;
      if (experts === 0 || ((routes[at] as number) >= 0 && (routes[at] as number) < experts))
        sum += values[at] as number;
      else return 1;
    }
    return sum;
  });
  const off = sums.filter((sum) => !(Math.abs(sum - 1) <= SUM_SLACK));
  if (off.length > 0) {
    const [low, high] = [Math.min(...off), Math.max(...off)];
    said.push(
      `topk_weights: of ${counted(off.length, 'token')} of ${tokens} they do not add up to 1 but to ${low === high ? figure(low) : `${figure(low)} .. ${figure(high)}`}.`,
    );
  }
  return said;
}
