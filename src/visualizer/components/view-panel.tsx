import type { ComponentChildren, JSX } from 'preact';
import type { Paint } from '../model/grid.ts';
import { VIEWS, type ViewId } from '../model/scene.ts';
import type { Subject } from '../model/subject.ts';
import { toggleView } from '../state/keyboard.ts';
import { scene } from '../state/store.ts';

/** What every view of the Lens is given. */
export interface ViewProps {
  readonly shown: Subject;
  readonly paint: Paint;
  onPick(key: number, add: boolean): void;
}

export const VIEW_NAMES: Readonly<Record<ViewId, string>> = {
  logical: 'Logical',
  memory: 'Memory',
  register: 'Registers',
  scale: 'Scales',
  bank: 'Lines and banks',
};

export interface PanelProps {
  readonly view: ViewId;
  /** Controls beside the title. */
  readonly controls?: JSX.Element | undefined;
  readonly caption?: string | undefined;
  readonly children: ComponentChildren;
}

/** A view with its number, its controls and the button that hides it. */
export function Panel({ view, controls, caption, children }: PanelProps): JSX.Element {
  const number = VIEWS.indexOf(view) + 1;
  return (
    <section class={`panel view view-${view}`} aria-labelledby={`view-${view}`}>
      <div class="view-head">
        <h2 id={`view-${view}`}>
          <span class="key" aria-hidden="true">
            {number}
          </span>{' '}
          {VIEW_NAMES[view]}
        </h2>
        <div class="view-controls">
          {controls}
          <button
            type="button"
            class="icon"
            aria-label={`Hide ${VIEW_NAMES[view]}`}
            title={`Hide: ${number}`}
            disabled={scene.value.views.length === 1}
            onClick={() => toggleView(view)}
          >
            ×
          </button>
        </div>
      </div>
      {caption === undefined ? null : <p class="view-caption">{caption}</p>}
      <div class="view-body">{children}</div>
    </section>
  );
}

export interface ToggleProps<T extends string> {
  readonly label: string;
  readonly choices: readonly T[];
  readonly value: T;
  onChange(value: T): void;
}

/** Buttons of which one is pressed. */
export function Toggle<T extends string>({ label, choices, value, onChange }: ToggleProps<T>): JSX.Element {
  return (
    <fieldset class="toggle" aria-label={label}>
      {choices.map((choice) => (
        <button key={choice} type="button" aria-pressed={value === choice} onClick={() => onChange(choice)}>
          {choice}
        </button>
      ))}
    </fieldset>
  );
}
