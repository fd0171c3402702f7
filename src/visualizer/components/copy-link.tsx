import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { fullLink, scene } from '../state/store.ts';
import { copyText } from './clipboard.ts';

/** Copies the permalink, and says so on the button for two seconds. */
export function CopyLink(): JSX.Element {
  const [state, setState] = useState<'' | 'copied' | 'failed'>('');
  useEffect(() => {
    if (state === '') return;
    const timer = setTimeout(() => setState(''), 2000);
    return () => clearTimeout(timer);
  }, [state]);
  const text = state === 'copied' ? 'Copied' : state === 'failed' ? 'Copy the address bar' : 'Copy link';
  return (
    <button
      type="button"
      class="copy-link"
      onClick={async () => setState((await copyText(fullLink(scene.peek()))) ? 'copied' : 'failed')}
    >
      <span aria-live="polite">{text}</span>
    </button>
  );
}
