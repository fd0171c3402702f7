import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Candidate, keepingUnchanged, unlessRejected } from './candidate.ts';
import type { Hypothesis, MistakenCall } from './hypothesis.ts';

/*
 * A mistake says what it makes of right operands. When the operands themselves are what went wrong, the question is the other way round:
 * from which operands did it make these? A mistake that moves bytes is followed by letting it move the numbers of the bytes.
 */

/**
 * The calls from which a hypothesis makes the given one, for mistakes in operands that can be undone: those that move bytes, and those that
 * undo themselves.
 */
export function originsOf(hypothesis: Hypothesis, call: KernelCall): readonly Candidate[] {
  return (unlessRejected(() => hypothesis.variants(call)) ?? []).flatMap(({ detail }, index) => {
    const apply = (operands: NamedTensors): MistakenCall | undefined =>
      unlessRejected(() => hypothesis.variants({ ...call, operands })[index]?.make());
    const operands = originOf(call, apply);
    return operands === undefined
      ? []
      : [{ mistakes: [{ hypothesis, detail }], given: call, call: keepingUnchanged(call, { ...call, operands }) }];
  });
}

type Apply = (operands: NamedTensors) => MistakenCall | undefined;

function originOf(call: KernelCall, apply: Apply): NamedTensors | undefined {
  const once = apply(call.operands);
  if (once === undefined || once.compute !== undefined || once.finish !== undefined || once.params !== call.params)
    return undefined;
  const changed = Object.keys(call.operands).filter((name) => once.operands[name] !== call.operands[name]);
  const isOrigin = (operands: NamedTensors): boolean => {
    const again = apply(operands);
    return again !== undefined && changed.every((name) => sameBytes(again.operands[name], call.operands[name]));
  };
  if (changed.length === 0) return undefined;
  if (isOrigin(once.operands)) return once.operands;
  const moved = movedBack(call, changed, apply);
  return moved !== undefined && isOrigin(moved) ? moved : undefined;
}

/** Puts every byte back to where the mistake took it from. */
function movedBack(call: KernelCall, changed: readonly string[], apply: Apply): NamedTensors | undefined {
  const sources = new Map(changed.map((name) => [name, new Uint32Array(bytesOf(call.operands[name]).length)]));
  const longest = Math.max(...[...sources.values()].map(({ length }) => length));
  // One pass for each byte of the number of a byte.
  for (let shift = 0; shift === 0 || (longest - 1) >>> shift > 0; shift += 8) {
    const numbered = { ...call.operands };
    for (const name of changed) {
      const given = call.operands[name] as Tensor;
      numbered[name] = { ...given, bytes: Uint8Array.from(given.bytes, (_, at) => (at >>> shift) & 255) };
    }
    const result = apply(numbered);
    if (result === undefined) return undefined;
    for (const [name, source] of sources) {
      const digits = bytesOf(result.operands[name]);
      if (digits.length !== source.length) return undefined;
      for (let at = 0; at < source.length; at += 1)
        source[at] = (source[at] as number) | ((digits[at] as number) << shift);
    }
    if (shift === 24) break;
  }
  const operands = { ...call.operands };
  for (const [name, source] of sources) {
    const given = call.operands[name] as Tensor;
    const bytes = given.bytes.slice();
    // Padding comes from nowhere, and what the caller then checks is that the mistake makes the given bytes again.
    source.forEach((from, at) => {
      if (from < bytes.length) bytes[from] = given.bytes[at] as number;
    });
    operands[name] = { ...given, bytes };
  }
  return operands;
}

function bytesOf(source: Tensor | undefined): Uint8Array {
  return source?.bytes ?? new Uint8Array();
}

function sameBytes(a: Tensor | undefined, b: Tensor | undefined): boolean {
  const [one, two] = [bytesOf(a), bytesOf(b)];
  return one.length === two.length && one.every((byte, at) => byte === two[at]);
}
