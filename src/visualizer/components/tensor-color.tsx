import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { numberText } from '../../tensor/describe-element.ts';
import { COLOR_TITLES } from '../model/choices.ts';
import { cssColor } from '../model/oklab.ts';
import { orderedColor } from '../model/palettes.ts';
import { COLORS, type ColorId } from '../model/scene.ts';
import type { Subject } from '../model/subject.ts';
import { dataRange } from '../model/tensor-paint.ts';
import { change, scene } from '../state/store.ts';
import { byRange } from '../state/tensor-look.ts';
import { theme } from '../state/theme.ts';
import { Legend } from './legend.tsx';

const RANGE = 'range';
const STEPS = 16;

/** What the colour of a cell stands for, and the legend. */
export function TensorColor({ shown }: { readonly shown: Subject }): JSX.Element {
  const { color } = scene.value;
  return (
    <>
      <label class="control">
        <span>Colour</span>
        <select
          value={byRange.value ? RANGE : color}
          onChange={({ currentTarget }) => {
            byRange.value = currentTarget.value === RANGE;
            if (!byRange.value) change({ color: currentTarget.value as ColorId });
          }}
        >
          <option value={RANGE}>magnitude, range of the data</option>
          {COLORS.map((each) => (
            <option key={each} value={each}>
              {COLOR_TITLES[each]}
            </option>
          ))}
        </select>
      </label>
      {byRange.value ? <RangeLegend shown={shown} /> : <Legend subject={shown} color={color} theme={theme.value} />}
    </>
  );
}

function RangeLegend({ shown }: { readonly shown: Subject }): JSX.Element | null {
  const range = useMemo(() => dataRange(shown.tensor), [shown]);
  if (range === undefined) return null;
  const stops = Array.from({ length: STEPS + 1 }, (_, at) => cssColor(orderedColor(at / STEPS, theme.value)));
  return (
    <p class="tensor-range">
      <span class="muted">Magnitude</span>{' '}
      <span class="mono">{numberText(Number((2 ** range.low).toPrecision(3)))}</span>
      <span class="tensor-ramp" style={{ background: `linear-gradient(to right, ${stops.join(', ')})` }} />
      <span class="mono">{numberText(Number((2 ** range.high).toPrecision(3)))}</span>
    </p>
  );
}
