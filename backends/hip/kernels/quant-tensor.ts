import type { QuantRule, ScaleRule } from '../../quant-rule.ts';
import { type ArgumentStruct, argumentStruct } from '../args.ts';
import { type HipOperands, type HipTensor, type OpRun, tensorOf } from './kernel.ts';
import { floatSource } from './quant-calls.ts';
import { QUANT_RULE_WORDS, quantRuleWords, scaleOnlyWords } from './quant-rules.ts';

const THREADS = 256;
const UNIT = 8;
/** Enough to fill the largest device; each ends in an atomic operation on one word. */
const MOST_AMAX_GROUPS = 1024;

/** As in quant.hip. */
const TENSOR_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'amax', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'scale', type: 'ptr' },
  { name: 'count', type: 'u32' },
  { name: 'groups', type: 'u32' },
  { name: 'rule', type: 'u32', count: QUANT_RULE_WORDS },
] as const;

const tensorArgs: ArgumentStruct<typeof TENSOR_FIELDS> = argumentStruct('TensorArgs', TENSOR_FIELDS);

/** Quantises the operand x with one scale into the outputs `y` and `scale`. */
export async function quantiseTensor(
  run: OpRun,
  operands: HipOperands,
  outputs: HipOperands,
  rule: QuantRule,
): Promise<void> {
  const x = tensorOf(operands, 'x');
  const source = floatSource(x.type);
  const count = x.layout.size;
  const units = Math.ceil(count / UNIT / THREADS);
  const groups = Math.min(MOST_AMAX_GROUPS, units);
  const values = {
    x: run.address(x.buffer),
    amax: run.address(run.scratch(4, 'largest magnitude')),
    y: run.address(tensorOf(outputs, 'y').buffer),
    scale: run.address(tensorOf(outputs, 'scale').buffer),
    count,
    groups,
    rule: quantRuleWords(rule, false),
  };
  const call = { object: 'quant', struct: tensorArgs, values } as const;
  await run.launch({ ...call, kernel: `tensor_amax_${source}`, grid: [groups, 1, 1] });
  await run.launch({
    ...call,
    kernel: `quant_tensor_${source}`,
    grid: [Math.ceil((count + UNIT) / UNIT / THREADS), 1, 1],
  });
}

/** The scale of every number of x by itself, in storage order: bytes or binary32 as `y` has them. */
export async function scaleEach(run: OpRun, x: HipTensor, rule: ScaleRule, y: HipTensor): Promise<void> {
  const count = x.layout.storageSize;
  await run.launch({
    object: 'quant',
    kernel: `scale_each_${floatSource(x.type)}`,
    struct: tensorArgs,
    values: {
      x: run.address(x.buffer),
      amax: 0n,
      y: 0n,
      scale: run.address(y.buffer),
      count,
      groups: 0,
      rule: scaleOnlyWords(rule, y.type === 'e8m0'),
    },
    grid: [Math.ceil(count / THREADS), 1, 1],
  });
}
