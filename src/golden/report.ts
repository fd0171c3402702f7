import type { Backend, BackendId } from '../../backends/backend.ts';
import type { GoldenCheck } from './check.ts';
import type { Comparison, Mismatch } from './compare.ts';
import type { TensorMetrics } from './metrics.ts';
import type { MismatchMap } from './mismatch-map.ts';

export type CaseStatus = 'pass' | 'fail' | 'skip';

/** Metrics of one compared tensor of a case. */
export interface CheckMetrics extends TensorMetrics {
  readonly label: string;
  readonly op: string;
  readonly tensor: string;
  readonly first: Mismatch | null;
  /** Where the tensor differs; only when it does. */
  readonly map?: MismatchMap;
}

/** Metrics of a case: the worst of its tensors, and each of them. */
export interface CaseMetrics extends TensorMetrics {
  /** Wall time of the case on this backend in milliseconds, uploads and comparison included. */
  readonly ms: number;
  readonly tensors: readonly CheckMetrics[];
}

export interface CaseResult {
  readonly case: string;
  readonly file: string;
  readonly op: string;
  readonly backend: BackendId;
  readonly status: CaseStatus;
  /** Set when the case itself could not be used: unknown op, missing tensor, damaged file. */
  readonly invalid?: true;
  /** Empty for a pass. */
  readonly reason: string;
  readonly metrics: CaseMetrics | null;
  readonly diagnosis: readonly string[];
}

/** What `preshuffle verify --json` prints for one backend. */
export interface BackendReport {
  readonly backend: { readonly id: BackendId; readonly device: string };
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** How many of the failed cases could not be used at all. */
  readonly invalid: number;
  readonly results: readonly CaseResult[];
}

export function summarize(backend: Backend, results: readonly CaseResult[]): BackendReport {
  const count = (status: CaseStatus): number => results.filter((result) => result.status === status).length;
  return {
    backend: { id: backend.id, device: backend.device.name },
    cases: results.length,
    passed: count('pass'),
    failed: count('fail'),
    skipped: count('skip'),
    invalid: results.filter((result) => result.invalid === true).length,
    results,
  };
}

export function caseMetrics(
  comparisons: readonly { readonly check: GoldenCheck; readonly comparison: Comparison }[],
  ms: number,
): CaseMetrics {
  const tensors = comparisons.map(
    ({ check, comparison }): CheckMetrics => ({
      label: check.label,
      op: check.op,
      tensor: comparison.tensor,
      ...comparison.metrics,
      first: comparison.first ?? null,
      ...(comparison.map === undefined ? {} : { map: comparison.map }),
    }),
  );
  const elements = tensors.reduce((sum, entry) => sum + entry.elements, 0);
  const worst = (pick: (entry: CheckMetrics) => number | null): number | null =>
    tensors
      .map(pick)
      .reduce<number | null>((most, value) => (value === null ? most : Math.max(most ?? 0, value)), null);
  return {
    elements,
    mismatches: tensors.reduce((sum, entry) => sum + entry.mismatches, 0),
    equal: elements === 0 ? 1 : tensors.reduce((sum, entry) => sum + entry.equal * entry.elements, 0) / elements,
    maxAbs: worst((entry) => entry.maxAbs) ?? 0,
    maxRel: worst((entry) => entry.maxRel) ?? 0,
    maxUlp: worst((entry) => entry.maxUlp),
    cosine: tensors.reduce((least, entry) => Math.min(least, entry.cosine), 1),
    boundUsed: worst((entry) => entry.boundUsed),
    ms: Math.round(ms * 100) / 100,
    tensors,
  };
}
