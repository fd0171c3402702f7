import { serve } from './model/run-engine.ts';
import type { EngineMessage, RunRequest } from './model/run-messages.ts';

/*
 * Entry of the engine's own bundle. As a worker it answers requests; loaded as a module into the page it only gives `serve`.
 */
export { serve };

if (!('document' in globalThis)) {
  const send = (message: EngineMessage): void => postMessage(message);
  addEventListener('message', ({ data }: MessageEvent<RunRequest>) => void serve(data, send));
  send({ kind: 'ready', hasGpu: navigator.gpu !== undefined });
}
