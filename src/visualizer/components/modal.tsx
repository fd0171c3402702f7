import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { dialog } from '../state/keyboard.ts';

/** A dialog over the page. Escape, the close button and a click beside it close it; the focus goes back to where it was. */
export function Modal({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => box.current?.showModal(), []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the click only closes the dialog, which Escape does as well.
    <dialog
      ref={box}
      class="modal"
      aria-labelledby={heading}
      onClose={() => {
        dialog.value = undefined;
      }}
      onClick={(event) => {
        if (event.target === box.current) box.current?.close();
      }}
    >
      <div class="modal-head">
        <h2 id={heading}>{title}</h2>
        <button type="button" onClick={() => box.current?.close()}>
          Close
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard. */}
      <section class="modal-body" tabIndex={0} aria-labelledby={heading}>
        {children}
      </section>
    </dialog>
  );
}
