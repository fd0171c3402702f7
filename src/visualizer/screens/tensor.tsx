import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { TensorDrop, TensorRaw } from '../components/tensor-drop.tsx';
import { TensorGrid } from '../components/tensor-grid.tsx';
import { TensorGuess } from '../components/tensor-guess.tsx';
import { TensorList } from '../components/tensor-list.tsx';
import { TensorReading } from '../components/tensor-reading.tsx';
import { TensorStatsPanel } from '../components/tensor-stats-panel.tsx';
import type { Subject } from '../model/subject.ts';
import { scene, subject } from '../state/store.ts';
import {
  chosen,
  fileState,
  isShown,
  loadError,
  loaded,
  misfit,
  openServed,
  showAgain,
} from '../state/tensor-session.ts';

/** A tensor of a file, in any reading of its bytes: list, grid, statistics and the guess of the layout. */
export function TensorScreen(): JSX.Element {
  useEffect(() => {
    if (loaded.peek() !== undefined && !isShown.peek()) showAgain();
    const { file } = scene.peek();
    if (file !== undefined && fileState.peek().kind === 'none') void openServed(file);
  }, []);
  const state = fileState.value;
  return (
    <>
      <h1>Tensor</h1>
      <TensorDrop />
      {state.kind === 'raw' ? <TensorRaw source={state.source} message={state.message} /> : null}
      {state.kind === 'open' ? (
        <div class={`tensor-columns ${state.file.tensors.length === 1 ? 'is-single' : ''}`}>
          {state.file.tensors.length === 1 ? null : <TensorList file={state.file} />}
          <div class="tensor-main">
            <Chosen />
          </div>
        </div>
      ) : null}
    </>
  );
}

function Chosen(): JSX.Element {
  if (loadError.value !== undefined)
    return (
      <p class="error-state" role="alert">
        {loadError.value}
      </p>
    );
  const tensor = loaded.value;
  if (tensor === undefined || tensor.tensor.name !== chosen.value)
    return (
      <p class="empty-state" aria-live="polite">
        {chosen.value === undefined ? 'Choose a tensor of the list.' : `Reading ${chosen.value} …`}
      </p>
    );
  if (!isShown.value)
    return (
      <div class="empty-state">
        <p>The page shows something else now.</p>
        <button type="button" onClick={showAgain}>
          Show {tensor.tensor.name} again
        </button>
      </div>
    );
  const shown = subject.value;
  const problem = shown.ok ? misfit.value : shown.message;
  return (
    <>
      <TensorReading tensor={tensor.tensor} />
      {problem === undefined ? null : (
        <p class="error-state" role="alert">
          {problem}
        </p>
      )}
      {shown.ok && problem === undefined ? <Fitting shown={shown.value} /> : null}
      <TensorGuess />
    </>
  );
}

function Fitting({ shown }: { readonly shown: Subject }): JSX.Element {
  return (
    <>
      <TensorGrid shown={shown} />
      <TensorStatsPanel shown={shown} />
    </>
  );
}
