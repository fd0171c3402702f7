import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { CaseFilters, CaseTable } from '../components/golden-cases.tsx';
import { CaseDetail } from '../components/golden-detail.tsx';
import { OpenReport, ReportTarget } from '../components/golden-open.tsx';
import { BackendCards, ReportNotes } from '../components/golden-summary.tsx';
import type { GoldenReport } from '../model/golden-report.ts';
import { moveToFailing, report, selected } from '../state/golden.ts';
import { scene } from '../state/store.ts';

/** A report of `preshuffle verify --json`: what failed on which backend, and where in the tensor. */
export function Golden(): JSX.Element {
  const shown = report.value;
  return (
    <ReportTarget>
      {shown === undefined ? <Empty /> : null}
      {shown?.ok === false ? (
        <>
          <h1>Golden report</h1>
          <p class="error-state" role="alert">
            {shown.message}
          </p>
          <OpenReport label="Open another report" />
        </>
      ) : null}
      {shown?.ok === true ? <Loaded report={shown.value} /> : null}
    </ReportTarget>
  );
}

function Empty(): JSX.Element {
  const { topic } = scene.value;
  return (
    <>
      <h1>Golden report</h1>
      <div class="empty-state golden-empty">
        <p>
          <code>preshuffle verify</code> runs the golden cases on every backend of a machine. Its report opens here:
          which cases fail, where in the tensor, and what the mismatches have in common.
        </p>
        <pre>
          <code>preshuffle verify --json &gt; report.json</code>
        </pre>
        <p>Drop the file here, paste its text, or</p>
        <OpenReport label="Open report" />
        <p class="muted">It stays in this browser.</p>
      </div>
      {topic === undefined ? null : (
        <p class="muted">
          This link is about the case <code>{topic}</code>; open the report that holds it.
        </p>
      )}
    </>
  );
}

function Loaded({ report: shown }: { readonly report: GoldenReport }): JSX.Element {
  useEffect(() => {
    addEventListener('keydown', moveByKey);
    return () => removeEventListener('keydown', moveByKey);
  }, []);
  return (
    <>
      <header class="golden-head">
        <h1>
          Golden report <span class="muted golden-file">{shown.name}</span>
        </h1>
        <OpenReport label="Open another" />
      </header>
      <BackendCards report={shown} />
      <ReportNotes report={shown} />
      <div class="golden-body">
        <div class="golden-list">
          <CaseFilters report={shown} />
          <CaseTable />
        </div>
        <CaseDetail />
      </div>
      <p class="visually-hidden" aria-live="polite">
        {selected.value === undefined ? '' : `${selected.value.result.case}: ${selected.value.result.status}`}
      </p>
    </>
  );
}

/** Arrow up and down walk through the failing cases, except where the focus has a use of its own for them. */
function moveByKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const { target } = event;
  if (target instanceof HTMLElement && target.closest('input, select, textarea, [role=grid]') !== null) return;
  if (!moveToFailing(event.key === 'ArrowDown' ? 1 : -1)) return;
  event.preventDefault();
  document.querySelector('.golden-table tr.is-selected')?.scrollIntoView({ block: 'nearest' });
}
