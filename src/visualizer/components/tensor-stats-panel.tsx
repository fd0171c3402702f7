import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { numberText } from '../../tensor/describe-element.ts';
import type { Subject } from '../model/subject.ts';
import { FLAG_NAMES, FLAGS, type FlagId } from '../model/tensor-flags.ts';
import type { TensorStats } from '../model/tensor-stats.ts';
import { dialog } from '../state/keyboard.ts';
import { countAgain, flag, jump, jumpText, statsState, stopCounting } from '../state/tensor-stats.ts';
import { TensorHistogram } from './tensor-histogram.tsx';

/** Keys that jump to the next element with a flag. */
const KEYS: Readonly<Partial<Record<string, FlagId>>> = { n: 'nan', s: 'saturated', i: 'infinity' };

/** Exact counts over the whole tensor, and jumps to what stands out. */
export function TensorStatsPanel({ shown }: { readonly shown: Subject }): JSX.Element {
  useJumpKeys();
  const state = statsState.value;
  return (
    <section class="panel tensor-stats" aria-labelledby="tensor-stats">
      <h2 id="tensor-stats">Statistics</h2>
      <div aria-live="polite">
        {state.kind === 'counting' ? (
          <p class="tensor-progress">
            <progress value={state.share} aria-label="Counting" /> {Math.round(state.share * 100)} %{' '}
            <button type="button" onClick={stopCounting}>
              Stop
            </button>
          </p>
        ) : null}
        {state.kind === 'stopped' ? (
          <p>
            Stopped.{' '}
            <button type="button" onClick={countAgain}>
              Count again
            </button>
          </p>
        ) : null}
      </div>
      {state.kind === 'done' ? <Counts stats={state.stats} shown={shown} /> : null}
    </section>
  );
}

function Counts({ stats, shown }: { readonly stats: TensorStats; readonly shown: Subject }): JSX.Element {
  const facts: readonly (readonly [string, string])[] = [
    ['elements', count(stats.elements)],
    ['min', numberText(stats.min)],
    ['max', numberText(stats.max)],
    ['absmax', numberText(stats.absmax)],
    ['mean', numberText(stats.mean)],
    ...(stats.different === undefined ? [] : [['different codes', count(stats.different)] as const]),
    ['padding', paddingText(stats, shown)],
  ];
  return (
    <div class="tensor-counts">
      <dl class="tensor-numbers mono">
        {facts.map(([name, value]) => (
          <div key={name} class="tensor-number">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Flags stats={stats} />
      <TensorHistogram key={shown.tensor.type} histogram={stats.histogram} />
    </div>
  );
}

/** Counts of flags; a button goes to the next such element and marks all of them. */
function Flags({ stats }: { readonly stats: TensorStats }): JSX.Element {
  return (
    <div class="tensor-flags">
      <ul>
        {FLAGS.map((id) => {
          const key = Object.keys(KEYS).find((each) => KEYS[each] === id);
          return (
            <li key={id}>
              <button
                type="button"
                disabled={stats.flags[id] === 0}
                aria-pressed={flag.value === id && stats.flags[id] > 0}
                title={`Go to the next one in memory order${key === undefined ? '' : `: ${key}`}`}
                onClick={() => void jump(id, FLAG_NAMES[id])}
              >
                {FLAG_NAMES[id]} {key === undefined ? null : <kbd>{key}</kbd>}
              </button>
              <span class="mono">
                {count(stats.flags[id])} <span class="muted">{share(stats.flags[id], stats.elements)}</span>
              </span>
            </li>
          );
        })}
      </ul>
      <p class="muted" aria-live="polite">
        {jumpText.value}
      </p>
    </div>
  );
}

function paddingText({ padding }: TensorStats, { resolved }: Subject): string {
  if (padding.elements === 0) return 'none';
  const held = padding.codes.map(({ code, count: times }) => `${code} × ${count(times)}`).join(', ');
  const rest = padding.elements - padding.codes.reduce((all, { count: times }) => all + times, 0);
  const expected = resolved.entry?.padding;
  const source =
    typeof expected === 'number'
      ? `; the source writes 0x${expected.toString(16).padStart(2, '0')}`
      : expected === 'undefined'
        ? '; the source leaves it undefined'
        : '';
  return `${count(padding.elements)}: ${held}${rest > 0 ? ` and ${count(rest)} others` : ''}${source}`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function share(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '';
  const percent = (100 * part) / whole;
  return percent < 0.01 ? '< 0.01 %' : `${percent.toFixed(2)} %`;
}

function useJumpKeys(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const to = KEYS[event.key];
      if (to === undefined || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
      if (dialog.peek() !== undefined) return;
      if (event.target instanceof HTMLElement && event.target.closest('input, select, textarea') !== null) return;
      event.preventDefault();
      void jump(to, FLAG_NAMES[to]);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
