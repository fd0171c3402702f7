import type { Disassembly, Instruction } from './disassembly.ts';

/** A loop, from its first instruction to the last branch back to it. */
export interface Loop {
  readonly first: number;
  readonly last: number;
  readonly body: readonly Instruction[];
}

export function isMatrix({ mnemonic }: Instruction): boolean {
  return mnemonic.startsWith('v_mfma') || mnemonic.startsWith('v_smfmac');
}

/** Loops by branches backwards; several branches to one place make one loop. */
export function loopsOf({ instructions }: Disassembly): readonly Loop[] {
  const indexOf = new Map(instructions.map(({ address }, index) => [address, index]));
  const last = new Map<number, number>();
  for (const [index, { mnemonic, target }] of instructions.entries()) {
    if (target === undefined || !/^s_c?branch/.test(mnemonic)) continue;
    const first = indexOf.get(target);
    if (first !== undefined && first <= index) last.set(first, index);
  }
  return [...last].map(([first, end]) => ({ first, last: end, body: instructions.slice(first, end + 1) }));
}

/**
 * The loop where a kernel of matrix instructions spends its time: of the loops that have some and hold no other such loop, the
 * one with the most. Undefined when no loop has any.
 */
export function hottestLoop(kernel: Disassembly): Loop | undefined {
  const loops = loopsOf(kernel).filter(({ body }) => body.some(isMatrix));
  const innermost = loops.filter(
    (outer) => !loops.some((inner) => inner !== outer && inner.first >= outer.first && inner.last <= outer.last),
  );
  const count = ({ body }: Loop): number => body.filter(isMatrix).length;
  return innermost.reduce<Loop | undefined>(
    (best, loop) => (best === undefined || count(loop) > count(best) ? loop : best),
    undefined,
  );
}
