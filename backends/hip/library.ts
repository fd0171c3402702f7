import { BackendUnavailableError } from '../../src/errors.ts';
import { type Candidate, type Environment, libraryCandidates, OLDEST_MAJOR, tooOld } from './candidates.ts';
import { HipFfi } from './ffi.ts';
import { isNode, type Koffi, loadKoffi, type NodeModules, nodeModules } from './node.ts';

/** Names the library to use, and no other: a path or a soname. */
export const LIBRARY_VARIABLE = 'PRESHUFFLE_HIP_LIBRARY';

export interface RuntimeOptions {
  /** Path or soname of the runtime library. Default: `PRESHUFFLE_HIP_LIBRARY`, else the search of `libraryCandidates`. */
  readonly library?: string;
  /** Default: that of the process. */
  readonly environment?: Environment;
  /** Where /opt and /usr lie. Default `/`. */
  readonly root?: string;
  /** Oldest HIP major that is taken. Default 7; tests of error paths take older ones. */
  readonly oldestMajor?: number;
  /** Imports koffi; a test gives one that fails. */
  readonly importKoffi?: () => Promise<unknown>;
}

/** A loaded HIP runtime library. */
export interface HipRuntime {
  readonly ffi: HipFfi;
  readonly koffi: Koffi;
  readonly node: NodeModules;
  readonly environment: Environment;
  /** Path or soname. */
  readonly path: string;
  readonly major: number;
  /** E.g. `7.0.51831`. */
  readonly version: string;
  /** Every place that was looked at, with what was found there; the last is the one taken. */
  readonly tried: readonly string[];
}

/**
 * Finds and loads the HIP runtime.
 * @throws BackendUnavailableError listing every place with its reason
 */
export async function openRuntime(options: RuntimeOptions = {}): Promise<HipRuntime> {
  if (!isNode()) {
    throw new BackendUnavailableError('hip', 'a browser cannot load the HIP runtime. Use the webgpu backend.');
  }
  const node = await nodeModules();
  const koffi = await loadKoffi(options.importKoffi).catch((cause: Error) => {
    throw new BackendUnavailableError('hip', cause.message, [], { cause });
  });
  const environment = options.environment ?? process.env;
  const { candidates, origin } = places(node, environment, options);
  const tried: string[] = [];
  let sawOld = false;
  for (const candidate of candidates) {
    const attempt = tryCandidate(node, koffi, candidate, options.oldestMajor ?? OLDEST_MAJOR);
    if (attempt.problem === undefined) {
      const { ffi, major, version } = attempt;
      tried.push(`${candidate.path}: HIP ${version}`);
      return { ffi, koffi, node, environment, path: candidate.path, major, version, tried };
    }
    sawOld ||= attempt.old === true;
    tried.push(`${candidate.path}: ${attempt.problem}`);
  }
  throw new BackendUnavailableError('hip', reason(origin, sawOld), tried);
}

function places(
  node: NodeModules,
  environment: Environment,
  options: RuntimeOptions,
): { readonly candidates: readonly Candidate[]; readonly origin: string | undefined } {
  if (options.library !== undefined) return { candidates: [{ path: options.library }], origin: 'option "library"' };
  const named = environment[LIBRARY_VARIABLE];
  if (named !== undefined && named !== '') return { candidates: [{ path: named }], origin: LIBRARY_VARIABLE };
  return { candidates: libraryCandidates(node, environment, options.root), origin: undefined };
}

function reason(origin: string | undefined, sawOld: boolean): string {
  if (origin !== undefined) return `the HIP runtime library that ${origin} names cannot be used.`;
  return sawOld
    ? `the HIP runtime library here is too old. Install ROCm ${OLDEST_MAJOR}.0 or newer, or name a library in ${LIBRARY_VARIABLE}.`
    : `no HIP runtime library was found. Install ROCm ${OLDEST_MAJOR}.0 or newer, or name the library in ${LIBRARY_VARIABLE}.`;
}

type Attempt =
  | { readonly problem: string; readonly old?: boolean }
  | { readonly problem?: undefined; readonly ffi: HipFfi; readonly major: number; readonly version: string };

function tryCandidate(node: NodeModules, koffi: Koffi, candidate: Candidate, oldestMajor: number): Attempt {
  const { path, problem, old = false } = candidate;
  if (problem !== undefined) return { problem, old };
  let ffi: HipFfi;
  try {
    // Lazy binding: a library that lacks some symbol of another one still loads.
    ffi = new HipFfi(path, koffi.load(path, { lazy: true }));
  } catch (cause) {
    return { problem: loadProblem(node, path, cause) };
  }
  let number: number;
  try {
    // Works without a device and before hipInit.
    number = ffi.result('hipRuntimeGetVersion', []);
  } catch (cause) {
    return { problem: `loaded, but it is no HIP runtime (${cause instanceof Error ? cause.message : String(cause)})` };
  }
  const { major, version } = versionOf(number);
  return major < oldestMajor ? { problem: tooOld(version), old: true } : { ffi, major, version };
}

/** The loader's message leaves out the file it was asked for; a missing dependency is named. */
function loadProblem(node: NodeModules, path: string, cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const message = text.replace(/^Failed to load shared library: /, '');
  const isAbsent = path.includes('/')
    ? !node.fs.existsSync(path)
    : message === 'cannot open shared object file: No such file or directory';
  return isAbsent ? 'not found' : `found, but it could not be loaded (${message})`;
}

/** Of what hipRuntimeGetVersion returns: major * 10^7 + minor * 10^5 + patch. */
export function versionOf(number: number): { readonly major: number; readonly version: string } {
  const major = Math.floor(number / 1e7);
  return { major, version: `${major}.${Math.floor(number / 1e5) % 100}.${number % 1e5}` };
}
