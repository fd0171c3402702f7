import { readFileSync } from 'node:fs';
import type { KernelNotes } from '../../../backends/hip/code-object.ts';
import { type Architecture, compileCached, inParallel, type Job, jobs } from './compile.ts';
import { disassemble } from './disassembly.ts';
import { hottestLoop } from './loops.ts';
import { notesOf } from './manifest.ts';
import { type Mix, mixOf } from './mix.ts';
import { wavesPerSimd } from './occupancy.ts';
import type { Toolchain } from './toolchain.ts';

/** What can be known about a kernel without running it. */
export interface Inspection {
  readonly arch: Architecture;
  /** The code object. */
  readonly object: string;
  readonly notes: KernelNotes;
  /** Bytes of machine code. */
  readonly codeBytes: number;
  readonly waves: number;
  /** The hottest loop with matrix instructions. */
  readonly loop?: Mix;
}

/** Inspects every kernel as it is compiled now. @throws Error with the compiler's messages */
export async function inspectAll(toolchain: Toolchain, root: string): Promise<readonly Inspection[]> {
  return (await inParallel(jobs(root), (job) => inspect(toolchain, root, job))).flat();
}

/** The kernels of one code object. @throws Error with the compiler's messages */
export async function inspect(toolchain: Toolchain, root: string, job: Job): Promise<readonly Inspection[]> {
  const { source, arch } = job;
  const file = await compileCached(toolchain, root, job);
  const code = new Map((await disassemble(toolchain, file)).map((kernel) => [kernel.name, kernel]));
  return notesOf(source.name, readFileSync(file)).map((notes) => {
    const kernel = code.get(notes.name);
    if (kernel === undefined) throw new Error(`${source.file}: llvm-objdump shows no code of ${notes.name}.`);
    const loop = hottestLoop(kernel);
    return {
      arch,
      object: source.name,
      notes,
      codeBytes: kernel.byteLength,
      waves: wavesPerSimd(arch, notes),
      ...(loop === undefined ? {} : { loop: mixOf(loop.body) }),
    };
  });
}
