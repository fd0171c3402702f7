import { PreshuffleError } from '../errors.ts';
import { type CompareDumpsOptions, compareDumps } from '../golden/compare-dumps.ts';
import type { DumpReport, DumpResult } from '../golden/compare-dumps-report.ts';
import { InputError } from './inputs.ts';
import { listOfNames } from './nearest-names.ts';
import { startProgress } from './progress.ts';
import { listTensorArgument } from './tensor-argument.ts';

type Listed = Awaited<ReturnType<typeof listTensorArgument>>;

interface Pair {
  readonly a: string;
  readonly b: string;
}

interface Pairs {
  readonly pairs: readonly Pair[];
  readonly onlyInA: readonly string[];
  readonly onlyInB: readonly string[];
}

/** Compares the tensors that two arguments name, one pair in memory at a time. */
export async function compareArguments(a: string, b: string, options: CompareDumpsOptions): Promise<DumpReport> {
  const left = await listTensorArgument(a);
  try {
    const right = await listTensorArgument(b);
    try {
      return await compareFiles({ a, b }, left, right, options);
    } finally {
      await right.close();
    }
  } finally {
    await left.close();
  }
}

async function compareFiles(
  names: Pair,
  left: Listed,
  right: Listed,
  options: CompareDumpsOptions,
): Promise<DumpReport> {
  const { pairs, onlyInA, onlyInB } = pairUp(left, right);
  const progress = startProgress('compare', pairs.length);
  const tensors: DumpResult[] = [];
  try {
    for (const pair of pairs) {
      const [dumpA, dumpB] = [await left.read(pair.a), await right.read(pair.b)];
      try {
        tensors.push(compareDumps(dumpA, dumpB, options));
      } catch (error) {
        // Of many tensors one that cannot be compared is a line of the report; of one there is nothing else to say.
        if (!(error instanceof PreshuffleError) || pairs.length === 1) throw error;
        tensors.push({ name: pair.b, passed: false, error: error.message });
      }
      progress.step(pair.b);
    }
  } finally {
    progress.stop();
  }
  const passed = tensors.every((result) => result.passed) && onlyInB.length === 0;
  return { ...names, passed, tensors, onlyInA, onlyInB, warnings: [...left.warnings, ...right.warnings] };
}

/** By name; single tensors whatever they are called. */
function pairUp(left: Listed, right: Listed): Pairs {
  const [inA, inB] = [[...left.entries.keys()], [...right.entries.keys()]];
  const [firstA, firstB] = [inA[0], inB[0]];
  if (firstA === undefined) throw new InputError(`${left.file}: holds no tensor.`);
  if (firstB === undefined) throw new InputError(`${right.file}: holds no tensor.`);
  if (inA.length === 1 && inB.length === 1) return { pairs: [{ a: firstA, b: firstB }], onlyInA: [], onlyInB: [] };
  const both = inA.filter((name) => right.entries.has(name));
  for (const [one, many] of [
    [left, right],
    [right, left],
  ] as const) {
    const [name = ''] = one.entries.keys();
    const chosen = one.named || !one.namesTensors;
    if (!chosen) continue;
    if (both.length === 1) return { pairs: [{ a: name, b: name }], onlyInA: [], onlyInB: [] };
    throw new InputError(
      `${many.file}: holds ${many.entries.size} tensors, none named "${name}"; name one as ${many.file}:TENSOR. It has ${listOfNames([...many.entries.keys()])}.`,
    );
  }
  if (both.length === 0) {
    throw new InputError(
      `no tensor name is in both files. ${left.file} has ${listOfNames(inA)}; ${right.file} has ${listOfNames(inB)}. Name one of each as FILE:TENSOR.`,
    );
  }
  return {
    pairs: both.map((name) => ({ a: name, b: name })),
    onlyInA: inA.filter((name) => !right.entries.has(name)),
    onlyInB: inB.filter((name) => !left.entries.has(name)),
  };
}
