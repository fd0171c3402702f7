import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import type { TensorSpec } from '../tensor/tensor.ts';
import { DiagnosisError } from './errors.ts';
import { observe } from './evidence.ts';

/** A call, and what came out of a kernel that was given it. */
export interface Observation extends KernelCall {
  /** Outputs of the kernel by the op's names, at least one. Types may be wider than the op's, shapes are the op's. */
  readonly actual: NamedTensors;
  /** What should have come out, where it is known from elsewhere; the op's reference on the operands when left out. */
  readonly expected?: NamedTensors;
}

/**
 * Checks that something can be concluded from an observation.
 * @returns names of the outputs that were observed, in the op's order
 * @throws DiagnosisError; OperandError, ParameterError, LayoutMismatchError from the op
 */
export function checkObservation({ op, params, operands, actual, expected = {} }: Observation): readonly string[] {
  const specs: Readonly<Record<string, TensorSpec>> = definitionOf(op).plan(params, operands);
  const known = Object.keys(specs);
  if (Object.keys(actual).length === 0)
    throw new DiagnosisError(op, `no output was given; expected at least one of ${known.join(', ')}.`);
  checkOutputs(op, 'actual', actual, specs);
  checkOutputs(op, 'expected', expected, specs);
  const names = known.filter((name) => actual[name] !== undefined);
  const { values } = observe(actual, names);
  if (values.length === 0) throw new DiagnosisError(op, 'the actual output has no elements; nothing can be concluded.');
  if (values.every(Number.isNaN)) {
    throw new DiagnosisError(
      op,
      `all ${values.length} elements of ${names.map((name) => `"${actual[name]?.name}"`).join(', ')} are NaN, and no mistake can be told ` +
        'from that. Look for scale bytes of 255 and for float scales read as exponents, and run a probe, whose operands hold no NaN.',
    );
  }
  return names;
}

function checkOutputs(
  op: string,
  role: string,
  given: NamedTensors,
  specs: Readonly<Record<string, TensorSpec>>,
): void {
  for (const [name, output] of Object.entries(given)) {
    const spec = specs[name];
    if (spec === undefined) {
      throw new DiagnosisError(
        op,
        `${role} output "${name}" is none of its outputs, which are ${Object.keys(specs).join(', ')}. Name the tensor after one of them.`,
      );
    }
    const [is, should] = [output.layout.shape, spec.layout.shape];
    if (is.length === should.length && is.every((size, axis) => size === should[axis])) continue;
    throw new DiagnosisError(
      op,
      `${role} output "${name}" (tensor "${output.name}") has shape [${is.join(', ')}], but these operands give [${should.join(', ')}]. ` +
        'Give the output of this very call, or the operands that belong to it.',
    );
  }
}
