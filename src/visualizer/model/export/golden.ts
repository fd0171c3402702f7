import type { Theme } from '../../state/theme.ts';
import {
  MAP_MODES,
  type MapMode,
  mapPaint,
  mapView,
  matrixName,
  modesOf,
  percent,
  RATES,
  rateColor,
} from '../golden-map.ts';
import type { ReportMap } from '../golden-map-json.ts';
import type { BackendRun, ReportCase, ReportTensor } from '../golden-report.ts';
import { statusText } from '../golden-table.ts';
import { allowedText, boundText, byteText, coordText, decimals, equalText, valueText } from '../golden-text.ts';
import { EXTENSION, type Exportable, type PictureSource } from './source.ts';
import { markdownTable, safeName, wrapped } from './table.ts';
import type { ExportView } from './views.ts';

const MODE_TITLES: Readonly<Record<MapMode, string>> = { matrix: 'matrix', tile: '16 × 16 tiles', expert: 'experts' };

/** The case that the Golden screen shows, and how. */
export interface GoldenLook {
  readonly run: BackendRun;
  readonly result: ReportCase;
  /** The tensor whose map is shown; undefined where nothing was compared. */
  readonly tensor: ReportTensor | undefined;
  readonly mode: MapMode;
  readonly matrix: number;
  readonly link: string;
}

/** What can be exported of a case: the heat map of its tensor, where it has one, and a comment. */
export function goldenSource(look: GoldenLook): Exportable {
  const { run, result, tensor, link } = look;
  const words = [result.case || 'file', run.id].map(safeName);
  return {
    kind: 'ready',
    pictures:
      tensor?.map === undefined || tensor.map.shown.length === 0 ? undefined : mapPictures(look, tensor, tensor.map),
    texts: [
      {
        format: 'markdown',
        fileName: `${words.join('-')}.${EXTENSION.markdown}`,
        make: () => ({ text: goldenMarkdown(run, result, link), summary: 'for a comment in a pull request' }),
      },
      {
        format: 'link',
        fileName: `${words.join('-')}.${EXTENSION.link}`,
        make: () => ({ text: link, summary: 'names the case; the report itself stays here' }),
      },
    ],
  };
}

function mapPictures(
  { run, result, mode, matrix, link }: GoldenLook,
  tensor: ReportTensor,
  map: ReportMap,
): PictureSource {
  const modes = modesOf(map);
  const words = [result.case, run.id, tensor.tensor].map(safeName).join('-');
  return {
    views: modes.map((id) => [id, MODE_TITLES[id]] as const),
    first: modes.includes(mode) ? mode : 'matrix',
    show: (view, theme) => goldenView(run, result, tensor, map, { mode: modeOf(view), matrix }, theme),
    fileName: (view, extension) => `${words}-${view}.${extension}`,
    link,
  };
}

function modeOf(view: string): MapMode {
  return MAP_MODES.find((mode) => mode === view) ?? 'matrix';
}

/** The heat map of a tensor, with what the mismatches have in common. */
export function goldenView(
  run: BackendRun,
  result: ReportCase,
  tensor: ReportTensor,
  map: ReportMap,
  { mode, matrix }: Pick<GoldenLook, 'mode' | 'matrix'>,
  theme: Theme,
): ExportView {
  const view = mapView(map, mode, matrix);
  const place = mode === 'expert' ? '' : matrixName(map, matrix);
  const { mismatches, elements } = tensor;
  const cell = view.cell === undefined ? 'a cell is a matrix' : `a cell is ${view.cell[0]} × ${view.cell[1]} elements`;
  const facts = [`${map.type} ${map.layout}`, `${map.rows} × ${map.columns}`, ...(place === '' ? [] : [place]), cell];
  return {
    grid: view.grid,
    paint: mapPaint(view, theme),
    title: `${result.case}: ${tensor.tensor}, ${mismatches} of ${elements} elements differ (${percent(mismatches, elements)})`,
    lines: [
      [`on ${run.id}`, ...(run.device === null ? [] : [run.device])].join(', '),
      facts.join(', '),
      ...map.skew.flatMap((entry) => wrapped(skewText(entry))),
    ],
    legend: {
      title: 'Elements that differ',
      entries: RATES.map((rate) => ({ label: percent(rate, 1), color: rateColor(rate, theme) })),
    },
  };
}

