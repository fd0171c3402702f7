import { execFileSync } from 'node:child_process';

/** The oldest clang that knows gfx950 and its matrix instructions. */
export const OLDEST_CLANG = 20;

const CANDIDATES = ['clang-22', 'clang-21', 'clang-20', 'clang', '/opt/rocm/llvm/bin/clang'];

/** A clang for AMD GPUs with the tools that belong to it. */
export interface Toolchain {
  readonly clang: string;
  /** The first line of --version, which manifests name. */
  readonly version: string;
  readonly objdump: string;
}

/**
 * Finds a clang of version 20 or newer: `$PRESHUFFLE_CLANG`, Debian's by number, the one in PATH, ROCm's.
 * @throws Error that lists what was tried and says what to install
 */
export function findToolchain(environment: Readonly<Record<string, string | undefined>> = process.env): Toolchain {
  const named = environment['PRESHUFFLE_CLANG'];
  const tried: string[] = [];
  for (const clang of named === undefined || named === '' ? CANDIDATES : [named]) {
    const version = firstLine(clang, '--version');
    if (version === undefined) {
      tried.push(`${clang}: not found`);
      continue;
    }
    const major = Number(/clang version (\d+)/.exec(version)?.[1] ?? 0);
    if (major >= OLDEST_CLANG) {
      return { clang, version, objdump: firstLine(clang, '-print-prog-name=llvm-objdump') ?? 'llvm-objdump' };
    }
    tried.push(`${clang}: ${version}, too old`);
  }
  throw new Error(
    `kernels need clang ${OLDEST_CLANG} or newer with lld and llvm-objdump. Tried:\n${tried.map((line) => `  ${line}`).join('\n')}\n` +
      'On Debian: apt-get install clang-22 lld-22 llvm-22 (from https://apt.llvm.org where the release has none). ' +
      'PRESHUFFLE_CLANG names another one.',
  );
}

/** Why there is no toolchain; undefined when there is one. */
export function missingToolchain(): string | undefined {
  try {
    findToolchain();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function firstLine(command: string, argument: string): string | undefined {
  try {
    const text = execFileSync(command, [argument], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return text.split('\n')[0]?.trim();
  } catch {
    return undefined;
  }
}
