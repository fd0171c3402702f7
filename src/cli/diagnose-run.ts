import { diagnose } from '../diagnosis/diagnose.ts';
import type { Observation } from '../diagnosis/observation.ts';
import type { DiagnosisReport } from '../diagnosis/report.ts';
import { renderDiagnosisHtml } from '../diagnosis/report-html.ts';
import { diagnosisJson } from '../diagnosis/report-json.ts';
import { renderDiagnosisJUnit } from '../diagnosis/report-junit.ts';
import { renderDiagnosisMarkdown } from '../diagnosis/report-markdown.ts';
import { isRight } from '../diagnosis/report-words.ts';
import { affordableReference, wrongMaps } from '../diagnosis/wrong-map.ts';
import { PreshuffleError } from '../errors.ts';
import type { GoldenCheck } from '../golden/check.ts';
import { openGoldenFile } from '../golden/run.ts';
import { type FileSource, fileSource } from '../io/node.ts';
import type { NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import { LayoutMismatchError } from '../tensor/errors.ts';
import type { Tensor, TensorSpec } from '../tensor/tensor.ts';
import type { DiagnoseCommandOptions } from './diagnose.ts';
import { type ChosenCheck, chooseCheck } from './diagnose-case.ts';
import { readOutputs, type WantedOutputs } from './diagnose-outputs.ts';
import { renderDiagnosis } from './diagnose-text.ts';
import { EXIT } from './exit-codes.ts';
import { InputError } from './inputs.ts';
import { startClock } from './progress.ts';
import { writeReport } from './write-report.ts';

/**
 * `preshuffle diagnose`. Returns the exit code.
 * @throws InputError, GoldenCaseError, DiagnosisError
 */
export async function runDiagnose(file: string, options: DiagnoseCommandOptions): Promise<number> {
  const source = await openSource(file);
  try {
    const chosen = await chooseCheck(await openGoldenFile(source), options);
    const report = await reportOf(file, chosen, options);
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(diagnosisJson(report))}\n`
        : `${renderDiagnosis(report, process.stdout)}\n`,
    );
    await writeReport(options.markdown, () => renderDiagnosisMarkdown(report));
    await writeReport(options.html, () => renderDiagnosisHtml(report));
    await writeReport(options.junit, () => renderDiagnosisJUnit([report]));
    return isRight(report.diagnosis) ? EXIT.ok : EXIT.mismatch;
  } catch (error) {
    // Operands that do not fit their op are an unusable case here, not an answer.
    if (error instanceof LayoutMismatchError) throw new InputError(`${file}: ${error.message}`);
    throw error;
  } finally {
    await source.close();
  }
}

async function openSource(file: string): Promise<FileSource> {
  return fileSource(file).catch((cause: Error) => {
    if (cause instanceof PreshuffleError) throw cause;
    throw new InputError(
      `"${file}" cannot be read: ${cause.message}. Name a golden file with the operands of the call (docs/golden-format.md).`,
    );
  });
}

async function reportOf(file: string, chosen: ChosenCheck, options: DiagnoseCommandOptions): Promise<DiagnosisReport> {
  const { check } = chosen;
  const { op, params } = check;
  const operands = check.operands as NamedTensors;
  const specs: Readonly<Record<string, TensorSpec>> = definitionOf(op).plan(params, operands);
  if (options.actual === undefined) throw nothingToDiagnose(op, Object.keys(specs));
  const wanted: Omit<WantedOutputs, 'option'> = { op, case: chosen.case, specs, caseNames: caseNamesOf(check) };
  const actual = await readOutputs(options.actual, { ...wanted, option: '--actual' });
  const own = storedOutputs(check, specs, Object.keys(actual));
  const expected =
    options.expected === undefined ? own : await readOutputs(options.expected, { ...wanted, option: '--expected' });
  const observation: Observation = { op, params, operands, actual, expected };
  const diagnosis = await timed(op, options, observation);
  const hasPicture = options.html !== undefined || options.json === true || options.markdown !== undefined;
  const call = { op, params, operands };
  const stored = Object.keys(expected).length > 0;
  const held = stored ? expected : hasPicture && !isRight(diagnosis) ? affordableReference(call) : undefined;
  const ownNames = Object.values(own).map(({ name }) => `${chosen.case}/${name}`);
  const subject = {
    file,
    case: chosen.case,
    actual: options.actual,
    expected: options.expected ?? (stored ? ownNames.join(', ') : 'reference'),
  };
  return {
    subject,
    diagnosis,
    maps: held === undefined || isRight(diagnosis) ? [] : wrongMaps(call, actual, held),
  };
}

async function timed(
  op: string,
  { budget, pairs }: DiagnoseCommandOptions,
  observation: Observation,
): ReturnType<typeof diagnose> {
  const clock = startClock(`diagnose ${op}`, budget);
  try {
    return await diagnose(observation, {
      budgetMs: 1000 * budget,
      pairs,
      onProgress: ({ phase, done }) => clock.show(`${done} ${phase}`),
    });
  } finally {
    clock.stop();
  }
}

function nothingToDiagnose(op: string, outputs: readonly string[]): InputError {
  return new InputError(
    `--actual is missing: give what your kernel returned for ${op} on these operands, a safetensors file with ${outputs.join(', ')}, ` +
      'or an npy file. "preshuffle probe" writes operands that tell mistakes apart, and a script that runs your kernel on them.',
  );
}

function caseNamesOf({ expect }: GoldenCheck): WantedOutputs['caseNames'] {
  const names: Record<string, string[]> = {};
  for (const { output, expected } of expect) names[output] = [...(names[output] ?? []), expected.name];
  return names;
}

/** Outputs that the case has in the op's own type and in full; one of the output's own name before others. */
function storedOutputs(
  { expect }: GoldenCheck,
  specs: Readonly<Record<string, TensorSpec>>,
  names: readonly string[],
): NamedTensors {
  const stored: Record<string, Tensor> = {};
  for (const name of names) {
    const fitting = expect.filter(
      ({ output, expected, mask }) => output === name && expected.type === specs[name]?.type && mask === undefined,
    );
    const found = fitting.find(({ expected }) => expected.name === name) ?? fitting[0];
    if (found !== undefined) stored[name] = found.expected;
  }
  return stored;
}
