import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { RunForm } from '../components/run-form.tsx';
import { RunHistory } from '../components/run-history.tsx';
import { RunProgress } from '../components/run-progress.tsx';
import { RunResult } from '../components/run-result.tsx';
import { checkSpec, specOf } from '../model/run-spec.ts';
import { runState, startRun } from '../state/run-session.ts';
import { outcomeOf, scene } from '../state/store.ts';

/** Executes an example on the CPU and on WebGPU, and compares. */
export function Run(): JSX.Element {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const free = event.target === document.body || event.ctrlKey || event.metaKey;
      if (event.key === 'Enter' && free) start();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <>
      <h1>Run a kernel here</h1>
      <p class="muted">
        The same WGSL that the library runs, on the WebGPU of this browser, held against the CPU reference. Nothing
        leaves this page.
      </p>
      <div class="run">
        <RunForm onStart={start} />
        <div class="run-main">
          <section class="panel run-answer" aria-label="Result">
            <Answer />
          </section>
          <RunHistory />
        </div>
      </div>
    </>
  );
}

/** Runs what the scene says at this moment: a field may just have been left by the key that starts. */
function start(): void {
  const spec = outcomeOf(() => {
    const wanted = specOf(scene.peek());
    checkSpec(wanted);
    return wanted;
  });
  if (spec.ok) void startRun(spec.value);
}

function Answer(): JSX.Element {
  const state = runState.value;
  switch (state.kind) {
    case 'idle':
      return (
        <p class="empty-state">
          Choose an example and press Run, or Enter. The first run of a kernel compiles its shaders; a software adapter
          takes some seconds for that.
        </p>
      );
    case 'running':
      return <RunProgress state={state} />;
    case 'done':
      return <RunResult report={state.report} />;
    case 'refused':
      return (
        <p class="error-state" role="alert">
          {state.message}
        </p>
      );
  }
}
