import type { JSX } from 'preact';
import type { GpuSide } from '../model/run-messages.ts';
import { adapterKind } from '../state/run-session.ts';

const KINDS = [
  { value: 'auto', label: 'the browser’s choice' },
  { value: 'hardware', label: 'hardware only' },
  { value: 'software', label: 'software (fallback adapter)' },
] as const;

/** Which adapter is asked for. It belongs to this machine and not to the permalink. */
export function AdapterChoice(): JSX.Element {
  return (
    <label class="control">
      <span>WebGPU adapter</span>
      <select
        value={adapterKind.value}
        onChange={({ currentTarget }) => {
          adapterKind.value = KINDS.find(({ value }) => value === currentTarget.value)?.value ?? 'auto';
        }}
      >
        {KINDS.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The device that ran, with the limits that matter here. */
export function DeviceFacts({ gpu }: { readonly gpu: GpuSide }): JSX.Element | null {
  if (gpu.device === undefined) return null;
  const { name, facts } = gpu.device;
  return (
    <details class="run-device">
      <summary>
        Device: <strong>{name}</strong>
        {facts['software'] === true ? ', computes on the CPU' : ''}
      </summary>
      <dl>
        {Object.entries(facts)
          .filter(([, value]) => value !== '')
          .map(([fact, value]) => (
            <div key={fact}>
              <dt>{fact}</dt>
              <dd class="mono">{typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)}</dd>
            </div>
          ))}
      </dl>
    </details>
  );
}

/** Since when browsers have WebGPU by default. */
const BROWSERS: readonly (readonly [browser: string, since: string])[] = [
  ['Chrome, Edge', '113 on Windows, macOS and ChromeOS; 121 on Android'],
  ['Chrome on Linux', '144 with Intel Gen12 or newer, 147 with NVIDIA driver 535.183.01 or newer'],
  ['Firefox', '141 on Windows, 145 on macOS 26 with Apple silicon'],
  ['Safari', '26'],
];

/** Why there is no device, and what would help. */
export function NoDevice({ gpu }: { readonly gpu: Extract<GpuSide, { ok: false }> }): JSX.Element {
  return (
    <div class="run-no-device">
      <p class="error-state" role="alert">
        {gpu.message} <code>{gpu.code}</code>
      </p>
      {gpu.tried.length === 0 ? null : (
        <p>
          Asked: <span class="mono">{gpu.tried.join('; ')}</span>
        </p>
      )}
      {gpu.at === 'adapter' ? <HowToGet /> : null}
      {gpu.at === 'device' ? (
        <p>The page is not affected: the next run opens a new device. Smaller sizes need less memory and time.</p>
      ) : null}
    </div>
  );
}

function HowToGet(): JSX.Element {
  return (
    <>
      <p>
        {globalThis.isSecureContext
          ? 'This page is a secure context, as WebGPU demands.'
          : 'This page is no secure context, and browsers give WebGPU to no other: open it over https, or from localhost.'}{' '}
        Browsers that have WebGPU without further ado:
      </p>
      <table>
        <tbody>
          {BROWSERS.map(([browser, since]) => (
            <tr key={browser}>
              <th scope="row">{browser}</th>
              <td>{since}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        Elsewhere on Linux, start Chrome with <code>--enable-unsafe-webgpu --enable-features=Vulkan</code>; without a
        GPU, add <code>--use-webgpu-adapter=swiftshader</code>. <code>chrome://gpu</code> says what is switched off and
        why.
      </p>
    </>
  );
}
