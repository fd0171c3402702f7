import { axisName } from '../golden/compare-dumps-html.ts';
import { worstMatrix } from '../golden/compare-dumps-report.ts';
import type { MismatchMap } from '../golden/mismatch-map.ts';
import { matrixName } from '../golden/report-heat-map.ts';
import type { paint } from './colors.ts';

/** Lines of a picture: terminal cells are twice as high as wide. */
const MAX_LINES = 16;
/** None, then up to each quarter; any mismatch at all shows. */
const SHADES = ['·', '░', '▒', '▓', '█'] as const;
/** Characters between two numbers of the upper axis. */
const TICK = 16;

/** The matrix of a tensor that differs most, as text: rows down, columns across. */
export function heatMapText(map: MismatchMap, color: ReturnType<typeof paint>): readonly string[] {
  const { matrix, failed, compared } = worstMatrix(map);
  const [gridRows, columns] = map.grid;
  const fold = Math.ceil(gridRows / MAX_LINES);
  const part = matrixName(map, matrix);
  const cell = `${map.cell[0] * fold} x ${map.cell[1]}`;
  const row = axisName(map, 'row');
  const lines = Array.from({ length: Math.ceil(gridRows / fold) }, (_, line) => {
    const label = String(line * fold * map.cell[0]);
    const shades = Array.from({ length: columns }, (_, column) => {
      let [differ, all] = [0, 0];
      for (let at = line * fold; at < Math.min(gridRows, (line + 1) * fold); at += 1) {
        differ += failed[at * columns + column] ?? 0;
        all += compared[at * columns + column] ?? 0;
      }
      return SHADES[differ === 0 ? 0 : Math.ceil((4 * differ) / all)] ?? SHADES[4];
    });
    return { label, text: shades.join('') };
  });
  const width = Math.max(row.length, ...lines.map(({ label }) => label.length));
  const title = `${part === '' ? '' : `${part}; `}${row} down, ${axisName(map, 'column')} across; a character is ${cell} elements`;
  return [
    title,
    'share that differs: · none  ░ to 25 %  ▒ to 50 %  ▓ to 75 %  █ more',
    `${row.padStart(width)}  ${axis(columns, map.cell[1])}`,
    ...lines.map(({ label, text }) => `${label.padStart(width)}  ${color('red', text)}`),
  ];
}

/** Numbers of columns above the character where they begin. */
function axis(columns: number, cell: number): string {
  let text = '';
  for (let at = 0; at < columns; at += TICK) text = `${text.padEnd(at)}${at * cell}`;
  return text;
}
