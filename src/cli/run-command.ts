import { spawn } from 'node:child_process';
import { KernelRunError } from '../minimize/errors.ts';

/** Bytes of what a command prints that are kept for errors: the end, where the reason is. */
const KEPT_OUTPUT = 4000;

export interface CommandLimits {
  /** Milliseconds after which the command and all that it started are ended. */
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs a command line as the shell runs it: `sh -c`, on Windows `cmd /c`. What it prints is kept only for errors.
 * @throws KernelRunError with the exit status and the end of stderr, when it fails or takes too long
 */
export async function runCommand(command: string, { timeoutMs, env }: CommandLimits): Promise<void> {
  const posix = process.platform !== 'win32';
  // A group of its own, so that the time limit also ends what the shell has started.
  const child = spawn(command, {
    shell: true,
    detached: posix,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = (): void => {
    if (posix && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    else child.kill('SIGKILL');
  };
  let printed = '';
  const keep = (chunk: Buffer): void => {
    printed = (printed + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeoutMs);
  // A program in a group of its own does not get the Ctrl-C of the terminal.
  const interrupted = (): void => {
    end();
    process.exit(128 + 2);
  };
  process.once('SIGINT', interrupted);
  try {
    const { status, signal } = await ended(child);
    if (late)
      throw new KernelRunError(
        `the command was ended after ${timeoutMs / 1000} s (--timeout): ${command}${tail(printed)}`,
      );
    if (status === 0) return;
    const how = status === null ? `was ended by ${signal}` : `exited with status ${status}`;
    throw new KernelRunError(`the command ${how}: ${command}${tail(printed)}`);
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', interrupted);
  }
}

function ended(
  child: ReturnType<typeof spawn>,
): Promise<{ readonly status: number | null; readonly signal: string | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new KernelRunError(`the command cannot be run: ${cause.message}`, { cause })),
    );
    child.once('close', (status, signal) => resolve({ status, signal }));
  });
}

function tail(printed: string): string {
  const lines = printed.trimEnd().split('\n').slice(-12);
  return printed.trim() === '' ? '' : `\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
