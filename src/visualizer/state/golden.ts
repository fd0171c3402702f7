import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { type MapMode, worstMatrix } from '../model/golden-map.ts';
import type { ReportMap } from '../model/golden-map-json.ts';
import {
  type BackendRun,
  type GoldenReport,
  parseReport,
  type ReportCase,
  type ReportTensor,
} from '../model/golden-report.ts';
import {
  ALL_CASES,
  type CaseFilter,
  type CaseRow,
  caseRows,
  identity,
  nextFailing,
  selectedRow,
} from '../model/golden-table.ts';
import { change, type Outcome, outcomeOf, scene } from './store.ts';

/** The report that is shown, or why the last file is none; undefined before the first. */
export const report: Signal<Outcome<GoldenReport> | undefined> = signal(undefined);

/** Which backend of the report the table lists. */
export const backendIndex: Signal<number> = signal(0);

export const filter: Signal<CaseFilter> = signal(ALL_CASES);

export const shownRun: ReadonlySignal<BackendRun | undefined> = computed(() =>
  report.value?.ok === true ? report.value.value.backends[backendIndex.value] : undefined,
);

/** The backend that the listed one is compared with. */
export const otherRun: ReadonlySignal<BackendRun | undefined> = computed(() =>
  report.value?.ok === true
    ? report.value.value.backends.find((run) => run !== shownRun.value && run.id === filter.value.differsFrom)
    : undefined,
);

export const rows: ReadonlySignal<readonly CaseRow[]> = computed(() =>
  shownRun.value === undefined ? [] : caseRows(shownRun.value, filter.value, otherRun.value),
);

/** The case whose details are shown: what the scene's topic names, else the first that failed. */
export const selected: ReadonlySignal<CaseRow | undefined> = computed(() => selectedRow(rows.value, scene.value.topic));

/** The tensor that was chosen last, of whichever case. */
export const chosenTensor: Signal<ReportTensor | undefined> = signal(undefined);

/** The tensor of a case that is shown: the chosen one, else the first that failed. */
export function tensorOf({ metrics }: ReportCase): ReportTensor | undefined {
  const tensors = metrics?.tensors ?? [];
  const chosen = tensors.find((tensor) => tensor === chosenTensor.value);
  return chosen ?? tensors.find(({ mismatches }) => mismatches > 0) ?? tensors[0];
}

/** How a map is shown. */
export interface MapLook {
  readonly mode: MapMode;
  /** Without meaning for experts. */
  readonly matrix: number;
}

/** How the last map was shown. */
const chosenLook: Signal<(MapLook & { readonly of: ReportMap }) | undefined> = signal(undefined);

/** How a map is shown; one that nothing was chosen for begins with its worst matrix. */
export function lookOfMap(map: ReportMap): MapLook {
  return chosenLook.value?.of === map ? chosenLook.value : { mode: 'matrix', matrix: worstMatrix(map) };
}

/** Shows a map in another way. */
export function showMap(map: ReportMap, look: Partial<MapLook>): void {
  chosenLook.value = { ...lookOfMap(map), ...look, of: map };
}

/** Reads a report. The first backend with a failure is shown, else the first that ran. */
export function showReport(text: string, name: string): void {
  const parsed = outcomeOf(() => parseReport(text, name));
  report.value = parsed;
  filter.value = ALL_CASES;
  if (!parsed.ok) return;
  const { backends } = parsed.value;
  const failing = backends.findIndex(({ counts }) => counts.fail > 0);
  const present = backends.findIndex(({ error }) => error === undefined);
  backendIndex.value = Math.max(0, failing === -1 ? present : failing);
}

/** Shows a case; its name goes into the permalink, with its file where two files have one of that name. */
export function select({ result }: CaseRow): void {
  change({ topic: topicOf(result) });
}

/** What the permalink calls a case. */
export function topicOf(result: ReportCase): string {
  const isAmbiguous = shownRun.peek()?.results.some((other) => other !== result && other.case === result.case);
  return isAmbiguous === true ? identity(result) : result.case;
}

/** Shows the next (1) or the previous (-1) failing case. False at the end of the list. */
export function moveToFailing(step: 1 | -1): boolean {
  const next = nextFailing(rows.peek(), selected.peek(), step);
  if (next !== undefined) select(next);
  return next !== undefined;
}
