import { type Comparison, compareTensors } from '../golden/compare.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import type { ErrorBound } from '../ops/op.ts';
import { definitionOf } from '../ops/registry.ts';
import type { FailingElement } from './attempt.ts';

/** Elements that are remembered of an output: they only say where to look first. */
const MOST_ELEMENTS = 4096;

/** What a kernel returned, held against the CPU reference on the same call. */
export interface Judgement {
  readonly comparisons: readonly Comparison[];
  /** Wrong elements, up to some thousands of each output. */
  readonly failing: readonly FailingElement[];
  /** What should have come out. */
  readonly expected: NamedTensors;
}

/**
 * Holds the outputs that a kernel returned against the reference: within the error bound where the op has one, else the same codes.
 * @param actual some or all of the op's outputs, in the layouts of its plan
 * @throws OperandError, ParameterError, LayoutMismatchError from the op
 */
export function judge(call: KernelCall, actual: NamedTensors): Judgement {
  const definition = definitionOf(call.op);
  const expected = referenceOf(call);
  const bounds: Readonly<Record<string, ErrorBound | undefined>> = definition.bound?.(call.params, call.operands) ?? {};
  const failing: FailingElement[] = [];
  const comparisons = Object.entries(expected).flatMap(([output, reference]) => {
    const given = actual[output];
    if (given === undefined) return [];
    const bound = bounds[output];
    const compare = bound === undefined ? 'exact' : 'bound';
    const limit = failing.length + MOST_ELEMENTS;
    return [
      compareTensors(given, { output, expected: reference, compare }, bound, (offset) => {
        const coord = failing.length < limit ? given.layout.coord(offset) : undefined;
        if (coord !== undefined) failing.push({ output, coord });
      }),
    ];
  });
  return { comparisons, failing, expected };
}

const references = new WeakMap<KernelCall, NamedTensors>();

/** The CPU reference on a call, computed once for each. */
export function referenceOf(call: KernelCall): NamedTensors {
  const known = references.get(call);
  if (known !== undefined) return known;
  const outputs: NamedTensors = definitionOf(call.op).reference(call.params, call.operands);
  references.set(call, outputs);
  return outputs;
}

/** `y: 3 of 64 elements differ; first at [0, 5]: expected 0x3f80 = 1, got 0x0000 = 0`, one a failing output. */
export function describeFailures({ comparisons }: Judgement): readonly string[] {
  return comparisons
    .filter(({ passed }) => !passed)
    .map(({ output, metrics, first }) => {
      const at = first?.coord === undefined ? `offset ${first?.offset}` : `[${first.coord.join(', ')}]`;
      return (
        `${output}: ${metrics.mismatches} of ${metrics.elements} elements differ; first at ${at}: ` +
        `expected ${first?.expected.code} = ${first?.expected.value}, got ${first?.actual.code} = ${first?.actual.value}`
      );
    });
}
