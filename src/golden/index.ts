/**
 * The golden suite: cases with expected outputs, run on any backend and compared by code or by error bound.
 *
 * @example
 * ```ts
 * import { openGoldenFile, runGolden } from 'preshuffle/golden';
 * import { fileSource } from 'preshuffle/io';
 * import { openCpu } from 'preshuffle/backends/cpu';
 * const report = await runGolden(openCpu(), [await openGoldenFile(await fileSource('gemm.safetensors'))]);
 * console.log(report.passed, 'of', report.cases);
 * ```
 */
export { knownGoldenOps } from './bindings/index.ts';
export { type GoldenCase, parseCases } from './case.ts';
export type { Expectation, GoldenCheck } from './check.ts';
export { type Comparison, compareTensors, type Mismatch } from './compare.ts';
export {
  type CompareDumpsOptions,
  compareDumps,
  type DumpComparison,
  type DumpCriterion,
  type DumpElement,
} from './compare-dumps.ts';
export { type BoundCase, boundCase, compareDumpsWithBound } from './compare-dumps-operands.ts';
export type { DumpStatistics, SideCounts, SmallestTolerance } from './compare-dumps-statistics.ts';
export { type Dump, DumpError, type ReadDumpOptions } from './compare-dumps-tensor.ts';
export { defaultTolerance, type Tolerance } from './compare-tolerance.ts';
export { GoldenCaseError } from './errors.ts';
export type { Incident } from './incident.ts';
export { INCIDENTS } from './incidents.ts';
export { logitsDiff } from './logits-diff.ts';
export type { TensorMetrics } from './metrics.ts';
export type { MismatchMap, PackedCounts, WorstElement } from './mismatch-map.ts';
export type { Skew } from './mismatch-skew.ts';
export type { BackendReport, CaseMetrics, CaseResult, CaseStatus, CheckMetrics } from './report.ts';
export { renderHtml } from './report-html.ts';
export { renderJUnit } from './report-junit.ts';
export { renderMarkdown } from './report-markdown.ts';
export { countCases, type GoldenFile, openGoldenFile, type RunOptions, runGolden } from './run.ts';
export { packCounts, unpackCounts } from './runs.ts';
