import type { JSX } from 'preact';
import { colorLegend, type LegendEntry } from '../model/color-legend.ts';
import { cssColor } from '../model/oklab.ts';
import type { ColorId } from '../model/scene.ts';
import type { Subject } from '../model/subject.ts';
import { markOf } from '../render/marks.ts';
import type { Theme } from '../state/theme.ts';

/** What the colours of a grid stand for. */
export function Legend({
  subject,
  color,
  theme,
}: {
  readonly subject: Subject;
  readonly color: ColorId;
  readonly theme: Theme;
}): JSX.Element {
  const { title, ramp, entries, note } = colorLegend(subject, color, theme);
  return (
    <div class="legend">
      <span class="legend-title">{title}</span>
      {ramp === undefined ? null : (
        <span class="legend-ramp">
          {ramp.low}
          <Band colors={ramp.colors} middle={ramp.middle} />
          {ramp.high}
        </span>
      )}
      {entries.length === 0 ? null : (
        <ul>
          {entries.map((entry) => (
            <li key={entry.label}>
              <Swatch entry={entry} />
              {entry.label}
            </li>
          ))}
        </ul>
      )}
      {note === undefined ? null : <span>{note}</span>}
    </div>
  );
}

/** Colours side by side, with a tick and a word in the middle where that means something. */
function Band({
  colors,
  middle,
}: {
  readonly colors: readonly number[];
  readonly middle: string | undefined;
}): JSX.Element {
  return (
    <span class="legend-band">
      <svg
        viewBox={`0 0 ${colors.length} 1`}
        preserveAspectRatio="none"
        shape-rendering="crispEdges"
        aria-hidden="true"
      >
        {colors.map((color, at) => (
          <rect key={at} x={at} width="1.05" height="1" fill={cssColor(color)} />
        ))}
      </svg>
      {middle === undefined ? null : <span class="legend-middle">{middle}</span>}
    </span>
  );
}

function Swatch({ entry: { color } }: { readonly entry: LegendEntry }): JSX.Element {
  const mark = markOf(color);
  return (
    <svg class="legend-swatch" viewBox="0 0 14 14" aria-hidden="true">
      <rect width="14" height="14" fill={cssColor(color)} />
      {mark === 'hatch' ? <path class="legend-mark" d="M0 7 7 0M0 14 14 0M7 14 14 7" /> : null}
      {mark === 'cross' ? <path class="legend-mark" d="M0 0 14 14M14 0 0 14" /> : null}
    </svg>
  );
}
