import { type Signal, signal } from '@preact/signals';
import type { AdapterKind } from '../../../backends/webgpu/adapter-info.ts';
import type { EngineMessage, RunReport, RunStep } from '../model/run-messages.ts';
import type { RunSpec } from '../model/run-spec.ts';
import { loadEngine, type RunEngine } from './run-client.ts';

/** What the Run screen shows of a run. */
export type RunState =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'running';
      readonly spec: RunSpec;
      /** The step under way; undefined while the engine loads. */
      readonly step: RunStep | undefined;
      readonly place: RunEngine['place'] | undefined;
    }
  | { readonly kind: 'done'; readonly report: RunReport }
  | { readonly kind: 'refused'; readonly spec: RunSpec; readonly message: string };

/** A run of this session. */
export interface PastRun {
  readonly number: number;
  readonly at: Date;
  readonly report: RunReport;
}

export const runState: Signal<RunState> = signal({ kind: 'idle' });

/** Newest first. Results of outputs are kept, so that a run can be looked at again. */
export const pastRuns: Signal<readonly PastRun[]> = signal([]);

export const adapterKind: Signal<AdapterKind> = signal('auto');

/** Reports kept in memory. */
const MOST_RUNS = 50;

let engine: Promise<RunEngine> | undefined;
let current = 0;
let runs = 0;

/** Starts a run; one that is under way is stopped. */
export async function startRun(spec: RunSpec): Promise<void> {
  if (runState.peek().kind === 'running') stopRun();
  current += 1;
  const id = current;
  runState.value = { kind: 'running', spec, step: undefined, place: undefined };
  try {
    engine ??= loadEngine(receive, crashed);
    const loaded = await engine;
    if (id !== current) return;
    runState.value = { kind: 'running', spec, step: undefined, place: loaded.place };
    loaded.post({ id, spec, adapter: adapterKind.peek() });
  } catch (error) {
    engine = undefined;
    if (id === current)
      runState.value = { kind: 'refused', spec, message: `The engine could not be loaded: ${String(error)}` };
  }
}

/** Ends a run without a result. */
export function stopRun(): void {
  current += 1;
  const stopped = engine;
  engine = undefined;
  stopped?.then((loaded) => loaded.stop()).catch(() => undefined);
  runState.value = { kind: 'idle' };
}

function crashed(message: string): void {
  engine = undefined;
  const now = runState.peek();
  if (now.kind !== 'running') return;
  current += 1;
  runState.value = {
    kind: 'refused',
    spec: now.spec,
    message: `The engine stopped: ${message || 'no reason was given'}.`,
  };
}

function receive(message: EngineMessage): void {
  const now = runState.peek();
  if (message.kind === 'ready' || message.id !== current || now.kind !== 'running') return;
  switch (message.kind) {
    case 'step':
      runState.value = { ...now, step: message.step };
      break;
    case 'done':
      runs += 1;
      pastRuns.value = [{ number: runs, at: new Date(), report: message.report }, ...pastRuns.peek()].slice(
        0,
        MOST_RUNS,
      );
      runState.value = { kind: 'done', report: message.report };
      break;
    case 'refused':
      runState.value = { kind: 'refused', spec: now.spec, message: message.message };
  }
}
