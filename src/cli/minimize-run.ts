import { access } from 'node:fs/promises';
import path from 'node:path';
import { BackendUnavailableError } from '../errors.ts';
import { writeFileAtomic } from '../io/node.ts';
import type { Fails } from '../minimize/attempt.ts';
import { DoesNotFailError } from '../minimize/errors.ts';
import { describeFailures, judge, referenceOf } from '../minimize/judge.ts';
import type { Kernel } from '../minimize/kernel.ts';
import { type Minimized, minimize } from '../minimize/minimize.ts';
import { diagnosisOf } from '../minimize/same-diagnosis.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { writeCase } from '../probe/write-case.ts';
import { LayoutMismatchError } from '../tensor/errors.ts';
import { EXIT } from './exit-codes.ts';
import { InputError } from './inputs.ts';
import type { MinimizeCommandOptions } from './minimize.ts';
import { type FailingCase, readFailingCase } from './minimize-case.ts';
import { type ChosenKernel, chooseKernel } from './minimize-kernel.ts';
import { type MinimizeReport, minimizeJson, renderMinimized } from './minimize-text.ts';
import { startClock } from './progress.ts';

/**
 * `preshuffle minimize`. Returns the exit code: the worst of the cases.
 * @throws InputError, GoldenCaseError, KernelRunError, ParameterError, NoAxesError
 */
export async function runMinimize(cases: readonly string[], options: MinimizeCommandOptions): Promise<number> {
  if (options.out !== undefined && cases.length > 1)
    throw new InputError(`--out names one file, but ${cases.length} cases are given. Leave it out, or give one case.`);
  let worst: number = EXIT.ok;
  for (const argument of cases) worst = Math.max(worst, await minimizeOne(argument, options));
  return worst;
}

async function minimizeOne(argument: string, options: MinimizeCommandOptions): Promise<number> {
  try {
    const given = await readFailingCase(argument, options.op);
    const report = await reportOf(given, options);
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(minimizeJson(report))}\n`
        : `${renderMinimized(report, process.stdout)}\n`,
    );
    return EXIT.ok;
  } catch (error) {
    if (error instanceof DoesNotFailError) {
      process.stderr.write(`preshuffle: ${error.message}\n`);
      return EXIT.mismatch;
    }
    if (error instanceof BackendUnavailableError) {
      process.stderr.write(`${error.message}\n`);
      return EXIT.backendMissing;
    }
    // Operands that do not fit their op are an unusable case here, not an answer.
    if (error instanceof LayoutMismatchError) throw new InputError(`${argument}: ${error.message}`);
    throw error;
  }
}

async function reportOf(given: FailingCase, options: MinimizeCommandOptions): Promise<MinimizeReport> {
  const { call, entry } = given;
  const chosen = await chooseKernel(given, options);
  try {
    // A case that cannot be written is told before the search, not after it.
    await writeCase(call, { outputs: referenceOf(call) });
    const first = judge(call, await chosen.kernel(call));
    if (first.failing.length === 0) {
      const held = first.comparisons.map(({ output }) => output).join(', ');
      throw new DoesNotFailError(
        `case "${entry.name}" of ${given.file} does not fail with ${chosen.label}: ${held} ${first.comparisons.length === 1 ? 'is' : 'are'} as the reference gives ${first.comparisons.length === 1 ? 'it' : 'them'}.`,
      );
    }
    const diagnosis = options.same === true ? await wantedDiagnosis(given, chosen) : undefined;
    const written = options.out ?? `${entry.name.replaceAll(/[^\w.=+-]+/g, '_')}.min.safetensors`;
    await access(path.dirname(written)).catch((cause: Error) => {
      throw unwritable(written, cause);
    });
    const result = await search(call, failsOf(chosen.kernel, diagnosis), options);
    const actual = await chosen.kernel(result.call);
    const report: MinimizeReport = {
      file: given.file,
      case: entry.name,
      op: call.op,
      chosen,
      result,
      failing: describeFailures(judge(result.call, actual)),
      diagnosis,
      written,
    };
    await write(report, actual);
    return report;
  } finally {
    await chosen.dispose();
  }
}

/** Whether a kernel is wrong, and where. What it cannot run is no failure. */
function failsOf(kernel: Kernel, diagnosis: string | undefined): Fails {
  return async (call) => {
    const actual = await kernel(call);
    const { failing } = judge(call, actual);
    if (failing.length === 0 || diagnosis === undefined) return failing;
    return (await diagnosisOf(call, actual)) === diagnosis ? failing : false;
  };
}

async function wantedDiagnosis({ call, entry, file }: FailingCase, { kernel }: ChosenKernel): Promise<string> {
  const diagnosis = await diagnosisOf(call, await kernel(call));
  if (diagnosis !== undefined) return diagnosis;
  throw new InputError(
    `--same: no known mistake explains how case "${entry.name}" of ${file} fails, so there is no diagnosis to keep. Leave --same out.`,
  );
}

async function search(call: KernelCall, fails: Fails, { budget, values }: MinimizeCommandOptions): Promise<Minimized> {
  const clock = startClock(`minimize ${call.op}`, budget);
  try {
    return await minimize(call, fails, {
      budgetMs: 1000 * budget,
      values,
      onProgress: ({ phase, sizes, runs }) => {
        const now = Object.entries(sizes).map(([name, size]) => `${name} ${size}`);
        clock.show(`${runs} runs, ${phase}: ${now.join(', ')}`);
      },
    });
  } finally {
    clock.stop();
  }
}

async function write(report: MinimizeReport, actual: NamedTensors): Promise<void> {
  const { result, chosen, written } = report;
  const { incident } = chosen;
  const y = actual['y'];
  const { bytes } = await writeCase(result.call, {
    name: `${report.case}.min`,
    note: `made from case "${report.case}" of ${report.file}, which fails with ${chosen.label}`,
    outputs: referenceOf(result.call),
    ...(incident === undefined ? {} : { keys: { incident: incident.id } }),
    ...(incident === undefined || y === undefined ? {} : { tensors: { y_wrong: y } }),
  });
  try {
    await writeFileAtomic(written, bytes);
  } catch (cause) {
    throw unwritable(written, cause as Error);
  }
}

function unwritable(file: string, cause: Error): InputError {
  return new InputError(
    `"${file}" cannot be written: ${cause.message}. Name a file in a folder that exists with --out.`,
  );
}
