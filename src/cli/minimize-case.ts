import { stat } from 'node:fs/promises';
import type { GoldenCase } from '../golden/case.ts';
import { openGoldenFile } from '../golden/run.ts';
import { fileSource } from '../io/node.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { type ChosenCheck, chooseCheck } from './diagnose-case.ts';
import { InputError } from './inputs.ts';

/** A case that is to be made smaller, read into memory. */
export interface FailingCase {
  readonly file: string;
  readonly entry: GoldenCase;
  readonly check: ChosenCheck['check'];
  readonly call: KernelCall;
}

/**
 * Reads the call of `FILE` or `FILE:CASE`. A colon inside a path that exists is part of the path.
 * @throws InputError, GoldenCaseError
 */
export async function readFailingCase(argument: string, op: string | undefined): Promise<FailingCase> {
  const { file, name } = await splitArgument(argument);
  const source = await fileSource(file);
  try {
    const golden = await openGoldenFile(source);
    const choice = { ...(name === undefined ? {} : { case: name }), ...(op === undefined ? {} : { op }) };
    const { case: chosen, check } = await chooseCheck(golden, choice).catch((error: unknown) => {
      // The choice is made with --case elsewhere.
      throw error instanceof InputError
        ? new InputError(error.message.replace('name one with --case', `name one as ${file}:CASE`))
        : error;
    });
    const entry = golden.cases.find((candidate) => candidate.name === chosen);
    if (entry === undefined) throw new InputError(`${file} has no case "${chosen}".`);
    const operands = check.operands as NamedTensors;
    return { file, entry, check, call: { op: check.op, params: check.params, operands } };
  } finally {
    await source.close();
  }
}

async function splitArgument(text: string): Promise<{ readonly file: string; readonly name: string | undefined }> {
  for (let end = text.length; end > 0; end = text.lastIndexOf(':', end - 1)) {
    const file = text.slice(0, end);
    const info = await stat(file).catch(() => undefined);
    if (info === undefined) continue;
    if (info.isDirectory())
      throw new InputError(`"${file}" is a directory; name one golden file, or one of its cases as FILE:CASE.`);
    return { file, name: end === text.length ? undefined : text.slice(end + 1) };
  }
  throw new InputError(`"${text}" does not exist. Name a golden file, or one of its cases as FILE:CASE.`);
}
