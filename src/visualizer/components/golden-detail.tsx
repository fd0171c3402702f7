import type { JSX } from 'preact';
import type { ReportCase, ReportTensor } from '../model/golden-report.ts';
import { elementScene } from '../model/golden-scene.ts';
import { differs, identity, statusText, verdictText } from '../model/golden-table.ts';
import { boundText, decimals, equalText } from '../model/golden-text.ts';
import { chosenTensor, moveToFailing, otherRun, selected, tensorOf } from '../state/golden.ts';
import { linkOf, open, scene } from '../state/store.ts';
import { CaseName } from './golden-cases.tsx';
import { RateFacts, SkewSentences, WorstTable } from './golden-facts.tsx';
import { HeatMap } from './golden-heat-map.tsx';
import { isPlainClick } from './plain-click.ts';

/** Everything about the selected case. */
export function CaseDetail(): JSX.Element {
  const row = selected.value;
  if (row === undefined) return <p class="empty-state">Choose a case to see its tensors.</p>;
  const { result, other } = row;
  return (
    <article class="golden-detail" aria-labelledby="golden-case">
      <header>
        <h2 id="golden-case">
          <CaseName name={result.case} />
        </h2>
        <span class={`badge status-${result.status}`}>{statusText(result)}</span>
        <span class="golden-moves">
          <button
            type="button"
            aria-label="Previous failing case"
            title="Previous failing case (arrow up)"
            onClick={() => moveToFailing(-1)}
          >
            ↑
          </button>
          <button
            type="button"
            aria-label="Next failing case"
            title="Next failing case (arrow down)"
            onClick={() => moveToFailing(1)}
          >
            ↓
          </button>
        </span>
      </header>
      <p class="muted golden-source">
        <code>{result.op === '' ? 'no op' : result.op}</code> in <code>{result.file}</code>
        {result.metrics === null ? '' : `, ${decimals(result.metrics.ms)} ms`}
      </p>
      {otherRun.value === undefined ? null : (
        <p>
          On {otherRun.value.id}: <strong class={`status-${other?.status ?? 'skip'}`}>{verdictText(other)}</strong>
          {differs(result, other) ? '' : ', as here'}.
        </p>
      )}
      {result.reason === '' ? null : <pre class="golden-reason">{result.reason}</pre>}
      {result.status === 'fail' ? <Diagnosis result={result} /> : null}
      <Tensors key={identity(result)} result={result} />
    </article>
  );
}

function Diagnosis({ result }: { readonly result: ReportCase }): JSX.Element {
  return (
    <section class="golden-diagnosis" aria-labelledby="golden-diagnosis">
      <h3 id="golden-diagnosis">Diagnosis</h3>
      {result.diagnosis.length === 0 ? (
        <p class="muted">No diagnosis in this report.</p>
      ) : (
        <ul>
          {result.diagnosis.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Tensors({ result }: { readonly result: ReportCase }): JSX.Element {
  const tensors = result.metrics?.tensors ?? [];
  const shown = tensorOf(result);
  if (shown === undefined) return <p class="muted">Nothing was compared.</p>;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section class="golden-tensors" aria-label="Tensors" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">tensor</th>
              {['differ', 'of', 'same code', 'max abs', 'max rel', 'max ulp', 'cosine', 'of bound'].map((title) => (
                <th key={title} scope="col" class="number">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {tensors.map((tensor) => (
              <tr key={`${tensor.label} ${tensor.tensor}`} class={tensor === shown ? 'is-selected' : undefined}>
                <th scope="row">
                  <button
                    type="button"
                    class="case-name"
                    aria-current={tensor === shown ? 'true' : undefined}
                    onClick={() => {
                      chosenTensor.value = tensor;
                    }}
                  >
                    {tensor.label === tensor.tensor ? tensor.label : `${tensor.label}: ${tensor.tensor}`}
                  </button>
                </th>
                <TensorNumbers tensor={tensor} />
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <TensorMap key={`${shown.label} ${shown.tensor}`} tensor={shown} />
    </>
  );
}

function TensorNumbers({ tensor }: { readonly tensor: ReportTensor }): JSX.Element {
  const { mismatches, elements, equal, maxAbs, maxRel, maxUlp, cosine } = tensor;
  return (
    <>
      <td class={`number ${mismatches > 0 ? 'status-fail' : ''}`}>{mismatches}</td>
      <td class="number">{elements}</td>
      <td class="number">{equalText(equal)}</td>
      <td class="number">{decimals(maxAbs)}</td>
      <td class="number">{decimals(maxRel)}</td>
      <td class="number">{maxUlp ?? ''}</td>
      <td class="number">{cosine === null ? 'NaN' : cosine.toFixed(4)}</td>
      <td class="number">{boundText(tensor, [tensor])}</td>
    </>
  );
}

function TensorMap({ tensor }: { readonly tensor: ReportTensor }): JSX.Element {
  const { map } = tensor;
  if (tensor.mismatches === 0) return <p class="muted">Every element of this tensor holds.</p>;
  if (map === undefined)
    return <p class="muted">This report has no map of the tensor; a newer preshuffle writes one.</p>;
  const link = elementScene(map);
  return (
    <section class="golden-map-section" aria-label={`Where ${tensor.tensor} fails`}>
      <SkewSentences map={map} />
      <HeatMap map={map} name={tensor.tensor} />
      <RateFacts map={map} />
      <h3>Worst elements</h3>
      <WorstTable map={map} />
      {link === undefined ? null : (
        <p>
          <a
            href={linkOf({ ...scene.value, ...link })}
            onClick={(event) => {
              if (!isPlainClick(event)) return;
              event.preventDefault();
              open(link);
            }}
          >
            Show these elements in the Lens
          </a>{' '}
          <span class="muted">
            {map.type}, {map.layout}
          </span>
        </p>
      )}
    </section>
  );
}
