import { diagnose } from '../diagnosis/diagnose.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { diagnosisLines } from '../diagnosis/report-text.ts';
import { PreshuffleError } from '../errors.ts';
import type { GoldenCheck } from '../golden/check.ts';
import type { RunOptions } from '../golden/run.ts';
import type { NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import type { TensorSpec } from '../tensor/tensor.ts';

/** Milliseconds for one case, and for all cases of a run together. */
const CASE_MS = 10_000;
const RUN_MS = 60_000;

interface Budgets {
  readonly caseMs?: number;
  readonly runMs?: number;
}

/**
 * A diagnosis of every check that fails, in lines, until the time for a run is used up.
 * Outputs are explained from the operands that the case means: of an incident, the right ones.
 */
export function verifyDiagnosis({
  caseMs = CASE_MS,
  runMs = RUN_MS,
}: Budgets = {}): NonNullable<RunOptions['diagnose']> {
  let left = runMs;
  return async (check, outputs) => {
    if (left <= 0)
      return [
        `not diagnosed: the ${runMs / 1000} s for diagnoses of a run are used up; run "preshuffle diagnose" on this case, or select fewer with --op`,
      ];
    const started = performance.now();
    try {
      return diagnosisLines(await diagnoseCheck(check, outputs, Math.min(caseMs, left)));
    } catch (error) {
      // A failing case stays one: what cannot be diagnosed is no fault of the file.
      if (error instanceof PreshuffleError) return [`not diagnosed: ${error.message}`];
      throw error;
    } finally {
      left -= performance.now() - started;
    }
  };
}

/**
 * Explains outputs that a check did not take, by the operands that it means.
 * @throws DiagnosisError where nothing can be concluded
 */
export async function diagnoseCheck(check: GoldenCheck, outputs: NamedTensors, budgetMs: number): Promise<Diagnosis> {
  const { op, params } = check;
  const operands = (check.boundFrom ?? check.operands) as NamedTensors;
  const specs: Readonly<Record<string, TensorSpec>> = definitionOf(op).plan(params, operands);
  const expected = Object.fromEntries(
    check.expect
      .filter(({ output, expected: { type }, mask }) => type === specs[output]?.type && mask === undefined)
      .map(({ output, expected: tensor }) => [output, tensor]),
  );
  return diagnose({ op, params, operands, actual: outputs, expected }, { budgetMs });
}
