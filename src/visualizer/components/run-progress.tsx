import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { RUN_STEPS } from '../model/run-messages.ts';
import { exampleOf, specText } from '../model/run-spec.ts';
import { STEP_TEXT } from '../model/run-text.ts';
import { type RunState, stopRun } from '../state/run-session.ts';

/** The steps of a run under way, done ones ticked. */
export function RunProgress({ state }: { readonly state: Extract<RunState, { kind: 'running' }> }): JSX.Element {
  const { spec, step, place } = state;
  const at = step === undefined ? -1 : RUN_STEPS.indexOf(step);
  return (
    <>
      <h2>{exampleOf(spec.example).title}</h2>
      <p class="muted mono">{specText(spec)}</p>
      <p role="status" class="run-now">
        <span class="run-spinner" aria-hidden="true" />
        {step === undefined ? 'Loading the engine' : STEP_TEXT[step]} … <Seconds />
      </p>
      <ol class="run-steps">
        {RUN_STEPS.map((one, index) => (
          <li key={one} class={index < at ? 'is-done' : index === at ? 'is-now' : ''}>
            {STEP_TEXT[one]}
            {index < at ? <span class="visually-hidden"> done</span> : null}
          </li>
        ))}
      </ol>
      {place === 'page' ? (
        <p class="muted">This browser gives workers no WebGPU: the page may stand still until the run ends.</p>
      ) : (
        <button type="button" onClick={stopRun}>
          Stop
        </button>
      )}
    </>
  );
}

function Seconds(): JSX.Element {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((now) => now + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span aria-hidden="true">{seconds === 0 ? '' : `${seconds} s`}</span>;
}
