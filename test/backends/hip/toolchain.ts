import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const CLANG = 'clang-22';

function has(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** On a build server everything must be there: nothing is skipped. */
const mustHave = process.env['CI'] !== undefined && process.env['CI'] !== '';

/** Whether tests that compile C or HIP are left out: only where clang-22 (apt: clang-22 lld-22) is absent. */
export const skipWithoutClang: boolean = !mustHave && !has(CLANG);

/** AMD's own runtime as Debian ships it (apt: libamdhip64-5). Old, and without a device: good for errors. */
export const DEBIAN_LIBRARY = '/usr/lib/x86_64-linux-gnu/libamdhip64.so.5';
export const skipWithoutDebian: boolean = !mustHave && !existsSync(DEBIAN_LIBRARY);

/** A folder that goes away with `clean`. */
export interface Workshop {
  readonly folder: string;
  /** Compiles the fake runtime; `settings` are its macros. Returns its path. */
  fakeRuntime(settings?: Readonly<Record<string, string | number>>): string;
  /** Compiles HIP source into a code object. */
  codeObject(source: string, arch?: string, options?: readonly string[]): Uint8Array;
  /** Compiles C into a shared library of that name. */
  library(name: string, source: string, options?: readonly string[]): string;
  /** Compiles C++ into a program. */
  program(name: string, source: string): string;
  clean(): void;
}

export function workshop(): Workshop {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-hip-'));
  let made = 0;
  const compile = (...args: readonly string[]): void => {
    execFileSync(CLANG, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  };
  const file = (name: string): string => path.join(folder, name);
  return {
    folder,
    fakeRuntime(settings = {}) {
      made += 1;
      const output = file(`libfake${made}.so`);
      const macros = Object.entries(settings).map(
        ([name, value]) => `-D${name}=${typeof value === 'number' ? value : JSON.stringify(value)}`,
      );
      compile('-shared', '-fPIC', '-O1', ...macros, '-o', output, 'test/backends/hip/fake-runtime.c');
      return output;
    },
    codeObject(source, arch = 'gfx950', options = []) {
      made += 1;
      const input = file(`kernel${made}.hip`);
      const output = file(`kernel${made}.hsaco`);
      writeFileSync(input, source);
      const target = ['-x', 'hip', `--offload-arch=${arch}`, '--cuda-device-only', '--no-gpu-bundle-output'];
      const bare = ['-nogpuinc', '-nogpulib', '-O3', '-std=c++17', '-fuse-cuid=none', '-mcode-object-version=5'];
      compile(...target, ...bare, ...options, input, '-o', output);
      return readFileSync(output);
    },
    library(name, source, options = []) {
      const input = file(`${name}.c`);
      writeFileSync(input, source);
      compile('-shared', '-fPIC', '-o', file(name), input, ...options);
      return file(name);
    },
    program(name, source) {
      const input = file(`${name}.cpp`);
      writeFileSync(input, source);
      execFileSync('clang++-22', ['-std=c++17', input, '-o', file(name)], { stdio: ['ignore', 'pipe', 'pipe'] });
      return file(name);
    },
    clean: () => rmSync(folder, { recursive: true, force: true }),
  };
}
