// Builds the CPU runtime of the tests (test/hip-cpu) and the kernels for it into .cache/hip-cpu:
//   libhipcpu.so        the runtime, which stands in for libamdhip64.so
//   objects/NAME.so     backends/hip/kernels/NAME.hip
//   test-objects/NAME.so  test/hip-cpu/kernels/NAME.hip
// Only what changed is compiled again: beside each file lies what it was made of, with a hash of that, options and compiler.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const COMPILER = 'clang++-22';
const RUNTIME = 'test/hip-cpu/runtime';
const KERNELS = 'backends/hip/kernels';
const TEST_KERNELS = 'test/hip-cpu/kernels';
/** What kernels and runtime share. */
const INTERFACE = 'test/hip-cpu/amdgcn/interface.h';

// Conversions to bf16 must keep subnormals, which the AVX-512 instruction for them does not.
const COMMON = ['-std=c++17', '-march=native', '-mno-avx512bf16', '-fPIC', '-shared', '-fvisibility=hidden', '-g1'];
const INCLUDES = ['-Itest/hip-cpu', '-Ibackends/hip/kernels'];
const RUNTIME_OPTIONS = [...COMMON, '-O2', '-ffp-contract=off', '-Wall', '-Wextra', '-Werror', ...INCLUDES];
const KERNEL_OPTIONS = [
  ...['-x', 'c++', '-DPRESHUFFLE_HIP_CPU', '-O2', '-fno-exceptions', '-fno-rtti'],
  // No copies of operations of a wave that some lanes reach and others do not: also before they are inlined.
  '-fconvergent-functions',
  // Registers that nobody wrote hold nonsense: NaN where they are numbers.
  '-ftrivial-auto-var-init=pattern',
  ...['-Wall', '-Wextra', '-Werror', '-Wno-unknown-pragmas', '-Wno-unused-const-variable'],
  ...COMMON,
  ...INCLUDES,
];

const run = promisify(execFile);

/** Why the runtime cannot be built here; undefined when it can. */
export function missingCompiler() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the CPU runtime of the HIP kernels needs Linux on x86-64, this is ${process.platform} on ${process.arch}.`;
  }
  try {
    execFileSync(COMPILER, ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${COMPILER} is not installed. On Debian: apt-get install clang-22 (see https://apt.llvm.org).`;
  }
}

/**
 * Builds what is out of date. `kernels: 'tests'` leaves those of the package out.
 * @returns paths of the runtime, of the folder of the package's code objects and of that of the tests' own
 */
export async function buildHipCpu({ log = () => undefined, kernels = 'all' } = {}) {
  const missing = missingCompiler();
  if (missing !== undefined) throw new Error(missing);
  const folder = path.join(root, '.cache/hip-cpu');
  // The instructions are those of this machine.
  const version = `${execFileSync(COMPILER, ['--version'], { encoding: 'utf8' })} ${os.cpus()[0]?.model}`;
  const units = [
    {
      output: path.join(folder, 'libhipcpu.so'),
      sources: filesIn(RUNTIME, '.cpp'),
      headers: [...filesIn(RUNTIME, '.h'), INTERFACE],
      options: [...RUNTIME_OPTIONS, '-lpthread', '-ldl'],
    },
    ...(kernels === 'tests' ? [] : kernelUnits(KERNELS, path.join(folder, 'objects'))),
    ...kernelUnits(TEST_KERNELS, path.join(folder, 'test-objects')),
  ];
  // As many at a time as there are cores on the smallest machine that runs the tests.
  const waiting = [...units];
  const problems = [];
  const worker = async () => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
      await build(unit, version, log).catch((error) => problems.push(error.message));
    }
  };
  await Promise.all([worker(), worker()]);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return {
    library: path.join(folder, 'libhipcpu.so'),
    objects: path.join(folder, 'objects'),
    testObjects: path.join(folder, 'test-objects'),
  };
}

function kernelUnits(from, to) {
  const sources = filesIn(from, '.hip');
  mkdirSync(to, { recursive: true });
  const names = sources.map((source) => path.basename(source, '.hip'));
  // The object of a kernel that is gone would still be found.
  for (const file of readdirSync(to))
    if (!names.includes(file.split('.')[0])) rmSync(path.join(to, file), { force: true });
  return sources.map((source, index) => ({
    output: path.join(to, `${names[index]}.so`),
    sources: [source],
    headers: undefined,
    options: KERNEL_OPTIONS,
  }));
}

/** Compiles and links sources into a library. Without `headers` the compiler lists them, which it does for one source. */
async function build({ output, sources, headers, options }, version, log) {
  const command = [version, ...options, ...sources].join('\n');
  const note = `${output}.json`;
  if (existsSync(output) && isUpToDate(note, command)) return;
  log(`compiling ${path.relative(root, output)}`);
  // Several processes may build at the same time: each its own file, and the last one in place wins.
  const temporary = `${output}.${process.pid}`;
  const list = `${temporary}.d`;
  mkdirSync(path.dirname(output), { recursive: true });
  const start = Date.now();
  try {
    // Libraries come after the sources that need them.
    const flags = [...options.filter(isNoLibrary), ...(headers === undefined ? ['-MMD', '-MF', list] : [])];
    await run(COMPILER, [...flags, ...sources, '-o', temporary, ...options.filter(isLibrary)], { cwd: root });
  } catch (error) {
    for (const file of [temporary, list]) rmSync(file, { force: true });
    throw new Error(`${sources.join(', ')} cannot be compiled for the CPU:\n${error.stderr || error.message}`);
  }
  const files = headers === undefined ? listed(list) : [...sources, ...headers];
  rmSync(list, { force: true });
  renameSync(temporary, output);
  // What changed while the compiler ran may be in the file or not: without a note it is compiled again.
  if (files.some((file) => statSync(path.join(root, file)).mtimeMs >= start)) rmSync(note, { force: true });
  else writeFileSync(note, JSON.stringify({ files, hash: hashOf(command, files) }));
}

function isUpToDate(note, command) {
  try {
    const { files, hash } = JSON.parse(readFileSync(note, 'utf8'));
    return hash === hashOf(command, files);
  } catch {
    // There is no such note, or a file that is gone.
    return false;
  }
}

function hashOf(command, files) {
  const hash = createHash('sha256').update(command);
  for (const file of files) hash.update(`\n${file}\n`).update(readFileSync(path.join(root, file)));
  return hash.digest('hex');
}

/** The files in a list that the compiler wrote for make: "target: file file \\ file". */
function listed(list) {
  const [, files = ''] = readFileSync(list, 'utf8').replaceAll('\\\n', ' ').split(/:\s/);
  return files.split(/\s+/).filter((name) => name !== '');
}

function isLibrary(option) {
  return option.startsWith('-l');
}

function isNoLibrary(option) {
  return !isLibrary(option);
}

/** Files of a folder relative to the root, sorted; none when there is no such folder. */
function filesIn(folder, ending) {
  const full = path.join(root, folder);
  if (!existsSync(full)) return [];
  const names = readdirSync(full).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => path.posix.join(folder, name));
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await buildHipCpu({ log: console.log });
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
