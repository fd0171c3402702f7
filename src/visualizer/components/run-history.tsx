import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { sceneOf } from '../model/run-spec.ts';
import { HISTORY_COLUMNS, historyCells, historyMarkdown, outcomeOfRun } from '../model/run-text.ts';
import { type PastRun, pastRuns, runState } from '../state/run-session.ts';
import { change } from '../state/store.ts';
import { copyText } from './clipboard.ts';
import { ScrollBox } from './run-scroll.tsx';

/** The runs of this session, newest first. */
export function RunHistory(): JSX.Element | null {
  const runs = pastRuns.value;
  const [copied, setCopied] = useState<boolean>();
  if (runs.length === 0) return null;
  return (
    <section class="panel run-history" aria-label="Runs of this session">
      <div class="run-history-head">
        <h2>Runs of this session</h2>
        <button
          type="button"
          onClick={async () => setCopied(await copyText(historyMarkdown(runs.map(({ report }) => report))))}
        >
          <span aria-live="polite">
            {copied === undefined ? 'Copy as Markdown' : copied ? 'Copied' : 'The browser refused to copy'}
          </span>
        </button>
        <button
          type="button"
          onClick={() => {
            pastRuns.value = [];
          }}
        >
          Clear
        </button>
      </div>
      <ScrollBox label="Table of runs">
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              {HISTORY_COLUMNS.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Row key={run.number} run={run} />
            ))}
          </tbody>
        </table>
      </ScrollBox>
    </section>
  );
}

function Row({ run }: { readonly run: PastRun }): JSX.Element {
  const { number, at, report } = run;
  return (
    <tr class={`is-${outcomeOfRun(report)}`}>
      <td>
        <button
          type="button"
          class="run-show"
          title={at.toLocaleTimeString()}
          onClick={() => {
            change({ screen: 'run', ...sceneOf(report.spec) });
            runState.value = { kind: 'done', report };
          }}
        >
          Show {number}
        </button>
      </td>
      {historyCells(report).map((cell, index) => (
        <td key={HISTORY_COLUMNS[index]} class={index === 2 ? 'run-cell-result' : 'mono'}>
          {cell}
        </td>
      ))}
    </tr>
  );
}
