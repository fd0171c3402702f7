import { type Command, InvalidArgumentError } from 'commander';
import type { ElementType } from '../formats/element-type.ts';
import { FLOAT_FORMATS } from '../formats/facts.ts';
import { renderDumpHtml, renderDumpSvg } from '../golden/compare-dumps-html.ts';
import { boundCase, compareDumpsWithBound } from '../golden/compare-dumps-operands.ts';
import { type DumpReport, isFailure } from '../golden/compare-dumps-report.ts';
import { openGoldenFile } from '../golden/run.ts';
import { fileSource, writeFileAtomic } from '../io/node.ts';
import { catalog } from '../layout/catalog-entries.ts';
import { parsePattern } from '../layout/notation.ts';
import { compareArguments } from './compare-pairs.ts';
import { renderDumpMarkdown, renderDumpReport } from './compare-text.ts';
import { EXIT } from './exit-codes.ts';
import { InputError } from './inputs.ts';
import { nearestNames } from './nearest-names.ts';
import { readTensorArgument } from './tensor-argument.ts';

const TYPES: readonly ElementType[] = [...FLOAT_FORMATS, 'u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'];

interface CompareOptions {
  readonly shape?: readonly number[];
  readonly type?: ElementType;
  readonly layoutA?: string;
  readonly layoutB?: string;
  readonly experts?: number;
  readonly rtol?: number;
  readonly atol?: number;
  readonly ulp?: number;
  readonly op?: string;
  readonly operands?: string;
  readonly case?: string;
  readonly json?: boolean;
  readonly html?: string;
  readonly svg?: string;
  readonly markdown?: string;
}

/** Adds `preshuffle compare`. */
export function addCompare(root: Command, setExit: (code: number) => void): void {
  root
    .command('compare')
    .description('hold your tensors against your reference: safetensors, npy, raw dumps; any layout, any two types')
    .argument('<a>', 'what is to be checked: FILE or FILE:TENSOR')
    .argument('[b]', 'the reference; with --operands it may be left out: the output that the case has')
    .option('--shape <sizes>', 'logical shape of both, separated by commas', sizes)
    .option('--type <type>', 'what raw bytes and integer codes hold, such as bf16 or e4m3fn', type)
    .option('--layout-a <layout>', 'layout of A, by catalog name or in notation (default: row-major)')
    .option('--layout-b <layout>', 'layout of B')
    .option('--experts <count>', 'experts stacked in the rows of a scale', positive)
    .option('--rtol <share>', 'allowed error as a share of the reference (default: by the narrower type)', tolerance)
    .option('--atol <value>', 'allowed absolute error', tolerance)
    .option('--ulp <count>', 'allowed units in the last place of the narrower type', tolerance)
    .option('--op <name>', 'hold against the error bound of this op; needs --operands')
    .option('--operands <file>', 'golden file with the operands (docs/golden-format.md)')
    .option('--case <name>', 'case of that file')
    .option('--json', 'print one JSON object')
    .option('--html <file>', 'also write a self-contained HTML report')
    .option('--svg <file>', 'also write the heat map of the worst tensor')
    .option('--markdown <file>', 'also write a report for a ticket')
    .addHelpText(
      'after',
      '\nExit codes: 0 all held, 1 a mismatch, 2 a bad argument or tensors that cannot be compared.',
    )
    .action(async (a: string, b: string | undefined, options: CompareOptions) => {
      setExit(await compare(a, b, options));
    });
}

/** `preshuffle compare`. Returns the exit code. */
async function compare(a: string, b: string | undefined, options: CompareOptions): Promise<number> {
  const report = await reportOf(a, b, options);
  process.stdout.write(
    options.json === true ? `${JSON.stringify(report)}\n` : `${renderDumpReport(report, process.stdout)}\n`,
  );
  await writeReport(options.html, report, renderDumpHtml);
  await writeReport(options.svg, report, renderDumpSvg);
  await writeReport(options.markdown, report, renderDumpMarkdown);
  if (report.tensors.some(isFailure)) return EXIT.usage;
  return report.passed ? EXIT.ok : EXIT.mismatch;
}

/** Once, in front of everything: else each tensor of a file would report it. */
function checkLayout(option: string, text: string | undefined): void {
  if (text === undefined || catalog.some(({ id }) => id === text)) return;
  if (text.includes('->')) {
    parsePattern(text);
    return;
  }
  const ids = catalog.map(({ id }) => id);
  const near = nearestNames(text, ids);
  throw new InputError(
    `${option}: layout "${text}" is unknown.${near.length === 0 ? '' : ` Did you mean ${near.join(' or ')}?`} ` +
      'docs/layouts.md has the names and the notation, such as "(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1".',
  );
}

async function reportOf(a: string, b: string | undefined, options: CompareOptions): Promise<DumpReport> {
  checkLayout('--layout-a', options.layoutA);
  checkLayout('--layout-b', options.layoutB);
  const { op, operands } = options;
  if (op === undefined && operands === undefined) {
    if (options.case !== undefined)
      throw new InputError('--case names a case of --operands; give --op and --operands.');
    if (b === undefined) throw new InputError('B is missing: name the reference, or give --op and --operands.');
    return compareArguments(a, b, options);
  }
  if (op === undefined || operands === undefined)
    throw new InputError('--op and --operands go together: the op gives the rule, its operands the bound.');
  const given = (['rtol', 'atol', 'ulp'] as const).find((name) => options[name] !== undefined);
  if (given !== undefined)
    throw new InputError(`--${given} and --op exclude each other: the error bound of the op is the tolerance.`);
  return compareToBound(a, b, options, op, operands);
}

async function compareToBound(
  a: string,
  b: string | undefined,
  options: CompareOptions,
  op: string,
  operands: string,
): Promise<DumpReport> {
  const source = await fileSource(operands).catch((cause: Error) => {
    throw new InputError(`--operands "${operands}" cannot be read: ${cause.message}.`);
  });
  try {
    const found = await boundCase(await openGoldenFile(source), op, options.case);
    const reference = b === undefined ? undefined : await readTensorArgument(b);
    const result = compareDumpsWithBound(await readTensorArgument(a), reference, found, options);
    const own = `${operands}:${found.case}/${found.expectation.expected.name}`;
    return { a, b: b ?? own, passed: result.passed, tensors: [result], onlyInA: [], onlyInB: [], warnings: [] };
  } finally {
    await source.close();
  }
}

async function writeReport(
  file: string | undefined,
  report: DumpReport,
  render: (report: DumpReport) => string,
): Promise<void> {
  if (file === undefined) return;
  try {
    await writeFileAtomic(file, new TextEncoder().encode(render(report)));
  } catch (cause) {
    throw new InputError(
      `the report "${file}" cannot be written: ${(cause as Error).message}. Name a file in a folder that exists.`,
    );
  }
}

function sizes(text: string): readonly number[] {
  const list = text.split(/[,x]/).map((size) => size.trim());
  if (list.every((size) => /^[1-9]\d*$/.test(size))) return list.map(Number);
  throw new InvalidArgumentError(`"${text}" is not a shape, expected positive integers such as 4096,7168.`);
}

function type(text: string): ElementType {
  const found = TYPES.find((known) => known === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`"${text}" is not a type, expected one of ${TYPES.join(', ')}.`);
}

function positive(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is not a positive integer.`);
}

function tolerance(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError(`"${text}" is not a tolerance, expected a number of at least 0.`);
}
