import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { GuessResult, GuessRole, LayoutGuess } from '../../layout/index.ts';
import { scene } from '../state/store.ts';
import { guessState, readSo, startGuess, stopGuessing } from '../state/tensor-guess.ts';
import { TensorPicture } from './tensor-picture.tsx';

/** Guesses that are shown with a picture; those that are tied with the best always are. */
const PICTURES = 3;
const MOST_PICTURES = 8;

const VERDICTS: Readonly<Record<GuessResult['verdict'], string>> = {
  found: 'Found',
  leaning: 'Probably',
  'only-fit': 'The only fit',
  'cannot-tell': 'Cannot tell',
};

/** Which known layout is this? Asked for with a button, answered with evidence. */
export function TensorGuess(): JSX.Element {
  const { type } = scene.value;
  const [role, setRole] = useState<GuessRole>();
  const asked = role ?? (type === 'e8m0' || type === 'f32' ? 'scale' : 'weight');
  const state = guessState.value;
  return (
    <section class="panel tensor-guess" aria-labelledby="tensor-guess">
      <h2 id="tensor-guess">Which known layout is this?</h2>
      <p class="muted">
        Compares how well each layout of the catalog that takes this shape predicts elements from their row, column and
        neighbours: in the right order they resemble each other.
      </p>
      <div class="controls">
        <label class="control">
          <span>The tensor is a</span>
          <select value={asked} onChange={({ currentTarget }) => setRole(currentTarget.value as GuessRole)}>
            <option value="weight">weight</option>
            <option value="scale">scale</option>
          </select>
        </label>
        <button
          type="button"
          class="tensor-ask"
          onClick={() => void startGuess(asked)}
          disabled={state.kind === 'guessing'}
        >
          Guess the layout
        </button>
      </div>
      <div aria-live="polite">
        {state.kind === 'guessing' ? (
          <p class="tensor-progress">
            <progress value={state.share} aria-label="Comparing layouts" /> {Math.round(state.share * 100)} %{' '}
            <button type="button" onClick={stopGuessing}>
              Stop
            </button>
          </p>
        ) : null}
        {state.kind === 'failed' ? (
          <p class="error-state" role="alert">
            {state.message}
          </p>
        ) : null}
        {state.kind === 'done' ? <Verdict result={state.result} /> : null}
      </div>
      {state.kind === 'done' ? <Guesses result={state.result} /> : null}
    </section>
  );
}

function Verdict({ result }: { readonly result: GuessResult }): JSX.Element {
  const { verdict, confidence, summary, toTellApart, guesses } = result;
  return (
    <>
      <p class={`tensor-verdict is-${verdict}`}>
        <strong>{VERDICTS[verdict]}</strong>
        {guesses.length > 1 && verdict !== 'cannot-tell' ? (
          <span class="muted">
            {' '}
            {confidence >= 0.999 ? '> 99.9 %' : `${Math.round(confidence * 100)} %`} that the first is the best
          </span>
        ) : null}
      </p>
      <p>{summary}</p>
      {toTellApart === undefined ? null : <p>{toTellApart}</p>}
    </>
  );
}

function Guesses({ result }: { readonly result: GuessResult }): JSX.Element {
  const { guesses, rejected, tied } = result;
  const pictured = guesses.slice(0, Math.min(MOST_PICTURES, Math.max(PICTURES, tied)));
  const rest = guesses.slice(pictured.length);
  return (
    <>
      <ol class="tensor-guesses">
        {pictured.map((guess) => (
          <Guess key={guess.ids[0]} guess={guess} />
        ))}
      </ol>
      {rest.length > 0 ? (
        <details>
          <summary>{rest.length} others that fit worse</summary>
          <ul>
            {rest.map((guess) => (
              <li key={guess.ids[0]}>
                <code>{guess.ids.join(' = ')}</code>: {guess.evidence[0]} {guess.behind.toFixed(1)} standard errors
                behind.{' '}
                <button type="button" onClick={() => readSo(guess)}>
                  Read it so
                </button>
              </li>
            ))}
          </ul>
        </details>
      ) : null}
      {rejected.length > 0 ? (
        <details>
          <summary>{rejected.length} layouts do not take this shape or length</summary>
          <ul>
            {rejected.map(({ id, reason }) => (
              <li key={id}>
                <code>{id}</code>: {reason}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </>
  );
}

function Guess({ guess }: { readonly guess: LayoutGuess }): JSX.Element {
  const { ids, candidate, behind, evidence } = guess;
  const [id, ...same] = ids;
  const isRead = scene.value.a === id || same.includes(scene.value.a);
  return (
    <li class="tensor-guess-card">
      <TensorPicture guess={guess} />
      <div class="tensor-guess-text">
        <h3>
          <code>{id}</code>
        </h3>
        <p class="muted">{candidate.entry.title}</p>
        {same.length === 0 ? null : <p class="muted">The same bytes for this shape: {same.join(', ')}.</p>}
        <ul>
          {behind > 0 ? <li>{behind.toFixed(1)} standard errors behind the first.</li> : null}
          {evidence.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
        <button type="button" aria-pressed={isRead} onClick={() => readSo(guess)}>
          {isRead ? 'Read so' : 'Read it so'}
        </button>
      </div>
    </li>
  );
}
