import type { BackendProbe } from '../../backends/backend.ts';
import { probeBackends } from '../../backends/registry.ts';
import { paint } from './colors.ts';
import { EXIT } from './exit-codes.ts';

/** `preshuffle devices`: what was found, what was tried, what is missing. Returns the exit code. */
export async function devices(options: { readonly json?: boolean }): Promise<number> {
  const probes = await probeBackends();
  if (options.json === true) process.stdout.write(`${JSON.stringify(probes)}\n`);
  else process.stdout.write(`${probes.map(render).join('\n\n')}\n`);
  return EXIT.ok;
}

function render(probe: BackendProbe): string {
  const color = paint(process.stdout);
  const mark = probe.available ? color('green', 'available') : color('yellow', 'not available');
  const facts = Object.entries(probe.facts).map(([name, value]) => `    ${name}: ${value}`);
  const tried = probe.tried.map((line) => `    tried ${line}`);
  return [`${color('bold', probe.id)}  ${mark}  ${probe.summary}`, ...facts, ...tried].join('\n');
}
