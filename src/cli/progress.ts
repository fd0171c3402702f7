import { SingleBar } from 'cli-progress';

export interface Progress {
  step(label: string): void;
  stop(): void;
}

/**
 * A bar on stderr when a person is watching, nothing otherwise: a log file gains nothing from progress, and stdout
 * belongs to the report.
 */
export function startProgress(title: string, total: number): Progress {
  if (process.stderr.isTTY !== true || total === 0) return { step: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: `${title} {bar} {value}/{total} {label}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    barsize: 24,
  });
  bar.start(total, 0, { label: '' });
  return { step: (label) => bar.increment({ label }), stop: () => bar.stop() };
}
