import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Paint } from '../model/grid.ts';
import { stepSample } from '../model/step-cells.ts';
import { countersOf, layoutSteps } from '../model/steps.ts';
import type { Subject } from '../model/subject.ts';
import { moveStep } from '../state/keyboard.ts';
import { pinKeys } from '../state/lens.ts';
import { change, hover, scene } from '../state/store.ts';
import { theme } from '../state/theme.ts';
import { BitTable } from './bit-table.tsx';
import { StepCanvas } from './step-canvas.tsx';

/** How the layout is made: pad, view, permute, contiguous, and the elements of a tile moving along. */
export function StepRail({ shown, paint }: { readonly shown: Subject; readonly paint: Paint }): JSX.Element {
  const { resolved, bits } = shown;
  const { layout } = resolved;
  const { experts, step } = scene.value;
  const counters = useMemo(() => countersOf(resolved, { bits, experts }), [resolved, bits, experts]);
  const steps = useMemo(() => layoutSteps(layout, counters), [layout, counters]);
  const around = pinKeys.value.at(-1) ?? 0;
  const sample = useMemo(() => stepSample(layout, counters, around), [layout, counters, around]);
  const last = steps.length - 1;
  const at = Math.min(step ?? last, last);
  const go = (to: number): void => change({ step: to === last ? undefined : to });
  return (
    <section class="panel step-rail" aria-labelledby="steps-title">
      <div class="step-head">
        <h2 id="steps-title">Steps</h2>
        <button
          type="button"
          class="icon"
          aria-label="Step back"
          title="Step back: ["
          disabled={at === 0}
          onClick={() => moveStep(-1)}
        >
          ‹
        </button>
        <input
          type="range"
          aria-label="Step"
          aria-valuetext={steps[at]?.text}
          min={0}
          max={last}
          step={1}
          value={at}
          onInput={({ currentTarget }) => go(Number(currentTarget.value))}
        />
        <button
          type="button"
          class="icon"
          aria-label="Step forward"
          title="Step forward: ]"
          disabled={at === last}
          onClick={() => moveStep(1)}
        >
          ›
        </button>
      </div>
      <ol class="steps">
        {steps.map(({ text, shape, names }, index) => (
          <li key={text}>
            <button type="button" aria-current={index === at ? 'step' : undefined} onClick={() => go(index)}>
              <code>{text}</code>
              <span class="mono muted">
                [
                {shape.map((size, axis) => (names[axis] === String(size) ? size : `${names[axis]}=${size}`)).join(', ')}
                ]
              </span>
            </button>
          </li>
        ))}
      </ol>
      <div class="step-body">
        <StepCanvas
          sample={sample}
          steps={steps}
          step={at}
          paint={paint}
          theme={theme.value}
          hover={hover.value}
          onHover={(key) => {
            hover.value = key;
          }}
        />
        <BitTable layout={layout} />
      </div>
    </section>
  );
}
