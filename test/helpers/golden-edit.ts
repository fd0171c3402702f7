import { readFileSync } from 'node:fs';
import { parseSafetensors } from '../../src/io/safetensors-read.ts';
import { type TensorToWrite, writeSafetensors } from '../../src/io/safetensors-write.ts';

/** A golden file in memory that a test damages before writing it. */
export interface EditableGolden {
  readonly tensors: Map<string, TensorToWrite>;
  readonly metadata: Record<string, string>;
  bytes(): Uint8Array;
}

/** Takes some cases of a committed golden file. */
export function goldenCases(file: string, ...cases: readonly string[]): EditableGolden {
  const parsed = parseSafetensors(new Uint8Array(readFileSync(`test/golden/${file}`)), file);
  const wanted = (name: string): boolean => cases.some((entry) => name.startsWith(`${entry}/`));
  const tensors = new Map(
    [...parsed.tensors]
      .filter(([name]) => wanted(name))
      .map(([name, tensor]) => [name, { ...tensor, bytes: tensor.bytes.slice() }]),
  );
  const metadata = Object.fromEntries(cases.map((name) => [`case:${name}`, parsed.metadata[`case:${name}`] ?? '']));
  return { tensors, metadata, bytes: () => writeSafetensors([...tensors.values()], metadata) };
}
