import type { EngineMessage, RunRequest } from '../model/run-messages.ts';

/** Answers a run with messages, the last of which is `done` or `refused`. */
export interface RunEngine {
  /** Where it computes: a worker leaves the page alive and can be stopped. */
  readonly place: 'worker' | 'page';
  post(request: RunRequest): void;
  /** Ends what runs. The engine is of no use afterwards. */
  stop(): void;
}

interface EngineModule {
  serve(request: RunRequest, send: (message: EngineMessage) => void): Promise<void>;
}

const FILE = 'run-worker.js';

/**
 * Loads the engine, which is not part of what the page loads first. In a worker; in the page where workers or WebGPU in them are
 * missing.
 * @param receive gets the messages of every run
 * @param onCrash is called when the worker died, as without memory
 * @throws Error when the file cannot be loaded
 */
export async function loadEngine(
  receive: (message: EngineMessage) => void,
  onCrash: (message: string) => void,
): Promise<RunEngine> {
  const worker = await startWorker();
  if (worker === undefined) return inPage(receive);
  worker.addEventListener('message', ({ data }: MessageEvent<EngineMessage>) => receive(data));
  worker.addEventListener('error', (event) => onCrash(event.message));
  return { place: 'worker', post: (request) => worker.postMessage(request), stop: () => worker.terminate() };
}

/** A worker that is ready; undefined where there is none, or where it lacks the WebGPU that the page has. */
async function startWorker(): Promise<Worker | undefined> {
  if (typeof Worker === 'undefined') return undefined;
  const worker = new Worker(FILE, { type: 'module' });
  const ready = await new Promise<EngineMessage | undefined>((resolve) => {
    worker.addEventListener('message', ({ data }: MessageEvent<EngineMessage>) => resolve(data), { once: true });
    worker.addEventListener('error', () => resolve(undefined), { once: true });
  });
  if (ready?.kind === 'ready' && (ready.hasGpu || navigator.gpu === undefined)) return worker;
  worker.terminate();
  return undefined;
}

async function inPage(receive: (message: EngineMessage) => void): Promise<RunEngine> {
  const url = new URL(FILE, document.baseURI).href;
  const { serve }: EngineModule = await import(url);
  return { place: 'page', post: (request) => void serve(request, receive), stop: () => undefined };
}
