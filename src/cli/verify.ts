import type { Backend, BackendId } from '../../backends/backend.ts';
import { BACKEND_IDS, openBackend } from '../../backends/registry.ts';
import { BackendUnavailableError } from '../errors.ts';
import { knownGoldenOps } from '../golden/bindings/index.ts';
import type { BackendReport } from '../golden/report.ts';
import { renderHtml } from '../golden/report-html.ts';
import { renderJUnit } from '../golden/report-junit.ts';
import { renderMarkdown } from '../golden/report-markdown.ts';
import { countCases, type GoldenFile, openGoldenFile, type RunOptions, runGolden } from '../golden/run.ts';
import { fileSource } from '../io/node.ts';
import { EXIT } from './exit-codes.ts';
import { goldenPaths, InputError } from './inputs.ts';
import { startProgress } from './progress.ts';
import { renderReport } from './verify-table.ts';
import { writeReport } from './write-report.ts';

export interface VerifyOptions {
  /** Comma-separated backend ids; `undefined` means every backend that this machine has. */
  readonly backend?: string;
  /** Comma-separated op names. */
  readonly op?: string;
  readonly json?: boolean;
  /** Path of a JUnit XML report. */
  readonly junit?: string;
  /** Path of an HTML report. */
  readonly html?: string;
  /** Path of a Markdown report. */
  readonly markdown?: string;
  /** Look for the mistake behind every wrong output. */
  readonly diagnose: boolean;
  readonly verbose?: boolean;
  /** Run incident cases as they went wrong. */
  readonly wrongWay?: boolean;
}

type Diagnose = NonNullable<RunOptions['diagnose']>;

/** A backend that was asked for and is not there, as `--json` reports it. */
interface MissingReport {
  readonly backend: { readonly id: BackendId; readonly device: null };
  readonly error: string;
  readonly cases: 0;
  readonly passed: 0;
  readonly failed: 0;
  readonly skipped: 0;
  readonly results: readonly [];
}

/** `preshuffle verify`: runs golden cases on backends and prints what held. Returns the exit code. */
export async function verify(args: readonly string[], options: VerifyOptions): Promise<number> {
  const asked = options.backend === undefined ? undefined : parseBackends(options.backend);
  const ops = options.op === undefined ? undefined : parseOps(options.op);
  const paths = await goldenPaths(args);
  const sources = await Promise.all(paths.map((path) => fileSource(path)));
  try {
    const files = await Promise.all(sources.map(openGoldenFile));
    const selection: RunOptions = {
      ...(ops === undefined ? {} : { ops }),
      ...(options.diagnose ? { diagnose: diagnosis() } : {}),
      ...(options.wrongWay === true ? { wrongWay: true } : {}),
    };
    if (countCases(files, selection) === 0) {
      const wanted = [
        ...(ops === undefined ? [] : [`op ${ops.join(' or ')}`]),
        ...(options.wrongWay === true ? ['an incident'] : []),
      ];
      throw new InputError(`no case of these files has ${wanted.join(' and ')}; nothing would be verified.`);
    }
    const reports: (BackendReport | MissingReport)[] = [];
    for (const id of asked ?? BACKEND_IDS) {
      const report = await verifyOn(id, files, selection, asked !== undefined);
      if (report === undefined) continue;
      reports.push(report);
      if (options.json !== true) print(report, options.verbose === true);
    }
    if (options.json === true) {
      const single = asked !== undefined && asked.length === 1;
      process.stdout.write(`${JSON.stringify(single ? reports[0] : reports)}\n`);
    }
    await writeReports(reports.filter(isPresent), options);
    return exitCode(reports);
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}

/** Loaded by the first failure only: nearly every run needs none of it. */
function diagnosis(): Diagnose {
  const load = async (): Promise<Diagnose> => (await import('./verify-diagnosis.ts')).verifyDiagnosis();
  let loaded: Promise<Diagnose> | undefined;
  return async (check, outputs) => {
    loaded ??= load();
    return (await loaded)(check, outputs);
  };
}

function parseBackends(list: string): readonly BackendId[] {
  return splitList(list).map((name) => {
    const id = BACKEND_IDS.find((known) => known === name);
    if (id === undefined) throw new InputError(`backend "${name}" is unknown, expected ${BACKEND_IDS.join(', ')}.`);
    return id;
  });
}

function parseOps(list: string): readonly string[] {
  const names = splitList(list);
  const unknown = names.find((name) => !knownGoldenOps().includes(name));
  if (unknown !== undefined) {
    throw new InputError(`--op: op "${unknown}" is unknown. Known ops: ${knownGoldenOps().join(', ')}.`);
  }
  return names;
}

function splitList(list: string): readonly string[] {
  const names = list.split(',').map((name) => name.trim());
  if (names.some((name) => name === ''))
    throw new InputError(`"${list}" has an empty entry; separate names by single commas.`);
  return [...new Set(names)];
}

async function verifyOn(
  id: BackendId,
  files: readonly GoldenFile[],
  selection: RunOptions,
  required: boolean,
): Promise<BackendReport | MissingReport | undefined> {
  let backend: Backend;
  try {
    backend = await openBackend(id);
  } catch (error) {
    if (!(error instanceof BackendUnavailableError)) throw error;
    if (!required) {
      process.stderr.write(`${id}: left out: ${error.reason} See "preshuffle devices".\n`);
      return undefined;
    }
    process.stderr.write(`${error.message}\n`);
    return {
      backend: { id, device: null },
      error: error.message,
      cases: 0,
      passed: 0,
      failed: 0,
      skipped: 0,
      results: [],
    };
  }
  const progress = startProgress(id, countCases(files, selection));
  try {
    return await runGolden(backend, files, { ...selection, onResult: (result) => progress.step(result.case) });
  } finally {
    progress.stop();
    await backend.dispose();
  }
}

function print(report: BackendReport | MissingReport, verbose: boolean): void {
  if ('error' in report) return;
  process.stdout.write(`${renderReport(report, verbose, process.stdout)}\n\n`);
}

function isPresent(report: BackendReport | MissingReport): report is BackendReport {
  return !('error' in report);
}

async function writeReports(reports: readonly BackendReport[], options: VerifyOptions): Promise<void> {
  await writeReport(options.junit, () => renderJUnit(reports));
  await writeReport(options.html, () => renderHtml(reports));
  await writeReport(options.markdown, () => renderMarkdown(reports));
}

function exitCode(reports: readonly (BackendReport | MissingReport)[]): number {
  if (reports.some((report) => 'error' in report)) return EXIT.backendMissing;
  const present = reports.filter(isPresent);
  if (present.some((report) => report.invalid > 0)) return EXIT.usage;
  return present.some((report) => report.failed > 0) ? EXIT.mismatch : EXIT.ok;
}
