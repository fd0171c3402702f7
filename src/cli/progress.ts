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

export interface Clock {
  show(label: string): void;
  stop(): void;
}

/** A bar of the time that is used, where it is not known how much there is to do. On stderr and for a person only, as `startProgress`. */
export function startClock(title: string, seconds: number): Clock {
  if (process.stderr.isTTY !== true) return { show: () => {}, stop: () => {} };
  const started = performance.now();
  const bar = new SingleBar({
    format: `${title} {bar} {value}/{total} s {label}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    barsize: 24,
  });
  bar.start(seconds, 0, { label: '' });
  const used = (): number => Math.min(seconds, Math.round((performance.now() - started) / 100) / 10);
  return { show: (label) => bar.update(used(), { label }), stop: () => bar.stop() };
}
