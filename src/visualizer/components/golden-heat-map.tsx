import { useComputed, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import {
  type MapMode,
  mapPaint,
  mapView,
  matrixName,
  modesOf,
  percent,
  RATES,
  rateColor,
} from '../model/golden-map.ts';
import type { ReportMap } from '../model/golden-map-json.ts';
import { cssColor } from '../model/oklab.ts';
import { lookOfMap, showMap } from '../state/golden.ts';
import { theme } from '../state/theme.ts';
import { GridCanvas } from './grid-canvas.tsx';

const MODE_NAMES: Readonly<Record<MapMode, string>> = { matrix: 'matrix', tile: '16 × 16 tiles', expert: 'experts' };

/** Where a tensor fails. Keyed by tensor, so that another one begins with its own first matrix. */
export function HeatMap({ map, name }: { readonly map: ReportMap; readonly name: string }): JSX.Element {
  const look = lookOfMap(map);
  const hover = useSignal<number | undefined>(undefined);
  const modes = modesOf(map);
  const mode = modes.includes(look.mode) ? look.mode : 'matrix';
  const { matrix } = look;
  const view = useMemo(() => mapView(map, mode, matrix), [map, mode, matrix]);
  const paint = useMemo(() => mapPaint(view, theme.value), [view, theme.value]);
  const line = useComputed(() => (hover.value === undefined ? '' : view.describe(hover.value)));
  if (map.shown.length === 0) return <p class="muted">Only padding differs: no cell has a mismatch.</p>;
  const place = mode === 'expert' ? '' : matrixName(map, matrix);
  const label = `Mismatches of ${name}${place === '' ? '' : `, ${place}`}`;
  return (
    <div class="golden-map">
      <div class="golden-map-controls">
        {modes.length < 2 ? null : (
          <fieldset class="golden-chips">
            <legend class="visually-hidden">Cells</legend>
            {modes.map((entry) => (
              <button
                key={entry}
                type="button"
                aria-pressed={mode === entry}
                onClick={() => {
                  hover.value = undefined;
                  showMap(map, { mode: entry });
                }}
              >
                {MODE_NAMES[entry]}
              </button>
            ))}
          </fieldset>
        )}
        {map.shown.length < 2 || mode === 'expert' ? null : (
          <label>
            <span class="visually-hidden">Matrix</span>
            <select
              value={String(matrix)}
              onChange={(event) => {
                hover.value = undefined;
                showMap(map, { matrix: Number(event.currentTarget.value) });
              }}
            >
              {map.shown.map((entry) => (
                <option key={entry.matrix} value={String(entry.matrix)}>
                  {matrixName(map, entry.matrix)} (
                  {percent(map.perMatrix.mismatches[entry.matrix] ?? 0, map.perMatrix.elements[entry.matrix] ?? 0)})
                </option>
              ))}
            </select>
          </label>
        )}
        <span class="muted">{caption(map, mode, view.cell)}</span>
      </div>
      <div class="golden-map-canvas" style={{ height: `${canvasHeight(view.grid.rows, view.grid.columns)}px` }}>
        <GridCanvas
          key={`${mode} ${matrix}`}
          grid={view.grid}
          paint={paint}
          label={label}
          describe={view.describe}
          hover={hover}
          pins={[]}
          onPick={(key) => {
            if (mode !== 'expert' || !map.shown.some((entry) => entry.matrix === key)) return;
            hover.value = undefined;
            showMap(map, { mode: 'matrix', matrix: key });
          }}
        />
      </div>
      <p class="mono golden-map-line">{line.value === '' ? <span class="muted">Point at a cell.</span> : line}</p>
      <MapLegend />
    </div>
  );
}

function MapLegend(): JSX.Element {
  return (
    <ul class="golden-legend" aria-label="Share of elements that differ">
      {RATES.map((rate) => (
        <li key={rate}>
          <span class="legend-swatch" style={{ background: cssColor(rateColor(rate, theme.value)) }} />
          {percent(rate, 1)}
        </li>
      ))}
    </ul>
  );
}

function caption(map: ReportMap, mode: MapMode, cell: readonly [number, number] | undefined): string {
  if (cell === undefined) {
    const hidden = map.perMatrix.mismatches.filter((count) => count > 0).length - map.shown.length;
    return `${map.matrices} matrices${hidden > 0 ? `; the cells of ${map.shown.length} are in the report` : ''}. Pick one to see its cells.`;
  }
  const what = cell[0] === 1 && cell[1] === 1 ? 'a cell is one element' : `a cell is ${cell[0]} × ${cell[1]} elements`;
  return `${map.rows} × ${map.columns}, ${mode === 'tile' && cell[0] === 16 && cell[1] === 16 ? 'a cell is a tile' : what}`;
}

/** CSS pixels: small maps get cells large enough for text, none more than fits beside the table. */
function canvasHeight(rows: number, columns: number): number {
  const cell = Math.max(6, Math.min(28, 640 / columns));
  return Math.round(Math.min(460, Math.max(100, rows * cell + 48)));
}
