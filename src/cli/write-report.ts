import { writeFileAtomic } from '../io/node.ts';
import { InputError } from './inputs.ts';

/**
 * Writes a report where one was asked for.
 * @throws InputError when the file cannot be written
 */
export async function writeReport(file: string | undefined, render: () => string): Promise<void> {
  if (file === undefined) return;
  try {
    await writeFileAtomic(file, new TextEncoder().encode(render()));
  } catch (cause) {
    throw new InputError(
      `the report "${file}" cannot be written: ${(cause as Error).message}. Name a file in a folder that exists.`,
    );
  }
}
