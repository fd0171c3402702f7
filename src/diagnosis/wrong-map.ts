import { logicalIndexer } from '../golden/logical-index.ts';
import { type MismatchMap, mismatchMap } from '../golden/mismatch-map.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import { agreement, type Observed, observe } from './evidence.ts';

/** Multiplications that a reference may take before it is left out: a few seconds. */
const AFFORDABLE = 2 ** 31;

/** Where one output is wrong, over all of its elements. */
export interface WrongMap {
  /** Name that the op has for it. */
  readonly output: string;
  /** Name that its file has for it. */
  readonly tensor: string;
  readonly elements: number;
  readonly wrong: number;
  readonly map: MismatchMap;
}

/**
 * Maps of the outputs that are not as expected, by the same rule as evidence.
 * @param expected by the names of `actual`; outputs that it lacks are left out
 */
export function wrongMaps(call: KernelCall, actual: NamedTensors, expected: NamedTensors): readonly WrongMap[] {
  const names = Object.keys(actual).filter((name) => expected[name] !== undefined);
  const observed = observe(actual, names);
  const marks = agreement(call, observe(expected, names), observed);
  return observed.parts.flatMap((part) => {
    const map = mapOf(part, marks);
    return map === undefined ? [] : [map];
  });
}

function mapOf({ name, start, tensor }: Observed['parts'][number], marks: Uint8Array): WrongMap | undefined {
  const logical = logicalIndexer(tensor.layout);
  const failed = new Uint8Array(tensor.layout.storageSize);
  let wrong = 0;
  for (let offset = 0; offset < failed.length; offset += 1) {
    const index = logical(offset);
    if (index === undefined || marks[start + index] !== 0) continue;
    failed[offset] = 1;
    wrong += 1;
  }
  if (wrong === 0) return undefined;
  const compared = (offset: number): boolean => logical(offset) !== undefined;
  const map = mismatchMap({ tensor, names: undefined, failed, compared, worst: [] });
  return { output: name, tensor: tensor.name, elements: tensor.layout.size, wrong, map };
}

/** What a call gives, unless that takes too long to wait for. */
export function affordableReference(call: KernelCall): NamedTensors | undefined {
  return multiplications(call) > AFFORDABLE ? undefined : definitionOf(call.op).reference(call.params, call.operands);
}

/** Multiplications with weights: each row of the input meets all of a weight, or those of the experts it is sent to. */
function multiplications({ operands }: KernelCall): number {
  const rows = (operands['x'] ?? operands['h'])?.layout.shape[0] ?? 1;
  const slots = operands['topk_ids']?.layout.shape[1] ?? 1;
  return ['w', 'w1', 'w13', 'w2']
    .map((name) => operands[name]?.layout)
    .reduce((sum, layout) => {
      if (layout === undefined) return sum;
      const experts = layout.shape.length === 3 ? (layout.shape[0] ?? 1) : 1;
      return sum + (rows * slots * layout.size) / experts;
    }, 0);
}
