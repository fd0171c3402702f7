import type { DumpComparison } from './compare-dumps.ts';
import { type DumpReport, type DumpResult, isFailure, worstMatrix, worstTensor } from './compare-dumps-report.ts';
import { elementCells, numberLines, sharePercent, short, smallestText, verdictText } from './compare-dumps-text.ts';
import { escapeMarkup } from './escape.ts';
import { heatMapPaths, matrixName, renderHeatMaps } from './report-heat-map.ts';
import { htmlPage } from './report-html.ts';

/** One page without any outside reference. */
export function renderDumpHtml(report: DumpReport): string {
  const verdict = report.passed ? 'all hold' : 'not all hold';
  const only = [
    ...missing('Only in A', report.onlyInA),
    ...missing('Only in B', report.onlyInB),
    ...report.warnings.map((text) => `<p>${escapeMarkup(text)}</p>`),
  ];
  const order = (result: DumpResult): number => (isFailure(result) ? 0 : result.passed ? 2 : 1);
  const rows = report.tensors.toSorted((a, b) => order(a) - order(b)).map(row);
  const heads = ['tensor', 'A', 'B', 'shape', 'status', 'differ', 'equal', 'max abs', 'max rel', 'max ulp', 'SNR dB'];
  return htmlPage(
    'preshuffle compare',
    `<p>A: ${escapeMarkup(report.a)}<br>B: ${escapeMarkup(report.b)}</p>` +
      `<p class="${report.passed ? 'pass' : 'fail'}">${verdict}</p>${only.join('')}` +
      `<table><thead><tr>${heads.map((text) => `<th scope="col">${text}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`,
  );
}

function missing(title: string, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`<p>${title}: ${escapeMarkup(names.join(', '))}</p>`];
}

function row(result: DumpResult): string {
  const name = `<td>${escapeMarkup(result.name)}</td>`;
  if (isFailure(result))
    return `<tr>${name}<td colspan="3"></td><td class="fail">not compared</td><td colspan="6">${escapeMarkup(result.error)}</td></tr>`;
  const side = ({ type, layout }: DumpComparison['a']): string => `${type} ${escapeMarkup(layout)}`;
  const status = `<td class="${result.passed ? 'pass' : 'fail'}">${result.passed ? 'pass' : 'fail'}</td>`;
  const numbers = [
    result.mismatches.toLocaleString('en'),
    sharePercent(result.equal),
    short(result.maxAbs),
    short(result.maxRel),
    short(result.maxUlp),
    short(result.snrDb),
  ].map((text) => `<td class="number">${text}</td>`);
  const texts = [side(result.a), side(result.b), `[${result.shape.join(', ')}]`].map((text) => `<td>${text}</td>`);
  const details = result.passed ? '' : `<tr><td colspan="11">${detail(result)}</td></tr>`;
  return `<tr>${name}${texts.join('')}${status}${numbers.join('')}</tr>${details}`;
}

function detail(result: DumpComparison): string {
  const { maxUlp, used, map, name, worst } = result;
  const lines = [
    ['held by', result.criterion.text],
    ...numberLines(result),
    ...(smallestText(result) === undefined ? [] : [['tolerance', smallestText(result) as string]]),
    ...worst.map((element) => ['worst', elementLine(elementCells(element))]),
  ];
  const rows = lines.map(
    ([key = '', value = '']) => `<tr><th scope="row">${escapeMarkup(key)}</th><td>${escapeMarkup(value)}</td></tr>`,
  );
  const metrics = { ...result, maxUlp, boundUsed: used, label: 'A', op: '', tensor: name, first: null };
  return `<table><tbody>${rows.join('')}</tbody></table>${map === undefined ? '' : renderHeatMaps({ ...metrics, map })}`;
}

/** Browsers fold the spaces that align a list in a terminal. */
function elementLine([at, a, byteA, b, byteB, error]: readonly string[]): string {
  return `${at}: A ${a} at ${byteA}, B ${b} at ${byteB}, ${error}`;
}

/** The heat map of the worst tensor as a picture of its own, with its axes. */
export function renderDumpSvg(report: DumpReport): string {
  const worst = worstTensor(report.tensors);
  const open = (width: number, height: number, label: string): string =>
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ` +
    `aria-label="${escapeMarkup(label)}" font-family="system-ui,sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>`;
  const line = (y: number, text: string): string => `<text x="16" y="${y}" fill="#222">${escapeMarkup(text)}</text>`;
  if (worst === undefined) {
    const text = report.passed ? 'nothing differs' : 'nothing to draw: no tensor was compared that differs';
    return `${open(480, 48, text)}${line(28, text)}</svg>\n`;
  }
  const { map } = worst;
  const { matrix, failed, compared } = worstMatrix(map);
  const part = matrixName(map, matrix);
  const name = `${worst.name}${part === '' ? '' : `, ${part}`}`;
  const lines = [name, verdictText(worst)];
  const [rows, columns] = map.grid;
  const width = 512;
  const height = Math.round(Math.min(width, Math.max(48, (width * rows) / columns)));
  const axes = `${axisName(map, 'row')} 0 to ${map.rows - 1} down, ${axisName(map, 'column')} 0 to ${map.columns - 1} across; a cell is ${map.cell[0]} x ${map.cell[1]}`;
  lines.push(axes, ...worst.skew);
  const top = 16 + lines.length * 16;
  return (
    `${open(width + 32, top + height + 16, lines.slice(0, 2).join(': '))}${lines.map((text, index) => line(24 + index * 16, text)).join('')}` +
    `<svg x="16" y="${top}" width="${width}" height="${height}" viewBox="0 0 ${columns} ${rows}" preserveAspectRatio="none" fill="#c62828">` +
    `<rect width="${columns}" height="${rows}" fill="#eee"/>${heatMapPaths(map.grid, failed, compared)}</svg></svg>\n`
  );
}

/** Name of an axis of the picture: several folded dimensions are joined. */
export function axisName(
  map: { readonly dims: readonly { readonly name: string }[]; readonly matrixDims: number },
  axis: 'row' | 'column',
): string {
  const names = map.dims.slice(map.matrixDims).map(({ name }) => name);
  return axis === 'column' ? (names.at(-1) ?? 'column') : names.slice(0, -1).join(', ') || 'row';
}
