import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Subject } from '../model/subject.ts';
import { FLAG, type FlagId, flagsOf } from '../model/tensor-flags.ts';
import { inSlices, type Sliced } from '../model/tensor-slices.ts';
import { findFlagSteps, statsSteps, type TensorStats } from '../model/tensor-stats.ts';
import { showElement } from './lens.ts';
import { change, hover, subject } from './store.ts';
import { isShown, loaded, misfit } from './tensor-session.ts';

export type StatsState =
  | { readonly kind: 'none' }
  | { readonly kind: 'counting'; readonly share: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'done'; readonly stats: TensorStats };

export const statsState: Signal<StatsState> = signal({ kind: 'none' });

/** Which elements the grid marks, and the buttons jump to. */
export const flag: Signal<FlagId> = signal('nan');

/** What the last jump came to. */
export const jumpText: Signal<string> = signal('');

let running: Sliced<TensorStats> | undefined;
let search: Sliced<number | undefined> | undefined;

/** The subject whose elements are counted: of a file, and with bytes for every element. */
const counted: ReadonlySignal<Subject | undefined> = computed(() => {
  const shown = subject.value;
  return shown.ok && isShown.value && misfit.value === undefined ? shown.value : undefined;
});

/** Type, layout and codes decide the counts; colours, pins and scales do not. */
effect(() => {
  const shown = counted.value;
  if (shown === undefined) {
    running?.cancel();
    statsState.value = { kind: 'none' };
  } else startCounting(shown);
});

let countedKey = '';
let countedBytes: Uint8Array | undefined;

function startCounting(shown: Subject): void {
  const { layout, type, name } = shown.tensor;
  const key = `${name} ${type} ${layout.id} ${layout.shape.join()} ${layout.toString()}`;
  const state = statsState.peek();
  const bytes = loaded.peek()?.bytes;
  if (key === countedKey && bytes === countedBytes && (state.kind === 'done' || state.kind === 'counting')) return;
  countedKey = key;
  countedBytes = bytes;
  lastJump = undefined;
  jumpText.value = '';
  void count(shown);
}

async function count(shown: Subject): Promise<void> {
  running?.cancel();
  statsState.value = { kind: 'counting', share: 0 };
  const own = inSlices(statsSteps(shown.tensor), (share) => {
    if (running === own) statsState.value = { kind: 'counting', share };
  });
  running = own;
  const stats = await own.done;
  if (running === own && stats !== undefined) statsState.value = { kind: 'done', stats };
}

export function stopCounting(): void {
  running?.cancel();
  running = undefined;
  statsState.value = { kind: 'stopped' };
}

export function countAgain(): void {
  const shown = counted.peek();
  if (shown !== undefined) void count(shown);
}

const NONE = (): boolean => false;

/** Whether an element has the chosen flag, as the grid asks for it. */
export const flagged: ReadonlySignal<(key: number) => boolean> = computed(() => {
  const shown = counted.value;
  const bit = FLAG[flag.value];
  const state = statsState.value;
  // Marks of every other element would hide the rest.
  if (shown === undefined || (state.kind === 'done' && state.stats.flags[flag.value] > state.stats.elements / 4))
    return NONE;
  const flags = flagsOf(shown.tensor.type);
  return (key: number) => (flags(shown.tensor.codeAt(key)) & bit) !== 0;
});

let lastJump: number | undefined;

/** Moves to the next element with a flag, in memory order. */
export async function jump(to: FlagId, label: string): Promise<void> {
  const shown = counted.peek();
  if (shown === undefined) return;
  flag.value = to;
  search?.cancel();
  const own = inSlices(findFlagSteps(shown.tensor, to, hover.peek() ?? lastJump ?? -1), (share) => {
    jumpText.value = `Searched ${Math.round(share * 100)} %`;
  });
  search = own;
  const key = await own.done;
  if (search !== own) return;
  jumpText.value = key === undefined ? `There are no ${label}.` : '';
  if (key === undefined) return;
  lastJump = key;
  const coord = shown.tensor.layout.coord(key);
  // A pin stays when the pointer moves on.
  if (coord !== undefined) change({ pins: [coord] });
  hover.value = key;
  showElement(key);
}
