import { computed, type ReadonlySignal } from '@preact/signals';
import type { JSX } from 'preact';
import { describeCoord, describeKey, describeScale } from '../model/describe.ts';
import type { Subject } from '../model/subject.ts';
import { focus, focusedScale } from '../state/lens.ts';
import { change, hover, outcomeOf, scene, subject } from '../state/store.ts';

/** The full line about what is looked at. */
export const hoverText: ReadonlySignal<string> = computed(() => {
  const shown = subject.value;
  if (!shown.ok) return '';
  const scaleKey = focusedScale.value;
  if (scaleKey !== undefined) return describeScale(shown.value, scaleKey);
  return focus.value === undefined ? '' : describeKey(shown.value, focus.value);
});

/**
 * One line about the element under the pointer or the cursor, or else about the last pin.
 * @param pinsListed the pins' lines are shown beside, so that the last one need not be seen twice
 */
export function HoverLine({ pinsListed = false }: { readonly pinsListed?: boolean }): JSX.Element {
  const repeats = pinsListed && hover.value === undefined && focusedScale.value === undefined;
  return (
    <div class="hover-dock">
      <p id="hover-line" class={`mono hover-line ${repeats ? 'visually-hidden' : ''}`}>
        {hoverText}
      </p>
      {hoverText.value === '' ? (
        <p class="muted hover-empty">Point at a cell, or press / and name an element. A click pins it.</p>
      ) : null}
    </div>
  );
}

/** Pinned elements, each with its line. A pin outside the shape says so. */
export function Pins({ shown }: { readonly shown: Subject }): JSX.Element | null {
  const { pins } = scene.value;
  if (pins.length === 0) return null;
  return (
    <section class="pins" aria-label="Pinned elements">
      <ul>
        {pins.map((pin, index) => {
          const line = outcomeOf(() => describeCoord(shown, pin));
          const name = pin.join(', ');
          return (
            <li key={name}>
              <span class="pin-number">{index + 1}</span>
              <code class={line.ok ? undefined : 'bad'}>{line.ok ? line.value : line.message}</code>
              <button
                type="button"
                class="icon"
                aria-label={`Remove the pin ${name}`}
                title="Remove the pin"
                onClick={() => change({ pins: pins.filter((_, at) => at !== index) })}
              >
                ×
              </button>
            </li>
          );
        })}
      </ul>
      {pins.length > 1 ? (
        <button type="button" onClick={() => change({ pins: [] })}>
          Remove all pins
        </button>
      ) : null}
    </section>
  );
}
