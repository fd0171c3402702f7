import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { PreshuffleError } from '../errors.ts';

/** An argument names something that is not there or holds no golden file. */
export class InputError extends PreshuffleError {
  constructor(message: string) {
    super('input', message);
  }
}

/** Expands the arguments of `verify` to golden files: files as they are, directories to their `*.safetensors`, sorted. */
export async function goldenPaths(args: readonly string[]): Promise<readonly string[]> {
  const lists = await Promise.all(args.map(expand));
  return lists.flat();
}

async function expand(argument: string): Promise<readonly string[]> {
  const info = await stat(argument).catch(() => undefined);
  if (info === undefined) {
    throw new InputError(`"${argument}" does not exist. Name a directory of golden .safetensors files, or such files.`);
  }
  if (!info.isDirectory()) return [argument];
  const names = (await readdir(argument)).filter((name) => name.endsWith('.safetensors')).sort();
  if (names.length === 0) {
    throw new InputError(
      `directory "${argument}" holds no .safetensors file. See docs/golden-format.md for how to write one.`,
    );
  }
  return names.map((name) => path.join(argument, name));
}
