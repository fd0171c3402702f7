import path from 'node:path';
import { writeFileAtomic } from '../io/node.ts';
import { OP_NAMES, type OpName } from '../ops/registry.ts';
import { oneHotMeaning, type ProbeOptions, probeCall, probeChoices, probeSizes, sizesOf } from '../probe/probe-call.ts';
import { nextCommand, type SnippetPaths, torchSnippet } from '../probe/torch-snippet.ts';
import { writeCase } from '../probe/write-case.ts';
import { EXIT } from './exit-codes.ts';
import { InputError } from './inputs.ts';
import { nearestNames } from './nearest-names.ts';
import type { ProbeCommandOptions } from './probe.ts';

/**
 * `preshuffle probe`. Returns the exit code.
 * @throws InputError, and what the op throws for sizes and parameters that it does not take
 */
export async function runProbe(op: string | undefined, options: ProbeCommandOptions): Promise<number> {
  if (op === undefined) {
    process.stdout.write(options.json === true ? `${JSON.stringify(catalogue())}\n` : catalogueText());
    return EXIT.ok;
  }
  const known = requireOp(op);
  const { sizes, data, seed, params, name = known, out = `${known}.safetensors`, snippet } = options;
  const call = probeCall({
    op: known,
    ...choicesOf(options),
    ...given({ sizes, data, seed, params }),
  } as ProbeOptions);
  const note = `probe: ${data ?? 'address-coded'} data, seed ${seed ?? 1}`;
  const file = await writeCase(call, { name, note });
  const paths: SnippetPaths = { case: out, actual: path.join(path.dirname(out), 'actual.safetensors') };
  await write(out, file.bytes);
  if (snippet !== undefined) await write(snippet, new TextEncoder().encode(torchSnippet(call, file, paths)));
  const readsBack = data === 'one-hot' ? oneHotMeaning(known) : undefined;
  const result = {
    op: known,
    case: name,
    data: data ?? 'address-coded',
    seed: seed ?? 1,
    sizes: sizesOf(call),
    params: call.params,
    file: out,
    ...given({ snippet, readsBack }),
    next: nextCommand(paths),
  };
  process.stdout.write(
    options.json === true ? `${JSON.stringify(result)}\n` : textOf(result, Object.keys(file.outputs)),
  );
  return EXIT.ok;
}

function requireOp(op: string): OpName {
  const found = OP_NAMES.find((known) => known === op);
  if (found !== undefined) return found;
  const near = nearestNames(op, OP_NAMES);
  throw new InputError(
    `op "${op}" is unknown.${near.length === 0 ? '' : ` Did you mean ${near.join(' or ')}?`} "preshuffle probe" lists all of them.`,
  );
}

/** Choices that were made; those that are on by default count only when they were turned off. */
function choicesOf(options: ProbeCommandOptions): object {
  const { layout, scales, format, type, start, second, bias, residual, poison } = options;
  return {
    ...given({ layout, scales, format, type, start, second }),
    ...(bias ? {} : { bias }),
    ...(residual ? {} : { residual }),
    ...(poison ? {} : { poison }),
  };
}

function given(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

async function write(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFileAtomic(file, bytes);
  } catch (cause) {
    throw new InputError(
      `"${file}" cannot be written: ${(cause as Error).message}. Name a file in a folder that exists.`,
    );
  }
}

interface ProbeResult {
  readonly op: string;
  readonly data: string;
  readonly seed: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly params: object;
  readonly file: string;
  readonly snippet?: string;
  readonly readsBack?: string;
  readonly next: string;
}

function textOf(
  { op, data, seed, sizes, params, file, snippet, readsBack, next }: ProbeResult,
  outputs: readonly string[],
): string {
  const run =
    snippet === undefined
      ? `Run your kernel on its operands and save ${outputs.join(', ')} under these names, then`
      : `Run "python ${snippet}" where your kernel is, then`;
  const lines = [
    `${file}  ${op}, ${sizesText(sizes)}, ${data} data, seed ${seed}`,
    ...(Object.keys(params).length === 0 ? [] : [`  params   ${JSON.stringify(params)}`]),
    ...(readsBack === undefined ? [] : [`  reads    ${readsBack}`]),
    ...(snippet === undefined ? [] : [`  script   ${snippet}`]),
    `${run}`,
    `  ${next}`,
  ];
  return `${lines.join('\n')}\n`;
}

function catalogue(): readonly object[] {
  return OP_NAMES.map((op) => ({
    op,
    sizes: probeSizes(op),
    choices: probeChoices(op),
    data: ['address-coded', 'random', ...(oneHotMeaning(op) === undefined ? [] : ['one-hot'])],
    ...given({ readsBack: oneHotMeaning(op) }),
  }));
}

function catalogueText(): string {
  const width = Math.max(...OP_NAMES.map((op) => op.length));
  const lines = OP_NAMES.map((op) => {
    const choices = probeChoices(op);
    const tail = choices.length === 0 ? '' : `  (${choices.join(', ')})`;
    return `${op.padEnd(width)}  ${sizesText(probeSizes(op))}${tail}`;
  });
  return `${lines.join('\n')}\n\npreshuffle probe OP --sizes … --out case.safetensors --snippet run.py\n`;
}

function sizesText(sizes: Readonly<Record<string, number>>): string {
  return Object.entries(sizes)
    .map(([name, size]) => `${name}=${size}`)
    .join(' ');
}
