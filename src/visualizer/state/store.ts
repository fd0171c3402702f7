import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { PreshuffleError } from '../../errors.ts';
import { parsePermalink, printPermalink } from '../model/permalink.ts';
import { DEFAULT_SCENE, type Scene } from '../model/scene.ts';
import { bindSubject, type Subject, type SubjectData } from '../model/subject.ts';

/** A value, or why there is none. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** Runs what may refuse its input. Only errors meant for people become messages; others are defects and are thrown. */
export function outcomeOf<T>(make: () => T): Outcome<T> {
  try {
    return { ok: true, value: make() };
  } catch (error) {
    if (error instanceof PreshuffleError) return { ok: false, message: error.message };
    throw error;
  }
}

/** What is shown. Screens read it and replace it as a whole. */
export const scene: Signal<Scene> = signal(DEFAULT_SCENE);

/** Why the last permalink could not be read; the scene is then the one before. */
export const linkError: Signal<string | undefined> = signal(undefined);

/** Data of a dropped file under the current scene; permalinks cannot hold it. */
export const data: Signal<SubjectData | undefined> = signal(undefined);

/** The scene's layouts, scales and codes, or why the scene cannot be shown. */
export const subject: ReadonlySignal<Outcome<Subject>> = computed(() =>
  outcomeOf(() => bindSubject(scene.value, data.value)),
);

/** Storage offset of the element under the pointer or the keyboard's cursor. */
export const hover: Signal<number | undefined> = signal(undefined);

/** Changes some fields of the scene. */
export function change(fields: Partial<Scene>): void {
  scene.value = { ...scene.peek(), ...fields };
}

/** Shows another scene as a new entry of the browser's history. Data of a file stays behind. */
export function open(fields: Partial<Scene>, keepData = false): void {
  if (!keepData) data.value = undefined;
  hover.value = undefined;
  const next = { ...scene.peek(), ...fields };
  history.pushState(null, '', linkOf(next));
  scene.value = next;
}

/** The permalink of a scene, with the names of its dimensions where the layout is valid. */
export function linkOf(shown: Scene): string {
  const bound = outcomeOf(() => bindSubject(shown));
  return printPermalink(shown, bound.ok ? bound.value.tensor.layout.dims.map(({ name }) => name) : []);
}

/** The permalink with the address of this page. */
export function fullLink(shown: Scene): string {
  return location.href.replace(/#.*$/, '') + linkOf(shown);
}

/** Keeps the scene and the address bar in step: reads the hash now and whenever it changes, writes it when the scene changes. */
export function followLocation(): void {
  const read = (): void => {
    const parsed = outcomeOf(() => parsePermalink(location.hash));
    linkError.value = parsed.ok ? undefined : parsed.message;
    if (!parsed.ok || linkOf(parsed.value) === linkOf(scene.peek())) return;
    data.value = undefined;
    hover.value = undefined;
    scene.value = parsed.value;
  };
  read();
  addEventListener('hashchange', read);
  addEventListener('popstate', read);
  effect(() => {
    const link = linkOf(scene.value);
    if (
      link !== location.hash &&
      (location.hash !== '' || link !== linkOf(DEFAULT_SCENE)) &&
      linkError.peek() === undefined
    )
      history.replaceState(null, '', link);
  });
  // Any change by hand is a good scene again.
  effect(() => {
    if (scene.value !== DEFAULT_SCENE) linkError.value = undefined;
  });
}
