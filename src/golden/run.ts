import type { Backend } from '../../backends/backend.ts';
import { PreshuffleError, UnsupportedOpError } from '../errors.ts';
import { readSafetensors, type SafetensorsFile } from '../io/safetensors-read.ts';
import type { ByteSource } from '../io/source.ts';
import type { ErrorBound, OpDefinition } from '../ops/op.ts';
import { type OpName, ops } from '../ops/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { bindCase, knownGoldenOps } from './bindings/index.ts';
import { type GoldenCase, parseCases } from './case.ts';
import { CaseReader } from './case-reader.ts';
import type { GoldenCheck } from './check.ts';
import { type Comparison, compareTensors } from './compare.ts';
import { GoldenCaseError } from './errors.ts';
import { isIncident } from './incident-checks.ts';
import { type BackendReport, type CaseResult, caseMetrics, summarize } from './report.ts';

/** A golden file after its header was read: its cases, and what was wrong with it. */
export interface GoldenFile {
  readonly name: string;
  readonly cases: readonly GoldenCase[];
  /** Whole-file and per-case faults; the cases that are listed can still run. */
  readonly errors: readonly GoldenCaseError[];
  readonly file?: SafetensorsFile;
}

/** Reads the header of a golden file. Faults are returned, not thrown, so that one bad file does not hide the others. */
export async function openGoldenFile(source: ByteSource): Promise<GoldenFile> {
  try {
    const file = await readSafetensors(source);
    return { name: source.name, file, ...parseCases(source.name, file.metadata) };
  } catch (error) {
    if (!(error instanceof PreshuffleError)) throw error;
    const fault = new GoldenCaseError(source.name, '', error.message.replace(`${source.name}: `, ''), { cause: error });
    return { name: source.name, cases: [], errors: [fault] };
  }
}

export interface RunOptions {
  /** Run only cases whose op is listed. */
  readonly ops?: readonly string[];
  /**
   * Run only incident cases, each as it went wrong, and hold the result against the right one: all must fail, and say where.
   */
  readonly wrongWay?: boolean;
  /**
   * What is known about wrong outputs, in lines. Called for every check that fails; not for cases that cannot be used.
   * @param outputs what the backend returned
   */
  readonly diagnose?: (check: GoldenCheck, outputs: Readonly<Record<string, Tensor>>) => Promise<readonly string[]>;
  /** Called after every case, for progress. */
  readonly onResult?: (result: CaseResult) => void;
}

/** Cases of these files that `options` selects, faults counted as one each. */
export function countCases(files: readonly GoldenFile[], options: RunOptions = {}): number {
  return files.reduce((sum, file) => sum + file.errors.length + selected(file, options).length, 0);
}

function selected(file: GoldenFile, options: RunOptions): readonly GoldenCase[] {
  return file.cases.filter(
    (entry) =>
      (options.ops === undefined || options.ops.includes(entry.op)) &&
      (options.wrongWay !== true || isIncident(entry.params)),
  );
}

/** Runs the golden suite on one backend. Never throws for a bad case: it becomes a failed result with `invalid` set. */
export async function runGolden(
  backend: Backend,
  files: readonly GoldenFile[],
  options: RunOptions = {},
): Promise<BackendReport> {
  const results: CaseResult[] = [];
  const push = (result: CaseResult): void => {
    results.push(result);
    options.onResult?.(result);
  };
  for (const golden of files) {
    for (const error of golden.errors) push(invalidResult(backend, golden.name, error.case, '', error));
    for (const entry of selected(golden, options)) {
      if (golden.file !== undefined) push(await runCase(backend, golden.file, entry, options));
    }
  }
  return summarize(backend, results);
}

function invalidResult(backend: Backend, file: string, name: string, op: string, error: PreshuffleError): CaseResult {
  return {
    case: name,
    file,
    op,
    backend: backend.id,
    status: 'fail',
    invalid: true,
    reason: error.message,
    metrics: null,
    diagnosis: [],
  };
}

