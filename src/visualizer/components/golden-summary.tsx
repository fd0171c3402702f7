import type { JSX } from 'preact';
import type { BackendRun, GoldenReport } from '../model/golden-report.ts';
import { backendIndex, filter } from '../state/golden.ts';

/** One card a backend: device and counts. A card shows its cases. */
export function BackendCards({ report }: { readonly report: GoldenReport }): JSX.Element {
  return (
    <ul class="golden-backends">
      {report.backends.map((run, index) => (
        <li key={run.id}>
          <button
            type="button"
            aria-pressed={backendIndex.value === index}
            disabled={run.error !== undefined}
            onClick={() => {
              backendIndex.value = index;
              if (filter.value.differsFrom === run.id) filter.value = { ...filter.value, differsFrom: undefined };
            }}
          >
            <strong>{run.id}</strong>
            <span class="muted golden-device">{run.device ?? 'not there'}</span>
            <BackendCounts run={run} />
          </button>
        </li>
      ))}
    </ul>
  );
}

function BackendCounts({ run }: { readonly run: BackendRun }): JSX.Element {
  if (run.error !== undefined) return <span class="golden-error">{run.error.split('\n')[0]}</span>;
  const { pass, fail, skip } = run.counts;
  return (
    <span class="golden-counts">
      <span class={fail > 0 ? 'status-fail' : 'muted'}>
        {fail} failed{run.invalid > 0 ? ` (${run.invalid} unusable)` : ''}
      </span>
      <span class={pass > 0 ? 'status-pass' : 'muted'}>{pass} passed</span>
      <span class={skip > 0 ? 'status-skip' : 'muted'}>{skip} skipped</span>
    </span>
  );
}

/** What the report says as a whole, where that is not a list of failures. */
export function ReportNotes({ report }: { readonly report: GoldenReport }): JSX.Element | null {
  const ran = report.backends.filter(({ error }) => error === undefined);
  const cases = ran.reduce((sum, run) => sum + run.results.length, 0);
  const skipped = ran.reduce((sum, run) => sum + run.counts.skip, 0);
  const failed = ran.reduce((sum, run) => sum + run.counts.fail, 0);
  if (ran.length === 0) return <p class="banner">No backend of this report was there, so nothing was run.</p>;
  if (cases === 0) return <p class="banner">This report holds no case.</p>;
  if (failed === 0) {
    const left = skipped === 0 ? '' : `; ${skipped} were skipped, filter by "skip" to see why`;
    return (
      <p class="banner golden-all-pass">
        {skipped === cases
          ? 'Every case was skipped: nothing was compared.'
          : `Nothing failed on ${names(ran)}${left}.`}
      </p>
    );
  }
  if (!report.isWithoutMaps) return null;
  return (
    <p class="banner">
      This report was written by an older preshuffle: it says which cases fail and names the first element, but has no
      heat maps. Run <code>preshuffle verify --json</code> again with this version to get them.
    </p>
  );
}

function names(runs: readonly BackendRun[]): string {
  return runs.map(({ id }) => id).join(' and ');
}
