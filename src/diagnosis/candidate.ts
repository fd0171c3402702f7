import { PreshuffleError } from '../errors.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Hypothesis, MistakenCall } from './hypothesis.ts';

/** One way in which a call may have gone wrong: a variant of one hypothesis, or of two at once. */
export interface Candidate {
  readonly mistakes: readonly Mistake[];
  /** The call without them. */
  readonly given: KernelCall;
  readonly call: MistakenCall;
}

export interface Mistake {
  readonly hypothesis: Hypothesis;
  /** Which way, where there are several. */
  readonly detail: string;
}

/** The ways of one hypothesis that this call takes. */
export function candidatesOf(hypothesis: Hypothesis, call: KernelCall): readonly Candidate[] {
  return (unlessRejected(() => hypothesis.variants(call)) ?? []).flatMap(({ detail, make }) => {
    const made = unlessRejected(make);
    if (made === undefined) return [];
    return [{ mistakes: [{ hypothesis, detail }], given: call, call: keepingUnchanged(call, made) }];
  });
}

/** A shape that a wrong layout does not take cannot have gone wrong that way. */
export function unlessRejected<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}

/** Operands that a mistake has rewritten with the bytes they had are the operands given: only what differs counts as changed. */
export function keepingUnchanged(given: KernelCall, mistaken: MistakenCall): MistakenCall {
  const operands = { ...mistaken.operands };
  for (const [name, operand] of Object.entries(mistaken.operands)) {
    const own = given.operands[name];
    if (own !== undefined && own !== operand && sameTensor(own, operand)) operands[name] = own;
  }
  return { ...mistaken, operands };
}

function sameTensor(a: Tensor, b: Tensor): boolean {
  return (
    a.type === b.type &&
    a.scaling === b.scaling &&
    a.bytes.length === b.bytes.length &&
    a.layout.equals(b.layout) &&
    a.bytes.every((byte, at) => byte === b.bytes[at])
  );
}

/**
 * Two mistakes at once, where they meet in nothing: different operands, one of them in the parameters, in arithmetic or afterwards.
 * @returns undefined where both change the same part, or were made from different calls
 */
export function combine(a: Candidate, b: Candidate): Candidate | undefined {
  const { given } = a;
  if (given !== b.given) return undefined;
  const operands = { ...given.operands };
  for (const name of Object.keys(operands)) {
    const [one, two] = [a.call.operands[name], b.call.operands[name]];
    const changed = [one, two].filter((own) => own !== given.operands[name]);
    if (changed.length > 1) return undefined;
    const only = changed[0];
    if (only !== undefined) operands[name] = only;
  }
  const [one, two] = [a.call, b.call];
  if (one.params !== given.params && two.params !== given.params) return undefined;
  if (one.compute !== undefined && two.compute !== undefined) return undefined;
  if (one.finish !== undefined && two.finish !== undefined) return undefined;
  const [compute, finish] = [one.compute ?? two.compute, one.finish ?? two.finish];
  return {
    mistakes: [...a.mistakes, ...b.mistakes],
    given,
    call: {
      op: given.op,
      params: one.params === given.params ? two.params : one.params,
      operands,
      ...(compute === undefined ? {} : { compute }),
      ...(finish === undefined ? {} : { finish }),
    },
  };
}

/** The parts that a mistake changes: names of operands, `parameters`, `arithmetic`, `outputs`. */
export function changedParts({ given, call }: Candidate): readonly string[] {
  const operands = Object.keys(given.operands).filter((name) => call.operands[name] !== given.operands[name]);
  return [
    ...operands,
    ...(call.params === given.params ? [] : ['parameters']),
    ...(call.compute === undefined ? [] : ['arithmetic']),
    ...(call.finish === undefined ? [] : ['outputs']),
  ];
}
