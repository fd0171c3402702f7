import { escapeMarkup } from './escape.ts';
import type { MismatchMap } from './mismatch-map.ts';
import type { CheckMetrics } from './report.ts';
import { unpackCounts } from './runs.ts';

/** Shades of a rate; each is one path, so that a page with many maps stays small. */
const SHADES = 8;
/** Matrices drawn of one tensor. */
const MAX_DRAWN = 4;

/** The style of the figures; `--bad` is the colour of a failure. */
export const HEAT_MAP_STYLE = `
figure{margin:.5rem 0;display:inline-block;vertical-align:top;margin-right:1rem}
figcaption{font-size:12px;margin-bottom:.25rem;max-width:36rem}
svg.map{display:block;background:#8882;border:1px solid var(--line);width:18rem;fill:var(--bad)}`;

/** One figure for each of the matrices of a failing tensor that differ most. Empty for a tensor that passed. */
export function renderHeatMaps(tensor: Pick<CheckMetrics, 'label' | 'tensor' | 'map'>): string {
  const { map } = tensor;
  if (map === undefined) return '';
  const shown = [...map.shown]
    .map((entry) => ({ ...entry, failed: unpackCounts(entry.mismatches), compared: unpackCounts(entry.elements) }))
    .sort((a, b) => total(b.failed) - total(a.failed))
    .slice(0, MAX_DRAWN);
  return shown
    .map(({ matrix, failed, compared }) => {
      const name = matrixName(map, matrix);
      const summary = `${tensor.label}, ${tensor.tensor}${name === '' ? '' : `, ${name}`}: ${total(failed)} of ${total(compared)} elements differ`;
      const facts = map.skew.map(({ text }) => `; ${text}`).join('');
      const axes = `${map.rows} rows down, ${map.columns} columns across, a cell is ${map.cell[0]} × ${map.cell[1]}`;
      return (
        `<figure><figcaption>${escapeMarkup(summary + facts)}<br>${axes}</figcaption>` +
        `${picture(map, failed, compared, summary)}</figure>`
      );
    })
    .join('');
}

/** `e = 3`, or `b = 1, e = 3`; empty where there is one matrix only. */
export function matrixName(map: Pick<MismatchMap, 'dims' | 'matrixDims'>, matrix: number): string {
  const parts: string[] = [];
  let rest = matrix;
  for (const { name, size } of map.dims.slice(0, map.matrixDims).toReversed()) {
    parts.unshift(`${name} = ${rest % size}`);
    rest = Math.floor(rest / size);
  }
  return parts.join(', ');
}

function picture(map: MismatchMap, failed: readonly number[], compared: readonly number[], label: string): string {
  const [rows, columns] = map.grid;
  return (
    `<svg class="map" role="img" aria-label="${escapeMarkup(label)}" viewBox="0 0 ${columns} ${rows}" ` +
    `preserveAspectRatio="none" height="${height(rows, columns)}">${heatMapPaths(map.grid, failed, compared)}</svg>`
  );
}

/** One path for each shade; a cell is a unit square, and its opacity is the share of elements that differ. */
export function heatMapPaths(
  [rows, columns]: MismatchMap['grid'],
  failed: readonly number[],
  compared: readonly number[],
): string {
  const paths = new Array<string>(SHADES).fill('');
  for (let row = 0; row < rows; row += 1) {
    let start = 0;
    while (start < columns) {
      const shade = shadeOf(failed[row * columns + start], compared[row * columns + start]);
      let end = start + 1;
      while (end < columns && shadeOf(failed[row * columns + end], compared[row * columns + end]) === shade) end += 1;
      if (shade > 0) paths[shade - 1] += `M${start} ${row}h${end - start}v1h-${end - start}z`;
      start = end;
    }
  }
  return paths
    .map((path, shade) => (path === '' ? '' : `<path fill-opacity="${(shade + 1) / SHADES}" d="${path}"/>`))
    .join('');
}

/** Pixels: square cells as far as that leaves the figure legible. */
function height(rows: number, columns: number): number {
  return Math.round(Math.min(288, Math.max(24, (288 * rows) / columns)));
}

/** 0 where nothing differs, else 1 to `SHADES`: the first shade is for any mismatch at all. */
function shadeOf(failed = 0, compared = 0): number {
  return failed === 0 ? 0 : Math.max(1, Math.round((SHADES * failed) / compared));
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
