import type { JSX } from 'preact';
import type { RunReport } from '../model/run-messages.ts';
import { exampleOf, layoutsIn, sceneOf, specText } from '../model/run-spec.ts';
import { outcomeOfRun, timeText, verdictText } from '../model/run-text.ts';
import type { ScreenId } from '../model/scene.ts';
import { linkOf, open, scene } from '../state/store.ts';
import { isPlainClick } from './plain-click.ts';
import { DeviceFacts, NoDevice } from './run-device.tsx';
import { RunOutputs } from './run-outputs.tsx';
import { ScrollBox } from './run-scroll.tsx';

const BADGE = { pass: '✓ pass', fail: '✗ fail', 'cpu-only': 'CPU only' } as const;

/** The answer of a run. */
export function RunResult({ report }: { readonly report: RunReport }): JSX.Element {
  const outcome = outcomeOfRun(report);
  return (
    <>
      <h2>{exampleOf(report.spec.example).title}</h2>
      <p class="muted mono">{specText(report.spec)}</p>
      <p class={`run-verdict is-${outcome}`} role="status">
        <strong>{BADGE[outcome]}</strong> {verdictText(report)}
      </p>
      {report.gpu.ok ? null : <NoDevice gpu={report.gpu} />}
      <RunOutputs report={report} />
      {report.refusal === undefined ? null : (
        <details class="run-refusal">
          <summary>What the library says when it is told the true layout</summary>
          <p class="mono">{report.refusal}</p>
        </details>
      )}
      <Links report={report} />
      <Times report={report} />
      <DeviceFacts gpu={report.gpu} />
      <Operands report={report} />
    </>
  );
}

function Links({ report }: { readonly report: RunReport }): JSX.Element {
  const { from, to } = layoutsIn(report.spec);
  return (
    <p class="run-links">
      {from === to ? null : (
        <SceneLink report={report} screen="diff">
          Both layouts in the Diff
        </SceneLink>
      )}
      <SceneLink report={report} screen="lens">
        {exampleOf(report.spec.example).operand} in the Lens
      </SceneLink>
    </p>
  );
}

interface SceneLinkProps {
  readonly report: RunReport;
  readonly screen: ScreenId;
  readonly children: JSX.Element | string | (JSX.Element | string)[];
}

function SceneLink({ report, screen, children }: SceneLinkProps): JSX.Element {
  const fields = { ...sceneOf(report.spec), screen, pins: [], step: undefined } as const;
  return (
    <a
      href={linkOf({ ...scene.value, ...fields })}
      onClick={(event) => {
        if (!isPlainClick(event)) return;
        event.preventDefault();
        open(fields);
      }}
    >
      {children}
    </a>
  );
}

interface Time {
  readonly label: string;
  readonly ms: number;
  readonly note: string;
}

function timesOf({ cpuMs, cpuName, boundMs, gpu }: RunReport): readonly Time[] {
  const cpu = { label: 'CPU', ms: cpuMs, note: cpuName };
  const bound = boundMs === undefined ? [] : [{ label: 'Error bound', ms: boundMs, note: 'on the CPU' }];
  if (!gpu.ok) return [cpu, ...bound];
  return [
    cpu,
    ...bound,
    { label: 'Device', ms: gpu.openMs, note: 'adapter and device' },
    { label: 'GPU, first run', ms: gpu.firstMs, note: 'with the compilation of the shaders' },
    { label: 'GPU, again', ms: gpu.againMs, note: `best of ${gpu.runs}, with upload and download` },
  ];
}

/** Wall-clock times, the longest as a full bar. */
function Times({ report }: { readonly report: RunReport }): JSX.Element {
  const times = timesOf(report);
  const longest = Math.max(...times.map(({ ms }) => ms));
  return (
    <table class="run-times">
      <caption class="visually-hidden">Times</caption>
      <tbody>
        {times.map(({ label, ms, note }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            <td class="mono run-ms">{timeText(ms)}</td>
            <td class="run-track">
              <div class="run-bar" style={{ width: `${Math.max(0.5, (100 * ms) / longest)}%` }} />
            </td>
            <td class="muted">{note}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Operands({ report }: { readonly report: RunReport }): JSX.Element {
  return (
    <details>
      <summary>Operands: {report.operands.map(({ name }) => name).join(', ')}</summary>
      <ScrollBox label="Operands">
        <table>
          <thead>
            <tr>
              {['Name', 'Type', 'Shape', 'Layout the kernel was told', 'Bytes'].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody class="mono">
            {report.operands.map(({ name, type, shape, layout, bytes }) => (
              <tr key={name}>
                <td>{name}</td>
                <td>{type}</td>
                <td>[{shape.join(', ')}]</td>
                <td>{layout}</td>
                <td>{bytes}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
    </details>
  );
}
