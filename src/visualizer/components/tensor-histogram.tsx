import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { Histogram } from '../model/tensor-stats.ts';

const WIDTH = 512;
const HEIGHT = 72;

/** Bars of counts, higher by the root of a count so that rare codes show. Arrow keys and the pointer read single bars. */
export function TensorHistogram({ histogram }: { readonly histogram: Histogram }): JSX.Element {
  const { counts, label } = histogram;
  const id = useId();
  const [bar, setBar] = useState<number>();
  const most = counts.reduce((high, count) => Math.max(high, count), 0);
  const width = WIDTH / counts.length;
  const path = Array.from(counts, (count, at) => {
    if (count === 0) return '';
    const height = Math.max(1.5, Math.sqrt(count / most) * HEIGHT);
    return `M${(at * width).toFixed(2)} ${HEIGHT}v${(-height).toFixed(2)}h${(width * 0.86).toFixed(2)}v${height.toFixed(2)}z`;
  }).join('');
  const shown = bar ?? counts.indexOf(most);
  const used = counts.reduce((all, count) => all + Number(count > 0), 0);
  const move = (by: number): void => setBar(Math.max(0, Math.min(counts.length - 1, shown + by)));
  const text = `${label(shown)}: ${(counts[shown] ?? 0).toLocaleString('en')}`;
  return (
    <figure class="tensor-histogram">
      <figcaption id={id}>
        {TITLES[histogram.of]}{' '}
        <span class="muted">
          {used} of {counts.length} occur
        </span>
      </figcaption>
      <div
        class="tensor-bars"
        role="slider"
        tabIndex={0}
        aria-labelledby={id}
        aria-valuemin={0}
        aria-valuemax={counts.length - 1}
        aria-valuenow={shown}
        aria-valuetext={text}
        onPointerMove={({ currentTarget, clientX }) => {
          const { left, width: full } = currentTarget.getBoundingClientRect();
          setBar(Math.max(0, Math.min(counts.length - 1, Math.floor(((clientX - left) / full) * counts.length))));
        }}
        onPointerLeave={() => setBar(undefined)}
        onKeyDown={(event) => {
          const step = STEPS[event.key];
          if (step === undefined) return;
          event.preventDefault();
          move(step);
        }}
      >
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <path d={path} />
          <rect x={shown * width} y="0" width={Math.max(width, 1)} height={HEIGHT} />
        </svg>
      </div>
      <p class="mono tensor-bar-text">{text}</p>
    </figure>
  );
}

const STEPS: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageDown: -16,
  PageUp: 16,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};

const TITLES: Readonly<Record<Histogram['of'], string>> = {
  code: 'Codes',
  'high byte': 'Upper bytes',
  exponent: 'Exponents',
};
