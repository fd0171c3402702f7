import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** Fetches a component. */
export type LoadComponent = () => Promise<() => JSX.Element>;

/** A component that is fetched when it is first shown. @param load stays the same function */
export function Lazy({
  load,
  waiting,
}: {
  readonly load: LoadComponent;
  readonly waiting?: JSX.Element;
}): JSX.Element | null {
  const [shown, setShown] = useState<{ readonly Component: () => JSX.Element }>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let gone = false;
    load().then(
      (Component) => {
        if (!gone) setShown({ Component });
      },
      () => setFailed(true),
    );
    return () => {
      gone = true;
    };
  }, [load]);
  if (failed)
    return (
      <p class="error-state" role="alert">
        A part of the page could not be fetched. Reload the page.
      </p>
    );
  return shown === undefined ? (waiting ?? null) : <shown.Component />;
}
