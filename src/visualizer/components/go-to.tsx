import { effect } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { goTo } from '../model/go-to.ts';
import { placeOf } from '../model/grids/index.ts';
import { goToRequests } from '../state/keyboard.ts';
import { focus, registerView, tile } from '../state/lens.ts';
import { hover, outcomeOf } from '../state/store.ts';

export interface GoToProps {
  /** Brings an element to the middle of every view. */
  onGo(key: number): void;
}

/** `n=517 k=96`, `byte 0x12A40`, `lane 37 v2`: moves the cursor there. `/` leads into the box. */
export function GoTo({ onGo }: GoToProps): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const [error, setError] = useState<string>();
  useEffect(() => {
    let seen = goToRequests.peek();
    return effect(() => {
      if (goToRequests.value === seen) return;
      seen = goToRequests.value;
      input.current?.focus();
      input.current?.select();
    });
  }, []);
  const go = (): void => {
    const view = registerView.peek();
    if (view === undefined) return;
    const key = focus.peek();
    const current = key === undefined ? undefined : view.layout.coord(key);
    const outcome = outcomeOf(() => goTo(text, { ...view, current }));
    setError(outcome.ok ? undefined : outcome.message);
    if (!outcome.ok) return;
    hover.value = outcome.value;
    const place = placeOf(view, outcome.value);
    if (place !== undefined) tile.value = place.tile;
    onGo(outcome.value);
  };
  return (
    <form
      class="go-to"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <label for="go-to">
        Go to <kbd>/</kbd>
      </label>
      <input
        ref={input}
        id="go-to"
        class="mono"
        type="text"
        spellcheck={false}
        autocomplete="off"
        placeholder="n=17 k=96, byte 0x40, lane 37 v2"
        value={text}
        aria-invalid={error !== undefined}
        aria-describedby={error === undefined ? undefined : 'go-to-error'}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          setError(undefined);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      <button type="submit">Go</button>
      {error === undefined ? null : (
        <p class="field-error" id="go-to-error" role="alert">
          {error}
        </p>
      )}
    </form>
  );
}
