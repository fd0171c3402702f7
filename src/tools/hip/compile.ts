import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Toolchain } from './toolchain.ts';

/** Folder of the kernels, relative to the root of the package: compiled with relative paths, so that no path gets into an object. */
export const KERNEL_FOLDER = 'backends/hip/kernels';

export const ARCHITECTURES = ['gfx950', 'gfx942'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** One .hip file. */
export interface KernelSource {
  /** Of the file and of the code object, e.g. `permute`. */
  readonly name: string;
  /** Relative to the root. */
  readonly file: string;
  /** All, unless a line `// targets: gfx950` says otherwise. */
  readonly targets: readonly Architecture[];
}

/** Options of every kernel. Without the first one of the last line objects hold a hash of the path they were compiled at. */
export const OPTIONS: readonly string[] = [
  ...['-x', 'hip', '--cuda-device-only', '--no-gpu-bundle-output', '-nogpuinc', '-nogpulib'],
  ...['-O3', '-std=c++17', `-I${KERNEL_FOLDER}`],
  ...['-fuse-cuid=none', '-mcode-object-version=5'],
];

/** Of the compiler's messages: templates make one mistake long. */
const MOST_LINES = 30;

const run = promisify(execFile);

/** Every kernel file, in alphabetical order. @throws Error when a file names an unknown target */
export function kernelSources(root: string): readonly KernelSource[] {
  const names = readdirSync(path.join(root, KERNEL_FOLDER)).filter((name) => name.endsWith('.hip'));
  return names.sort().map((name) => {
    const file = path.posix.join(KERNEL_FOLDER, name);
    return { name: path.basename(name, '.hip'), file, targets: targetsOf(root, file) };
  });
}

function targetsOf(root: string, file: string): readonly Architecture[] {
  const line = /^\/\/ targets: (.+)$/m.exec(readFileSync(path.join(root, file), 'utf8'));
  if (line === null) return ARCHITECTURES;
  const named = (line[1] as string).trim().split(/[\s,]+/);
  const unknown = named.find((name) => !ARCHITECTURES.includes(name as Architecture));
  if (unknown === undefined) return ARCHITECTURES.filter((arch) => named.includes(arch));
  throw new Error(`${file}: "// targets:" names ${unknown}, expected some of ${ARCHITECTURES.join(' ')}.`);
}

/**
 * Compiles a kernel file.
 * @param root where backends/hip/kernels lies; a copy of that folder elsewhere must give the same bytes
 * @throws Error with the compiler's messages
 */
export async function compile(
  toolchain: Toolchain,
  root: string,
  source: KernelSource,
  arch: Architecture,
  output: string,
): Promise<void> {
  await clang(toolchain, root, source, arch, [...OPTIONS, '-o', output]);
}

/** What clang prints with other options than those of a build, e.g. after preprocessing. */
export async function clang(
  { clang: command }: Toolchain,
  root: string,
  source: KernelSource,
  arch: Architecture,
  options: readonly string[],
): Promise<string> {
  try {
    const args = [...options, `--offload-arch=${arch}`, source.file];
    return (await run(command, args, { cwd: root, maxBuffer: 1 << 28 })).stdout;
  } catch (error) {
    const { stderr = '', message } = error as Error & { readonly stderr?: string };
    const text = (stderr || message).trim().split('\n');
    const shown = text.length > MOST_LINES ? [...text.slice(0, MOST_LINES), `... ${text.at(-1)}`] : text;
    throw new Error(
      [`${source.file} cannot be compiled for ${arch} by ${command}:`, ...shown, ...advice(stderr, arch)].join('\n'),
    );
  }
}

function advice(stderr: string, arch: Architecture): readonly string[] {
  if (/unable to execute command.*lld|lld.*not found/i.test(stderr)) {
    return ['Install lld of the same version (Debian: lld-22).'];
  }
  // Most matrix instructions are gfx950's alone.
  return arch === 'gfx942' ? ['A kernel that needs gfx950 says so in a line of its own: // targets: gfx950'] : [];
}

/** One code object to make. */
export interface Job {
  readonly source: KernelSource;
  readonly arch: Architecture;
}

/** Every code object that the package has. */
export function jobs(root: string): readonly Job[] {
  return kernelSources(root).flatMap((source) => source.targets.map((arch) => ({ source, arch })));
}

/**
 * Compiles into .cache/hip what has changed since the last time, and returns the file.
 * @throws Error with the compiler's messages
 */
export async function compileCached(toolchain: Toolchain, root: string, { source, arch }: Job): Promise<string> {
  const folder = path.join(root, '.cache', 'hip', arch);
  const output = path.join(folder, `${source.name}.hsaco`);
  const key = sourceKey(toolchain, root, source, arch);
  const keyFile = `${output}.key`;
  if (existsSync(output) && existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key) return output;
  mkdirSync(folder, { recursive: true });
  // Several programs may do this at once: each writes a file of its own, and the last one stays.
  const temporary = `${output}.${process.pid}`;
  await compile(toolchain, root, source, arch, temporary);
  renameSync(temporary, output);
  writeFileSync(keyFile, key);
  return output;
}

function sourceKey(toolchain: Toolchain, root: string, source: KernelSource, arch: string): string {
  const hash = createHash('sha256').update(`${toolchain.version}\n${arch} ${OPTIONS.join(' ')}\n`);
  const library = path.join(root, KERNEL_FOLDER, 'lib');
  const headers = existsSync(library) ? readdirSync(library).filter((name) => name.endsWith('.h')) : [];
  const files = [source.file, ...headers.sort().map((name) => `${KERNEL_FOLDER}/lib/${name}`)];
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(path.join(root, file)));
  return hash.digest('hex');
}

/** Runs tasks, two at a time: as many as the smallest machine has cores. */
export async function inParallel<In, Out>(inputs: readonly In[], task: (input: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = [];
  const waiting = [...inputs.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results[next[0]] = await task(next[1]);
    }
  };
  await Promise.all([worker(), worker()]);
  return results;
}
