import { effect, type Signal, signal } from '@preact/signals';
import { PreshuffleError } from '../../errors.ts';
import { type GuessResult, type GuessRole, guessLayoutSteps, type LayoutGuess } from '../../layout/index.ts';
import type { Scene } from '../model/scene.ts';
import { inSlices, type Sliced } from '../model/tensor-slices.ts';
import { change, scene } from './store.ts';
import { loaded } from './tensor-session.ts';

export type GuessState =
  | { readonly kind: 'none' }
  | { readonly kind: 'guessing'; readonly share: number }
  | { readonly kind: 'failed'; readonly message: string }
  | {
      readonly kind: 'done';
      readonly result: GuessResult;
      readonly reading: Pick<Scene, 'type' | 'shape' | 'experts'>;
    };

export const guessState: Signal<GuessState> = signal({ kind: 'none' });

let running: Sliced<GuessResult> | undefined;

// A guess holds for one tensor and one type; taking one of the guesses changes the shape, which is no reason to forget the others.
let guessed: { readonly type: string; readonly bytes: Uint8Array | undefined } | undefined;
effect(() => {
  const { type } = scene.value;
  const bytes = loaded.value?.bytes;
  if (type === guessed?.type && bytes === guessed.bytes) return;
  guessed = { type, bytes };
  stopGuessing();
});

/** @param role what the bytes are; it decides which layouts are asked */
export async function startGuess(role: GuessRole): Promise<void> {
  const shown = loaded.peek();
  if (shown === undefined) return;
  running?.cancel();
  const { type, shape, experts } = scene.peek();
  guessState.value = { kind: 'guessing', share: 0 };
  const steps = guessLayoutSteps({ bytes: shown.bytes, type, shape, experts, role });
  const own = inSlices(steps, (share) => {
    if (running === own) guessState.value = { kind: 'guessing', share };
  });
  running = own;
  try {
    const result = await own.done;
    if (running === own && result !== undefined)
      guessState.value = { kind: 'done', result, reading: { type, shape, experts } };
  } catch (error) {
    if (!(error instanceof PreshuffleError)) throw error;
    if (running === own) guessState.value = { kind: 'failed', message: error.message };
  }
}

export function stopGuessing(): void {
  running?.cancel();
  running = undefined;
  guessState.value = { kind: 'none' };
}

/** Shows the tensor in a guessed layout. */
export function readSo({ candidate }: LayoutGuess): void {
  change({ a: candidate.entry.id, shape: candidate.shape, experts: candidate.params.experts ?? 1, pins: [] });
}
