import { escapeMarkup } from './escape.ts';
import type { BackendReport, CaseResult } from './report.ts';
import { HEAT_MAP_STYLE, renderHeatMaps } from './report-heat-map.ts';

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--bad:#c62828;--good:#2e7d32;--skip:#b26a00}
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{border-bottom:1px solid var(--line);padding:.25rem .6rem;text-align:left;vertical-align:top}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
.fail{color:var(--bad);font-weight:600}.pass{color:var(--good)}.skip{color:var(--skip)}
pre{white-space:pre-wrap;margin:0;font:12px/1.4 ui-monospace,monospace}${HEAT_MAP_STYLE}`;

/** One page without any outside reference: opens from a file, can be attached to a ticket. */
export function renderHtml(reports: readonly BackendReport[]): string {
  return htmlPage('preshuffle verify', reports.map(renderBackend).join(''));
}

/** A page with the style of every report, and more of its own. `body` is markup. */
export function htmlPage(title: string, body: string, style = ''): string {
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">' +
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">' +
    `<title>${title}</title><style>${STYLE}${style}</style></head><body><h1>${title}</h1>${body}</body></html>\n`
  );
}

function renderBackend(report: BackendReport): string {
  const counts = `${report.cases} cases: ${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`;
  // What needs a look comes first.
  const order = { fail: 0, skip: 1, pass: 2 };
  const rows = report.results.toSorted((a, b) => order[a.status] - order[b.status]).map(renderRow);
  const heads = ['case', 'op', 'file', 'status', 'elements', 'equal', 'max ulp', 'of bound', 'ms'];
  const numbers = new Set(['elements', 'equal', 'max ulp', 'of bound', 'ms']);
  const head = heads
    .map((text) => `<th scope="col"${numbers.has(text) ? ' class="number"' : ''}>${text}</th>`)
    .join('');
  return (
    `<h2>${escapeMarkup(report.backend.id)}</h2><p>${escapeMarkup(report.backend.device)}</p>` +
    `<p class="${report.failed > 0 ? 'fail' : 'pass'}">${counts}</p>` +
    `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`
  );
}

function renderRow(result: CaseResult): string {
  const { metrics } = result;
  const numbers =
    metrics === null
      ? ['', '', '', '', '']
      : [
          metrics.elements.toLocaleString('en'),
          `${(Math.floor(metrics.equal * 10000) / 100).toFixed(2)} %`,
          metrics.maxUlp === null ? '' : String(metrics.maxUlp),
          metrics.boundUsed === null ? 'exact' : metrics.boundUsed.toFixed(2),
          metrics.ms.toFixed(1),
        ];
  const texts = [result.case, result.op, result.file].map((text) => `<td>${escapeMarkup(text)}</td>`).join('');
  const status = `<td class="${result.status}">${result.invalid === true ? 'unusable' : result.status}</td>`;
  const cells = numbers.map((text) => `<td class="number">${text}</td>`).join('');
  const maps = metrics === null ? '' : metrics.tensors.map(renderHeatMaps).join('');
  const text = result.reason === '' ? '' : `<pre>${escapeMarkup(result.reason)}</pre>`;
  const diagnosis = result.diagnosis.map((line) => `<li>${escapeMarkup(line)}</li>`).join('');
  const list = diagnosis === '' ? '' : `<ul>${diagnosis}</ul>`;
  const reason = text + list + maps === '' ? '' : `<tr><td colspan="9">${text}${list}${maps}</td></tr>`;
  return `<tr>${texts}${status}${cells}</tr>${reason}`;
}
