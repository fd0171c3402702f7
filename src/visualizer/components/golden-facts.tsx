import type { JSX } from 'preact';
import { percent } from '../model/golden-map.ts';
import type { MapCounts, ReportElement, ReportMap } from '../model/golden-map-json.ts';
import { allowedText, byteText, coordText, decimals, valueText } from '../model/golden-text.ts';

/** What the mismatches have in common: the computed sentences, or that there is none. */
export function SkewSentences({ map }: { readonly map: ReportMap }): JSX.Element {
  if (map.skew.length === 0)
    return <p class="muted">The mismatches favour no index, half of a period or range along any dimension.</p>;
  return (
    <ul class="golden-skew">
      {map.skew.map(({ axis, text, covers }) => (
        <li key={axis}>
          <strong>{text.charAt(0).toUpperCase() + text.slice(1)}.</strong>{' '}
          <span class="muted">{covers === null ? '' : `Only ${percent(covers, 1)} of the elements do.`}</span>
        </li>
      ))}
    </ul>
  );
}

/** Rates along the dimensions that layouts and scales cut: parity of 16-row blocks, blocks of a scale, padding. */
export function RateFacts({ map }: { readonly map: ReportMap }): JSX.Element | null {
  const { parity16, blocks, padding } = map;
  if (parity16.length === 0 && blocks.length === 0 && padding.elements === 0) return null;
  return (
    <dl class="golden-rates">
      {parity16.map((entry) => (
        <div key={`parity ${entry.axis}`}>
          <dt>blocks of 16 along {entry.axis}</dt>
          <dd>
            even {rateOf(entry, 0)}, odd {rateOf(entry, 1)}
          </dd>
        </div>
      ))}
      {blocks.map((entry) => (
        <div key={`${entry.axis} ${entry.size}`}>
          <dt>
            blocks of {entry.size} along {entry.axis}
          </dt>
          <dd>
            <Bars counts={entry} />
            {rangeOf(entry)}
          </dd>
        </div>
      ))}
      {padding.elements === 0 ? null : (
        <div>
          <dt>padding</dt>
          <dd>
            {padding.mismatches} of {padding.elements} elements differ
          </dd>
        </div>
      )}
    </dl>
  );
}

const MAX_BARS = 128;

/** A bar for each block, as high as its rate. The text beside it says the same. */
function Bars({ counts }: { readonly counts: MapCounts }): JSX.Element | null {
  const { mismatches, elements } = counts;
  if (mismatches.length > MAX_BARS) return null;
  const wide = Math.max(2, Math.min(10, 160 / mismatches.length));
  return (
    <svg class="golden-bars" aria-hidden="true" width={wide * mismatches.length} height="20">
      {mismatches.map((count, block) => {
        const height = (20 * count) / Math.max(1, elements[block] ?? 1);
        return <rect key={block} x={wide * block} y={20 - height} width={Math.max(1, wide - 1)} height={height} />;
      })}
    </svg>
  );
}

function rateOf({ mismatches, elements }: MapCounts, index: number): string {
  return percent(mismatches[index] ?? 0, elements[index] ?? 0);
}

function rangeOf(counts: MapCounts): string {
  const rates = counts.mismatches.map((count, index) => count / Math.max(1, counts.elements[index] ?? 1));
  const [low, high] = [Math.min(...rates), Math.max(...rates)];
  if (low === high) return `all ${rateOf(counts, 0)}`;
  const [most, least] = [rates.indexOf(high), rates.indexOf(low)];
  return `most in block ${most}: ${rateOf(counts, most)}; least in block ${least}: ${rateOf(counts, least)}`;
}

/** The worst elements with their codes and what was allowed. */
export function WorstTable({ map }: { readonly map: ReportMap }): JSX.Element | null {
  if (map.worst.length === 0) return null;
  const measure = map.worst[0]?.measure ?? 'ulp';
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section class="golden-worst" aria-label="Worst elements" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">element</th>
            <th scope="col">byte</th>
            <th scope="col">expected</th>
            <th scope="col">got</th>
            <th scope="col">allowed</th>
            <th scope="col" class="number">
              {measure === 'ulp' ? 'ulp' : 'of bound'}
            </th>
          </tr>
        </thead>
        <tbody>
          {map.worst.map((element) => (
            <WorstRow key={element.offset} dims={map.dims} element={element} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function WorstRow({
  dims,
  element,
}: {
  readonly dims: ReportMap['dims'];
  readonly element: ReportElement;
}): JSX.Element {
  return (
    <tr>
      <th scope="row" class="mono">
        {coordText(dims, element.coord)}
      </th>
      <td class="mono">{byteText(element.byte)}</td>
      <td class="mono">
        {valueText(element.expected)}
        {element.isGoldenWrong ? <span class="status-fail"> outside the bound itself</span> : null}
      </td>
      <td class="mono">{valueText(element.actual)}</td>
      <td class="mono">{allowedText(element)}</td>
      <td class="number">{decimals(element.severity)}</td>
    </tr>
  );
}
