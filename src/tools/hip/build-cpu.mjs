// Builds the CPU runtime of the tests (test/hip-cpu) and the kernels for it into .cache/hip-cpu:
//   libhipcpu.so        the runtime, which stands in for libamdhip64.so
//   objects/NAME.so     backends/hip/kernels/NAME.hip
//   test-objects/NAME.so  test/hip-cpu/kernels/NAME.hip
// Only what changed is compiled again: a hash of sources, options and compiler lies beside each file.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const COMPILER = 'clang++-22';
const RUNTIME = 'test/hip-cpu/runtime';
const KERNELS = 'backends/hip/kernels';
const TEST_KERNELS = 'test/hip-cpu/kernels';
const SHARED = ['test/hip-cpu/amdgcn', 'backends/hip/kernels/lib', 'test/hip-cpu/models'];

// Conversions to bf16 must keep subnormals, which the AVX-512 instruction for them does not.
const COMMON = ['-std=c++17', '-march=native', '-mno-avx512bf16', '-fPIC', '-shared', '-fvisibility=hidden', '-g1'];
const INCLUDES = ['-Itest/hip-cpu', '-Ibackends/hip/kernels'];
const RUNTIME_OPTIONS = [...COMMON, '-O2', '-ffp-contract=off', '-Wall', '-Wextra', '-Werror', ...INCLUDES];
const KERNEL_OPTIONS = [
  ...['-x', 'c++', '-DPRESHUFFLE_HIP_CPU', '-O2', '-fno-exceptions', '-fno-rtti'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-unknown-pragmas'],
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
 * Builds what is out of date.
 * @returns paths of the runtime, of the folder of the package's code objects and of that of the tests' own
 */
export async function buildHipCpu({ log = () => undefined } = {}) {
  const missing = missingCompiler();
  if (missing !== undefined) throw new Error(missing);
  const folder = path.join(root, '.cache/hip-cpu');
  const version = execFileSync(COMPILER, ['--version'], { encoding: 'utf8' });
  const shared = SHARED.flatMap((name) => filesIn(name, ['.h']));
  const units = [
    {
      output: path.join(folder, 'libhipcpu.so'),
      sources: filesIn(RUNTIME, ['.cpp']),
      headers: [...filesIn(RUNTIME, ['.h']), ...shared],
      options: [...RUNTIME_OPTIONS, '-lpthread', '-ldl'],
    },
    ...kernelUnits(KERNELS, path.join(folder, 'objects'), shared),
    ...kernelUnits(TEST_KERNELS, path.join(folder, 'test-objects'), shared),
  ];
  // As many at a time as there are cores on the smallest machine that runs the tests.
  const waiting = [...units];
  const worker = async () => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) await build(unit, version, log);
  };
  await Promise.all([worker(), worker()]);
  return {
    library: path.join(folder, 'libhipcpu.so'),
    objects: path.join(folder, 'objects'),
    testObjects: path.join(folder, 'test-objects'),
  };
}

function kernelUnits(from, to, headers) {
  const sources = filesIn(from, ['.hip']);
  mkdirSync(to, { recursive: true });
  const names = sources.map((source) => path.basename(source, '.hip'));
  // The object of a kernel that is gone would still be found.
  for (const file of readdirSync(to)) {
    if (!names.includes(file.replace(/\.so(\.[0-9]+)?(\.hash)?$/, ''))) rmSync(path.join(to, file));
  }
  return sources.map((source, index) => ({
    output: path.join(to, `${names[index]}.so`),
    sources: [source],
    headers: [...headers, ...filesIn(from, ['.h'])],
    options: KERNEL_OPTIONS,
  }));
}

async function build({ output, sources, headers, options }, version, log) {
  const hash = createHash('sha256').update(`${version}\n${options.join(' ')}\n`);
  for (const file of [...sources, ...headers]) hash.update(`${file}\n`).update(readFileSync(path.join(root, file)));
  const key = hash.digest('hex');
  const note = `${output}.hash`;
  if (existsSync(output) && existsSync(note) && readFileSync(note, 'utf8') === key) return;
  log(`compiling ${path.relative(root, output)}`);
  // Test files build at the same time: each its own file, and the last one in place wins.
  const temporary = `${output}.${process.pid}`;
  mkdirSync(path.dirname(output), { recursive: true });
  try {
    // Libraries come after the sources that need them.
    await run(COMPILER, [...options.filter(isNoLibrary), ...sources, '-o', temporary, ...options.filter(isLibrary)], {
      cwd: root,
    });
  } catch (error) {
    throw new Error(`${sources.join(', ')} cannot be compiled for the CPU:\n${error.stderr || error.message}`);
  }
  renameSync(temporary, output);
  writeFileSync(note, key);
}

function isLibrary(option) {
  return option.startsWith('-l');
}

function isNoLibrary(option) {
  return !isLibrary(option);
}

/** Files of a folder relative to the root, sorted; none when there is no such folder. */
function filesIn(folder, endings) {
  const full = path.join(root, folder);
  if (!existsSync(full)) return [];
  const names = readdirSync(full).filter((name) => endings.some((ending) => name.endsWith(ending)));
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
