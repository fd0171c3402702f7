import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { HEAT, heatClass, heatColors, heatGrid, heatPaint } from '../model/run-heat.ts';
import type { OutputReport, RunReport } from '../model/run-messages.ts';
import { boundText, criterionText, elementText, firstText, mismatchText, ulpText } from '../model/run-text.ts';
import { theme } from '../state/theme.ts';
import { GridCanvas } from './grid-canvas.tsx';
import { ScrollBox } from './run-scroll.tsx';

/** Every output: how it is compared, how far it is off, and where. */
export function RunOutputs({ report }: { readonly report: RunReport }): JSX.Element {
  const { outputs } = report;
  const worst = outputs.find(({ comparison }) => comparison?.passed === false) ?? outputs[0];
  const shown = useSignal<string | undefined>(undefined);
  const output = outputs.find(({ name }) => name === shown.value) ?? worst;
  return (
    <>
      <ScrollBox label="Outputs">
        <table class="run-outputs">
          <thead>
            <tr>
              {['Output', 'Agreement', 'Mismatches', 'Max ULP', 'Bound used'].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {outputs.map((one) => (
              <OutputRow key={one.name} output={one} />
            ))}
          </tbody>
        </table>
      </ScrollBox>
      {outputs.map(({ name, comparison }) =>
        comparison?.first === undefined ? null : (
          <p key={name} class="run-first">
            First mismatch: <span class="mono">{firstText(name, comparison.first)}</span>
          </p>
        ),
      )}
      {output === undefined ? null : (
        <details class="run-elements" open={output.comparison?.passed === false}>
          <summary>Element by element</summary>
          {outputs.length === 1 ? null : (
            <label class="run-check">
              Output{' '}
              <select
                value={output.name}
                onChange={({ currentTarget }) => {
                  shown.value = currentTarget.value;
                }}
              >
                {outputs.map(({ name }) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
          <Elements key={output.name} output={output} />
        </details>
      )}
    </>
  );
}

function OutputRow({ output }: { readonly output: OutputReport }): JSX.Element {
  const { name, type, shape, layout, comparison } = output;
  const plain = layout === 'row-major' ? '' : ` ${layout}`;
  return (
    <tr class={comparison?.passed === false ? 'is-wrong' : ''}>
      <th scope="row">
        <strong>{name}</strong>{' '}
        <span class="mono">
          {type} [{shape.join(', ')}]{plain}
        </span>
      </th>
      <td>{comparison === undefined ? 'not compared' : `${comparison.passed ? '✓' : '✗'} ${criterionText(output)}`}</td>
      <td>{comparison === undefined ? '–' : mismatchText(comparison)}</td>
      <td>{comparison === undefined ? '–' : ulpText(comparison)}</td>
      <td>{comparison === undefined ? '–' : boundText(comparison)}</td>
    </tr>
  );
}

/** A heat map of one output. */
function Elements({ output }: { readonly output: OutputReport }): JSX.Element {
  const hover = useSignal<number | undefined>(undefined);
  const grid = useMemo(() => heatGrid(output), [output]);
  const paint = useMemo(() => heatPaint(output, theme.value), [output, theme.value]);
  const { name, shape, comparison, ulps, wrong } = output;
  const coord = comparison?.first?.coord;
  const first = coord?.reduce((at, index, axis) => at * (shape[axis] as number) + index, 0);
  const seen = useMemo(() => {
    const counts = HEAT.map(() => 0);
    ulps?.forEach((ulp, index) => {
      counts[heatClass(ulp, wrong?.[index] === 1)]! += 1;
    });
    return counts;
  }, [ulps, wrong]);
  return (
    <>
      <div class="run-heat" style={{ aspectRatio: `${grid.columns} / ${grid.rows}` }}>
        <GridCanvas
          grid={grid}
          paint={paint}
          label={`Differences of ${name}`}
          describe={(key) => elementText(output, key)}
          hover={hover}
          pins={first === undefined ? [] : [first]}
        />
      </div>
      <p class="run-hover mono">
        {hover.value === undefined
          ? 'Point at an element, or move with the arrow keys.'
          : elementText(output, hover.value)}
      </p>
      {ulps === undefined ? null : (
        <ul class="run-legend">
          {HEAT.map((label, index) =>
            seen[index] === 0 ? null : (
              <li key={label}>
                <span class={`run-swatch${index >= 2 ? ' is-crossed' : ''}`} style={{ background: css(index) }} />
                {label}: {seen[index]}
              </li>
            ),
          )}
        </ul>
      )}
    </>
  );
}

function css(index: number): string {
  const color = heatColors(theme.value)[index] ?? 0;
  return `rgb(${color & 255} ${(color >> 8) & 255} ${(color >> 16) & 255})`;
}
