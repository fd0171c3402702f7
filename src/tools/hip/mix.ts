import type { Instruction } from './disassembly.ts';
import { isMatrix } from './loops.ts';

/** What a wave issues in a stretch of code. */
export interface Mix {
  readonly instructions: number;
  readonly mfma: number;
  readonly valu: number;
  /** Loads and stores of device memory, LDS-DMA included. */
  readonly vmem: number;
  readonly lds: number;
  readonly salu: number;
  /** s_waitcnt. */
  readonly waits: number;
  /** Those that wait for all loads, which empties the pipeline. */
  readonly fullWaits: number;
  readonly barriers: number;
  /** Clocks that the matrix unit is busy. */
  readonly mfmaClocks: number;
  /** Clocks of issue: 4 each, 64 lanes on 16. */
  readonly valuClocks: number;
  /** Clocks of s_nop, which the compiler puts where a result is not there yet. */
  readonly nopClocks: number;
}

const CLOCKS_OF_ISSUE = 4;

export function mixOf(body: readonly Instruction[]): Mix {
  const count = (test: (instruction: Instruction) => boolean): number => body.filter(test).length;
  const total = (clocks: (instruction: Instruction) => number): number =>
    body.reduce((sum, instruction) => sum + clocks(instruction), 0);
  const valu = count(isValu);
  return {
    instructions: body.length,
    mfma: count(isMatrix),
    valu,
    vmem: count(({ mnemonic }) => /^(buffer|global|flat|scratch)_/.test(mnemonic)),
    lds: count(({ mnemonic }) => mnemonic.startsWith('ds_')),
    salu: count(isSalu),
    waits: count(({ mnemonic }) => mnemonic.startsWith('s_waitcnt')),
    fullWaits: count(({ mnemonic, operands }) => mnemonic === 's_waitcnt' && waitsForAllLoads(operands)),
    barriers: count(({ mnemonic }) => mnemonic === 's_barrier'),
    mfmaClocks: total((instruction) => (isMatrix(instruction) ? mfmaClocks(instruction) : 0)),
    valuClocks: valu * CLOCKS_OF_ISSUE,
    nopClocks: total(({ mnemonic, operands }) =>
      // s_nop n waits n + 1 times.
      mnemonic === 's_nop' ? (Number(operands) + 1) * CLOCKS_OF_ISSUE : 0,
    ),
  };
}

/**
 * Clocks of a matrix instruction on gfx950. The f8f6f4 forms take twice as long when an operand is fp8 or bf8 (format 0 or 1 in
 * cbsz and blgp); 16x16x32 on fp8 is the form of gfx942, at half the rate.
 */
export function mfmaClocks({ mnemonic, operands }: Instruction): number {
  const [, m = 0, , k = 0] = (/_(\d+)x(\d+)x(\d+)/.exec(mnemonic) ?? []).map(Number);
  if (mnemonic.includes('f8f6f4')) {
    const format = (field: string): number => Number(new RegExp(`${field}:(\\d)`).exec(operands)?.[1] ?? 0);
    const hasEightBits = format('cbsz') < 2 || format('blgp') < 2;
    return (m === 16 ? 16 : 32) * (hasEightBits ? 2 : 1);
  }
  if (m === 16) return k === 4 ? 32 : 16;
  return k === 2 ? 64 : 32;
}

function isValu(instruction: Instruction): boolean {
  return instruction.mnemonic.startsWith('v_') && !isMatrix(instruction);
}

/** s_load included; waits, barriers, s_nop and what only steers the issue are not. */
function isSalu({ mnemonic }: Instruction): boolean {
  return mnemonic.startsWith('s_') && !/^s_(waitcnt|barrier|nop|setprio|sleep|endpgm|code_end)/.test(mnemonic);
}

function waitsForAllLoads(operands: string): boolean {
  return operands.includes('vmcnt(0)') || operands === '0';
}
