import { PreshuffleError } from '../../src/errors.ts';
import { hiprtcCandidates, OLDEST_MAJOR } from './candidates.ts';
import { COMPILE_PROGRAM, type CompileAnswer, type CompileRequest } from './hiprtc-child.ts';
import type { HipRuntime } from './library.ts';

/** HIP source could not be compiled. The message ends with the compiler's own. */
export class HipCompileError extends PreshuffleError {
  /** The compiler's messages. */
  readonly log: string;

  constructor(name: string, arch: string, log: string) {
    super('hip-compile', `compiling ${name} for ${arch}: ${log}`);
    this.log = log;
  }
}

export interface CompileOptions {
  readonly source: string;
  /** File name for the compiler's messages. */
  readonly name: string;
  /** E.g. `gfx950`. */
  readonly arch: string;
  /** Further compiler options. */
  readonly options?: readonly string[];
  /** Where results are kept. Default `~/.cache/preshuffle/hiprtc`, or under `XDG_CACHE_HOME`. */
  readonly cacheFolder?: string;
  /** Oldest HIP major that is taken. Default 7; tests take an older one. */
  readonly oldestMajor?: number;
}

/**
 * Compiles HIP source with the runtime's own compiler, in a process of its own, which may die of it. The result is kept on
 * disk under a hash of the source, the options, the architecture and the runtime's version.
 *
 * @returns the code object
 * @throws HipCompileError with the compiler's messages, or how its process ended
 */
export async function compileHip(runtime: HipRuntime, options: CompileOptions): Promise<Uint8Array> {
  const { fs, path } = runtime.node;
  const { source, name, arch, oldestMajor = OLDEST_MAJOR } = options;
  if (runtime.major < oldestMajor) {
    throw new HipCompileError(
      name,
      arch,
      `the compiler of HIP ${runtime.version} is too old; install ROCm ${oldestMajor}.0 or newer.`,
    );
  }
  const flags = [`--offload-arch=${arch}`, '-O3', '-std=c++17', ...(options.options ?? [])];
  const folder = options.cacheFolder ?? defaultCache(runtime);
  const key = runtime.node.crypto.createHash('sha256');
  key.update(JSON.stringify([runtime.version, arch, flags, source]));
  const cached = path.join(folder, `${key.digest('hex')}.hsaco`);
  if (fs.existsSync(cached)) return fs.readFileSync(cached);
  fs.mkdirSync(folder, { recursive: true });
  // Written beside and then renamed: another process never sees half a file.
  const output = `${cached}.${process.pid}`;
  try {
    const require = runtime.node.module.createRequire(import.meta.url);
    const answer = await compileInChild(runtime, name, arch, {
      koffi: runtime.node.url.pathToFileURL(require.resolve('koffi')).href,
      libraries: hiprtcCandidates(runtime.node, runtime.path, runtime.major),
      source,
      name,
      options: flags,
      output,
    });
    if (!answer.ok) throw new HipCompileError(name, arch, answer.log);
    fs.renameSync(output, cached);
  } finally {
    fs.rmSync(output, { force: true });
  }
  return fs.readFileSync(cached);
}

function compileInChild(
  runtime: HipRuntime,
  name: string,
  arch: string,
  request: CompileRequest,
): Promise<CompileAnswer> {
  return new Promise((resolve, reject) => {
    const child = runtime.node.childProcess.spawn(process.execPath, ['--input-type=module', '-e', COMPILE_PROGRAM], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output: string[] = [];
    const errors: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    child.on('error', reject);
    // A process that dies early does not read its input: its end says why.
    child.stdin.on('error', () => undefined);
    child.on('close', (code, signal) => {
      const text = output.join('');
      if (code === 0 && text !== '') {
        resolve(JSON.parse(text) as CompileAnswer);
        return;
      }
      const end = signal === null ? `exit code ${code}` : signal;
      const last = errors.join('').trim().split('\n').slice(-3).join('\n');
      const message = `the compiler ended its process (${end}). Does HIP ${runtime.version} know ${arch}?\n${last}`;
      reject(new HipCompileError(name, arch, message.trim()));
    });
    child.stdin.end(JSON.stringify(request));
  });
}

function defaultCache({ node, environment }: HipRuntime): string {
  const base = environment['XDG_CACHE_HOME'] || node.path.join(node.os.homedir(), '.cache');
  return node.path.join(base, 'preshuffle', 'hiprtc');
}