async function runCase(
  backend: Backend,
  file: SafetensorsFile,
  entry: GoldenCase,
  { wrongWay = false, diagnose }: RunOptions,
): Promise<CaseResult> {
  const base = { case: entry.name, file: entry.file, op: entry.op, backend: backend.id, diagnosis: [] } as const;
  const started = performance.now();
  try {
    if (!knownGoldenOps().includes(entry.op)) {
      throw new GoldenCaseError(
        entry.file,
        entry.name,
        `op "${entry.op}" is unknown. Known ops: ${knownGoldenOps().join(', ')}. Check the spelling, or update preshuffle.`,
      );
    }
    const checks = await bindCase(new CaseReader(file, entry), wrongWay);
    const comparisons: { readonly check: GoldenCheck; readonly comparison: Comparison }[] = [];
    const wrong: { readonly check: GoldenCheck; readonly outputs: Outputs }[] = [];
    for (const check of checks) {
      const support = backend.supports(check.op, check.params, check.operands);
      if (!support.supported) return { ...base, status: 'skip', reason: support.reason, metrics: null };
      const outputs = (await backend.run(check.op, check.params, check.operands)) as Outputs;
      const held = compareOutputs(check, outputs);
      comparisons.push(...held.map((comparison) => ({ check, comparison })));
      if (held.some(({ passed }) => !passed)) wrong.push({ check, outputs });
    }
    // The time of a case is that of the backend.
    const metrics = caseMetrics(comparisons, performance.now() - started);
    const failed = comparisons.filter(({ comparison }) => !comparison.passed);
    return {
      ...base,
      status: failed.length === 0 ? 'pass' : 'fail',
      reason: failed.map(({ check, comparison }) => describeFailure(check, comparison)).join('\n'),
      metrics,
      diagnosis: diagnose === undefined ? [] : await diagnoseAll(wrong, diagnose),
    };
  } catch (error) {
    if (error instanceof UnsupportedOpError) return { ...base, status: 'skip', reason: error.reason, metrics: null };
    if (error instanceof PreshuffleError)
      return invalidResult(backend, entry.file, entry.name, entry.op, withCase(entry, error));
    throw error;
  }
}

/** Puts file and case in front of an error that came from an op or a layout and knows neither. */
function withCase(entry: GoldenCase, error: PreshuffleError): PreshuffleError {
  return error instanceof GoldenCaseError
    ? error
    : new GoldenCaseError(entry.file, entry.name, error.message, { cause: error });
}

type Outputs = Readonly<Record<string, Tensor>>;

/** Lines of every check that failed, with its label where there are several. */
async function diagnoseAll(
  wrong: readonly { readonly check: GoldenCheck; readonly outputs: Outputs }[],
  diagnose: NonNullable<RunOptions['diagnose']>,
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { check, outputs } of wrong) {
    const own = await diagnose(check, outputs);
    lines.push(...own.map((line) => (wrong.length === 1 ? line : `${check.label}: ${line}`)));
  }
  return lines;
}

function compareOutputs(check: GoldenCheck, outputs: Outputs): readonly Comparison[] {
  const needsBound = check.expect.some((expectation) => expectation.compare === 'bound');
  const bounds = needsBound ? boundsOf(check) : {};
  return check.expect.map((expectation) => {
    const actual = outputs[expectation.output];
    if (actual === undefined) throw new Error(`internal: op ${check.op} returned no output "${expectation.output}"`);
    return compareTensors(
      actual,
      expectation,
      expectation.compare === 'bound' ? bounds[expectation.output] : undefined,
    );
  });
}

function boundsOf(check: GoldenCheck): Readonly<Partial<Record<string, ErrorBound>>> {
  const definition = ops[check.op as OpName] as unknown as OpDefinition;
  return (
    definition.bound?.(check.params, (check.boundFrom ?? check.operands) as Readonly<Record<string, Tensor>>) ?? {}
  );
}

function describeFailure(check: GoldenCheck, { metrics, first, tensor }: Comparison): string {
  const at = first?.coord === undefined ? `padding at offset ${first?.offset}` : `[${first.coord.join(', ')}]`;
  const allowed = first?.allowed === undefined ? '' : `, allowed ${first.allowed[0]} to ${first.allowed[1]}`;
  const blame = first?.goldenOutsideBound === true ? '; the golden value itself is outside the bound' : '';
  return (
    `${check.label}: ${metrics.mismatches} of ${metrics.elements} elements differ from "${tensor}"; first at ${at} ` +
    `(offset ${first?.offset}, byte ${first?.byte}): expected ${first?.expected.code} = ${first?.expected.value}, ` +
    `got ${first?.actual.code} = ${first?.actual.value}${allowed}${blame}`
  );
}
