import type { JSX } from 'preact';
import { Header } from './components/header.tsx';
import { Lazy, type LoadComponent } from './components/lazy.tsx';
import type { ScreenId } from './model/scene.ts';
import { Atlas } from './screens/atlas.tsx';
import { Lens } from './screens/lens.tsx';
import { linkError, scene } from './state/store.ts';

/** Atlas and Lens come with the page; the others are fetched when they are first opened, so that it paints early. */
const SCREEN: Readonly<Record<ScreenId, () => JSX.Element>> = {
  atlas: Atlas,
  lens: Lens,
  diff: later(async () => (await import('./screens/diff.tsx')).Diff),
  incidents: later(async () => (await import('./screens/incidents.tsx')).Incidents),
  tensor: later(async () => (await import('./screens/tensor.tsx')).TensorScreen),
  golden: later(async () => (await import('./screens/golden.tsx')).Golden),
  run: later(async () => (await import('./screens/run.tsx')).Run),
};

function later(load: LoadComponent): () => JSX.Element {
  return function LaterScreen() {
    return <Lazy load={load} waiting={<p class="muted loading">Fetching this part of the page …</p>} />;
  };
}

/** The page: header, the error of a bad permalink, and the current screen. */
export function App(): JSX.Element {
  const Screen = SCREEN[scene.value.screen];
  return (
    <>
      <Header />
      {linkError.value === undefined ? null : (
        <p class="banner error" role="alert">
          {linkError.value}
        </p>
      )}
      <main id="screen" class={`screen screen-${scene.value.screen}`}>
        <Screen />
      </main>
    </>
  );
}
