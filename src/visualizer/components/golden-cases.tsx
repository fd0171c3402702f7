import type { JSX } from 'preact';
import { type GoldenReport, STATUSES, type Status } from '../model/golden-report.ts';
import {
  type CaseFilter,
  type CaseRow,
  identity,
  type SortKey,
  statusText,
  verdictText,
} from '../model/golden-table.ts';
import { boundText, decimals, ulpText } from '../model/golden-text.ts';
import { filter, otherRun, rows, select, selected, shownRun } from '../state/golden.ts';

function update(fields: Partial<CaseFilter>): void {
  filter.value = { ...filter.value, ...fields };
}

/** Which cases are listed: by status, op and words, and those that another backend judged otherwise. */
export function CaseFilters({ report }: { readonly report: GoldenReport }): JSX.Element | null {
  const run = shownRun.value;
  if (run === undefined) return null;
  const ops = [...new Set(run.results.map(({ op }) => op))].sort();
  const others = report.backends.filter((entry) => entry !== run && entry.error === undefined);
  const { status, op, text, differsFrom } = filter.value;
  const choice = (value: Status | 'all', count: number): JSX.Element => (
    <button key={value} type="button" aria-pressed={status === value} onClick={() => update({ status: value })}>
      {value} <span class="muted">{count}</span>
    </button>
  );
  return (
    <form class="golden-filters" onSubmit={(event) => event.preventDefault()}>
      <fieldset class="golden-chips">
        <legend class="visually-hidden">Status</legend>
        {choice('all', run.results.length)}
        {STATUSES.map((value) => choice(value, run.counts[value]))}
      </fieldset>
      <label>
        <span class="visually-hidden">Op</span>
        <select value={op} onChange={(event) => update({ op: event.currentTarget.value })}>
          <option value="">every op</option>
          {ops.map((name) => (
            <option key={name} value={name}>
              {name === '' ? '(none)' : name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="visually-hidden">Words in the case, file or reason</span>
        <input
          type="search"
          value={text}
          placeholder="case, file, reason"
          onInput={(event) => update({ text: event.currentTarget.value })}
        />
      </label>
      {others.length === 0 ? null : (
        <label>
          <span class="visually-hidden">Compare with</span>
          <select
            value={differsFrom ?? ''}
            onChange={(event) => update({ differsFrom: event.currentTarget.value || undefined })}
          >
            <option value="">compare with…</option>
            {others.map(({ id }) => (
              <option key={id} value={id}>
                differs from {id}
              </option>
            ))}
          </select>
        </label>
      )}
    </form>
  );
}

const COLUMNS: readonly { readonly title: string; readonly sort: SortKey | undefined; readonly class?: string }[] = [
  { title: 'status', sort: 'status' },
  { title: 'case', sort: 'case' },
  { title: 'of bound', sort: 'boundUsed', class: 'number' },
  { title: 'max ulp', sort: 'maxUlp', class: 'number optional' },
  { title: 'ms', sort: 'ms', class: 'number optional' },
];

/** The listed cases. A case's name is the button that shows it. */
export function CaseTable(): JSX.Element {
  const other = otherRun.value;
  const { sort } = filter.value;
  if (rows.value.length === 0) return <p class="empty-state">{emptyText(other?.id)}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section class="golden-table" aria-label="Cases" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th
                key={column.title}
                scope="col"
                class={column.class}
                aria-sort={
                  column.sort === sort ? (sort === 'status' || sort === 'case' ? 'ascending' : 'descending') : undefined
                }
              >
                <button type="button" class="sort" onClick={() => update({ sort: column.sort ?? 'status' })}>
                  {column.title}
                </button>
              </th>
            ))}
            {other === undefined ? null : <th scope="col">on {other.id}</th>}
          </tr>
        </thead>
        <tbody>
          {rows.value.map((row) => (
            <Row key={identity(row.result)} row={row} isCompared={other !== undefined} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ row, isCompared }: { readonly row: CaseRow; readonly isCompared: boolean }): JSX.Element {
  const { result, other } = row;
  const isSelected = selected.value?.result === result;
  const { metrics } = result;
  return (
    <tr class={isSelected ? 'is-selected' : undefined}>
      <td class={`status-${result.status}`}>{statusText(result)}</td>
      <td>
        <button
          type="button"
          class="case-name"
          aria-current={isSelected ? 'true' : undefined}
          onClick={() => select(row)}
        >
          <CaseName name={result.case} />
        </button>
        <span class="muted case-op">{result.op}</span>
        {result.reason === '' ? null : <span class="case-reason">{result.reason.split('\n')[0]}</span>}
      </td>
      <td class="number">{metrics === null ? '' : boundText(metrics, metrics.tensors)}</td>
      <td class="number optional">{metrics === null ? '' : ulpText(metrics, metrics.tensors)}</td>
      <td class="number optional">{metrics === null ? '' : decimals(metrics.ms)}</td>
      {isCompared ? <td class={`status-${other?.status ?? 'skip'}`}>{verdictText(other)}</td> : null}
    </tr>
  );
}

/** The name of a case, which may break after an underscore. */
export function CaseName({ name }: { readonly name: string }): JSX.Element {
  if (name === '') return <>(whole file)</>;
  const parts = name.split(/(?<=_)(?!_)/);
  return <>{parts.map((part, index) => (index === 0 ? part : [<wbr key={part} />, part]))}</>;
}

function emptyText(other: string | undefined): string {
  if (shownRun.value?.results.length === 0) return 'This backend ran no case.';
  return other === undefined ? 'No case fits the filter.' : `No case that fits the filter differs from ${other}.`;
}