/** The sentence about an axis: `All 32 mismatches have n >= 16. Only 50 % of the elements do.` */
function skewText({ text, covers }: ReportMap['skew'][number]): string {
  const more = covers === null ? '' : ` Only ${percent(covers, 1)} of the elements do.`;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.${more}`;
}

/** A case for a comment: status, reason, diagnosis, numbers of every tensor, and of those that fail what is known about where. */
export function goldenMarkdown(run: BackendRun, result: ReportCase, link: string): string {
  const { metrics } = result;
  const tensors = metrics?.tensors ?? [];
  const time = metrics === null ? '' : `, ${decimals(metrics.ms)} ms`;
  const device = run.device === null ? '' : ` (${run.device})`;
  const name = result.case === '' ? 'the whole file' : `\`${result.case}\``;
  return [
    `**${statusText(result)}**: ${name} in \`${result.file}\`, ${result.op === '' ? 'no op' : `\`${result.op}\``}, on ${run.id}${device}${time}`,
    ...(result.reason === '' ? [] : [fenced(result.reason)]),
    ...(result.diagnosis.length === 0 ? [] : [result.diagnosis.map((line) => `- ${line}`).join('\n')]),
    ...(tensors.length === 0 ? [] : [metricsTable(tensors)]),
    ...tensors.flatMap((tensor) =>
      tensor.mismatches === 0 || tensor.map === undefined ? [] : mapWords(tensor, tensor.map),
    ),
    `[Open in preshuffle](${link}); the report is opened there.\n`,
  ].join('\n\n');
}

function metricsTable(tensors: readonly ReportTensor[]): string {
  return markdownTable(
    ['tensor', 'differ', 'of', 'same code', 'max abs', 'max rel', 'max ulp', 'cosine', 'of bound'],
    tensors.map((tensor) => [
      labelOf(tensor),
      String(tensor.mismatches),
      String(tensor.elements),
      equalText(tensor.equal),
      decimals(tensor.maxAbs),
      decimals(tensor.maxRel),
      tensor.maxUlp === null ? '' : String(tensor.maxUlp),
      tensor.cosine === null ? 'NaN' : tensor.cosine.toFixed(4),
      boundText(tensor, [tensor]),
    ]),
  );
}

function mapWords(tensor: ReportTensor, map: ReportMap): readonly string[] {
  const { skew, worst, dims } = map;
  const measure = worst[0]?.measure === 'ofBound' ? 'of bound' : 'ulp';
  const none = 'The mismatches favour no index, half of a period or range along any dimension.';
  return [
    `**${labelOf(tensor)}**, ${map.type} \`${map.layout}\` [${dims.map(({ size }) => size).join(', ')}]`,
    skew.length === 0 ? none : skew.map((entry) => `- ${skewText(entry)}`).join('\n'),
    ...(worst.length === 0
      ? []
      : [
          'Worst elements:',
          markdownTable(
            ['element', 'byte', 'expected', 'got', 'allowed', measure],
            worst.map((element) => [
              coordText(dims, element.coord),
              byteText(element.byte),
              `${valueText(element.expected)}${element.isGoldenWrong ? ' (outside the bound itself)' : ''}`,
              valueText(element.actual),
              allowedText(element),
              decimals(element.severity),
            ]),
          ),
        ]),
  ];
}

function labelOf({ label, tensor }: ReportTensor): string {
  return label === tensor ? label : `${label}: ${tensor}`;
}

/** Text as it is, whatever marks of markdown are in it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}
