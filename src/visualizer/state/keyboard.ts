import { type Signal, signal } from '@preact/signals';
import { COLORS, type Scene, VIEWS } from '../model/scene.ts';
import { lastStep } from '../model/steps.ts';
import { change, open, scene, subject } from './store.ts';

/** Which dialog is open. */
export const dialog: Signal<'help' | 'export' | undefined> = signal(undefined);

/** Counts the requests for the go-to box, which takes the focus at each. */
export const goToRequests: Signal<number> = signal(0);

export interface Shortcut {
  /** As `KeyboardEvent.key` gives it. */
  readonly key: string;
  readonly description: string;
  /** Undefined where a view itself handles the key. */
  readonly run?: () => void;
}

/** Keys of the page. None of them acts while something is typed or with Ctrl, Alt or Meta held. */
export const SHORTCUTS: readonly Shortcut[] = [
  ...VIEWS.map((view, index) => ({
    key: String(index + 1),
    description: `Show or hide the ${view === 'bank' ? 'line and bank' : view} view`,
    run: () => toggleView(view),
  })),
  {
    key: '/',
    description: 'Go to an element: n=517 k=96, byte 0x12A40, lane 37 v2',
    run: () => {
      if (scene.peek().screen !== 'lens') open({ screen: 'lens' }, true);
      goToRequests.value += 1;
    },
  },
  { key: '[', description: 'Step back: contiguous, permute, view, pad', run: () => moveStep(-1) },
  { key: ']', description: 'Step forward', run: () => moveStep(1) },
  { key: 'c', description: 'Next colour mode', run: () => change({ color: after(COLORS, scene.peek().color) }) },
  {
    key: 'd',
    description: 'Compare with another layout',
    run: () => open({ screen: 'diff', b: scene.peek().b ?? 'row-major' }, true),
  },
  {
    key: 'e',
    description: 'Export',
    run: () => {
      dialog.value = 'export';
    },
  },
  {
    key: '?',
    description: 'Help',
    run: () => {
      dialog.value = 'help';
    },
  },
];

/** Keys that a focused view handles. */
export const VIEW_KEYS: readonly Shortcut[] = [
  { key: 'Arrow keys', description: 'Move the cursor by one cell' },
  { key: 'Shift + arrow keys', description: 'Move by one block' },
  { key: 'Alt + arrow keys', description: 'Move in memory order' },
  { key: '+ - 0', description: 'Zoom in, zoom out, show the whole grid' },
  { key: 'Enter', description: 'Pin the element under the cursor' },
  { key: 'Shift + Enter', description: 'Pin it beside the others' },
  { key: 'n s i', description: 'Tensor: the next NaN, saturated or infinite element' },
];

/** Shows or hides a view of the Lens; one always stays. */
export function toggleView(view: Scene['views'][number]): void {
  const { views } = scene.peek();
  const next = VIEWS.filter((other) => (other === view ? !views.includes(other) : views.includes(other)));
  if (next.length > 0) change({ views: next });
}

/** Moves the step rail; its end is the state without a step. */
export function moveStep(by: number): void {
  const shown = subject.peek();
  if (!shown.ok) return;
  const last = lastStep(shown.value.resolved.layout);
  const next = Math.max(0, Math.min(last, (scene.peek().step ?? last) + by));
  change({ step: next === last ? undefined : next });
}

/** Listens to the page's keys; called once. */
export function followKeyboard(): void {
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    if (dialog.peek() !== undefined) return;
    const shortcut = SHORTCUTS.find(({ key }) => key === event.key);
    if (shortcut?.run === undefined) return;
    event.preventDefault();
    shortcut.run();
  });
}

/** Elements that take characters; sliders and check boxes do not. */
const TYPED =
  'input:not([type=range], [type=checkbox], [type=radio], [type=file]), select, textarea, [contenteditable]';

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest(TYPED) !== null;
}

function after<T>(list: readonly T[], value: T): T {
  return list[(list.indexOf(value) + 1) % list.length] as T;
}
