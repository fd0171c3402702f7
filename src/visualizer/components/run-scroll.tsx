import type { ComponentChildren, JSX } from 'preact';

/** Holds a wide table: it scrolls sideways, by keyboard too. */
export function ScrollBox({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="run-scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
