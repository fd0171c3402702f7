import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isIntegerType } from '../formats/element-type.ts';
import { KernelRunError } from '../minimize/errors.ts';
import { referenceOf } from '../minimize/judge.ts';
import type { Kernel } from '../minimize/kernel.ts';
import { encode } from '../ops/encode.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import { writeCase } from '../probe/write-case.ts';
import { storedIn } from '../tensor/relayout.ts';
import type { Tensor, TensorSpec } from '../tensor/tensor.ts';
import { readOutputs } from './diagnose-outputs.ts';
import { InputError } from './inputs.ts';
import { runCommand } from './run-command.ts';

export interface CommandKernel {
  readonly kernel: Kernel;
  /** Removes its files. */
  dispose(): Promise<void>;
}

/**
 * A user's kernel behind a command line: it gets a golden file with one case and writes its outputs, by the op's names, as safetensors.
 * The kernel throws KernelRunError when the command fails, takes too long or writes nothing that can be compared.
 * @param caseName name of the case in the files that it gets
 */
export async function commandKernel(command: string, timeoutMs: number, caseName: string): Promise<CommandKernel> {
  const folder = await mkdtemp(path.join(tmpdir(), 'preshuffle-minimize-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const [given, out] = [path.join(folder, 'case.safetensors'), path.join(folder, 'out.safetensors')];
  const line = command.replaceAll('{case}', () => given).replaceAll('{out}', () => out);
  const kernel: Kernel = async (call) => {
    await rm(out, { force: true });
    const { bytes } = await writeCase(call, { name: caseName, outputs: referenceOf(call) });
    await writeFile(given, bytes);
    await runCommand(line, { timeoutMs, env: { PRESHUFFLE_CASE: given, PRESHUFFLE_OUT: out } });
    return outputsIn(out, call, caseName, command);
  };
  return {
    kernel,
    async dispose() {
      process.off('exit', remove);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function outputsIn(out: string, call: KernelCall, caseName: string, command: string): Promise<NamedTensors> {
  const specs: Readonly<Record<string, TensorSpec>> = definitionOf(call.op).plan(call.params, call.operands);
  if (!(await readdir(path.dirname(out))).includes(path.basename(out))) {
    throw new KernelRunError(
      `the command wrote no file ${out}: ${command}. Write the outputs of ${call.op} (${Object.keys(specs).join(', ')}) to {out}, ` +
        'which is also in PRESHUFFLE_OUT, as safetensors.',
    );
  }
  const found = await readOutputs(out, { option: '--actual', op: call.op, case: caseName, specs, caseNames: {} }).catch(
    (error: unknown) => {
      throw error instanceof InputError
        ? new KernelRunError(
            `the output of the command cannot be compared: ${error.message.replace('--actual ', '')}`,
            {
              cause: error,
            },
          )
        : error;
    },
  );
  return Object.fromEntries(
    Object.entries(found).map(([name, tensor]) => [name, asPlanned(tensor, specs[name] as TensorSpec)]),
  );
}

/** In the type and the layout in which the op returns it: a wider float is rounded, rows are put where the op puts them. */
function asPlanned(given: Tensor, spec: TensorSpec): Tensor {
  const typed =
    given.type === spec.type || isIntegerType(spec.type) || spec.type === 'f64'
      ? given
      : encode.reference({ format: spec.type }, { x: given }).y;
  const placed = typed.layout.equals(spec.layout) ? typed : storedIn(typed, spec.layout);
  return { ...placed, name: spec.name };
}
