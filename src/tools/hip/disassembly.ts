import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Toolchain } from './toolchain.ts';

const run = promisify(execFile);

export interface Instruction {
  readonly address: number;
  /** E.g. `v_mfma_f32_16x16x128_f8f6f4`. */
  readonly mnemonic: string;
  readonly operands: string;
  /** Where a branch goes. */
  readonly target?: number;
}

/** The machine code of one kernel. */
export interface Disassembly {
  readonly name: string;
  readonly instructions: readonly Instruction[];
  /** Bytes of code. */
  readonly byteLength: number;
}

/** Disassembles every function of a code object. */
export async function disassemble({ objdump }: Toolchain, file: string): Promise<readonly Disassembly[]> {
  const { stdout } = await run(objdump, ['-d', file], { maxBuffer: 1 << 28 });
  return parseDisassembly(stdout);
}

/** Reads what llvm-objdump -d prints: `mnemonic operands // address: words <function+offset>`. */
export function parseDisassembly(text: string): readonly Disassembly[] {
  const functions: {
    readonly name: string;
    readonly start: number;
    readonly instructions: Instruction[];
    end: number;
  }[] = [];
  for (const line of text.split('\n')) {
    const header = /^([0-9a-f]+) <(.+)>:$/.exec(line);
    if (header !== null) {
      const start = Number.parseInt(header[1] as string, 16);
      functions.push({ name: header[2] as string, start, instructions: [], end: start });
      continue;
    }
    const current = functions.at(-1);
    const match = /^\s+(\S+)\s*(.*?)\s*\/\/ ([0-9A-F]+):((?: [0-9A-F]{8})+)(?: <(.+?)(?:\+0x([0-9a-f]+))?>)?\s*$/.exec(
      line,
    );
    if (current === undefined || match === null) continue;
    const [, mnemonic = '', operands = '', address = '', words = '', label, offset = '0'] = match;
    const at = Number.parseInt(address, 16);
    current.end = at + words.trim().split(' ').length * 4;
    current.instructions.push({
      address: at,
      mnemonic,
      operands,
      ...(label === current.name ? { target: current.start + Number.parseInt(offset, 16) } : {}),
    });
  }
  return functions.map(({ name, start, instructions, end }) => {
    // Behind the end of a kernel the compiler pads with s_nop and s_code_end.
    const last = instructions.findLastIndex(({ mnemonic }) => mnemonic === 's_endpgm');
    const code = last < 0 ? instructions : instructions.slice(0, last + 1);
    const next = instructions[last + 1];
    return { name, instructions: code, byteLength: (last < 0 || next === undefined ? end : next.address) - start };
  });
}
