import type { NodeModules } from './node.ts';

/** HIP 7.0 is the first that runs gfx950; the code objects of this package are not tried with older ones. */
export const OLDEST_MAJOR = 7;
const NEWEST_SONAME = 10;
const OLDEST_SONAME = 5;

const NAME = 'libamdhip64.so';

/** A place where a runtime library may lie. */
export interface Candidate {
  /** What is given to the loader: a path, or a bare soname that the loader looks up. */
  readonly path: string;
  /** Set when the place needs no loading to be ruled out. */
  readonly problem?: string;
  /** Set when the problem is its age. */
  readonly old?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Every place to look at, best first: the folders that ROCm's variables name, the loader's own search, /opt/rocm, and Python
 * wheels. Within a folder the greatest number wins: .so.10 before .so.9.
 *
 * A too old library is reported and not loaded: it would bring its own libhsa-runtime64.so.1 into the process, which a
 * newer one found later would then get instead of its own. That is why old bare sonames come last.
 *
 * @param root where /opt and /usr lie; tests give a temporary folder
 */
export function libraryCandidates(node: NodeModules, environment: Environment, root = '/'): readonly Candidate[] {
  const { path } = node;
  const named = ['ROCM_PATH', 'ROCM_HOME', 'HIP_PATH'].flatMap((name) => {
    const folder = environment[name];
    return folder === undefined || folder === '' ? [] : [path.join(folder, 'lib'), path.join(folder, 'lib64')];
  });
  const opt = path.join(root, 'opt');
  const installed = [
    path.join(opt, 'rocm', 'lib'),
    ...folders(node, path.join(opt, 'rocm'), /^core/).map((folder) => path.join(folder, 'lib')),
    ...folders(node, opt, /^rocm-/).map((folder) => path.join(folder, 'lib')),
  ];
  const wheels = pythonFolders(node, environment, '_rocm_sdk_core', root).map((folder) =>
    path.join(folder, '_rocm_sdk_core', 'lib'),
  );
  const sonames = range(NEWEST_SONAME, OLDEST_SONAME).map((major) => ({ major, path: `${NAME}.${major}` }));
  return [
    ...unique(named).map((folder) => inFolder(node, folder)),
    ...sonames.filter(({ major }) => major >= OLDEST_MAJOR).map((soname) => ({ path: soname.path })),
    ...unique([...installed, ...wheels]).map((folder) => inFolder(node, folder)),
    { path: NAME },
    ...sonames.filter(({ major }) => major < OLDEST_MAJOR).map((soname) => ({ path: soname.path })),
  ];
}

/** Why a library of this HIP version is not used. */
export function tooOld(version: string): string {
  return `found, but it is HIP ${version}; this backend needs ROCm ${OLDEST_MAJOR}.0 or newer`;
}

/** `libhiprtc` beside the runtime, of the same major: mixing versions is not supported by ROCm. */
export function hiprtcCandidates(node: NodeModules, runtime: string, major: number): readonly string[] {
  const name = `libhiprtc.so.${major}`;
  // From ROCm 7 on the compiler is in a library of its own; before, also in the runtime.
  const beside = runtime.includes('/') ? [node.path.join(node.path.dirname(runtime), name)] : [];
  return [...beside, name, ...(major < 7 ? [runtime] : [])];
}

/** The library of a folder: the plain name, else the greatest number. */
function inFolder(node: NodeModules, folder: string): Candidate {
  const { fs, path } = node;
  const plain = path.join(folder, NAME);
  const found = fs.existsSync(plain) ? plain : greatest(node, folder);
  if (found === undefined) return { path: plain, problem: 'not found' };
  // A link may have any name; a file of another name than ROCm gives tells its version when it is loaded.
  const version = /^libamdhip64\.so\.(\d+(?:\.\d+)*)$/.exec(path.basename(fs.realpathSync(found)))?.[1];
  return version !== undefined && Number.parseInt(version, 10) < OLDEST_MAJOR
    ? { path: found, problem: tooOld(version), old: true }
    : { path: found };
}

function greatest(node: NodeModules, folder: string): string | undefined {
  const names = list(node, folder).filter((name) => new RegExp(`^${NAME}(\\.\\d+)+$`).test(name));
  const [best] = names.sort(byNumbers);
  return best === undefined ? undefined : node.path.join(folder, best);
}

/** Folders whose name matches, greatest version first. */
function folders(node: NodeModules, parent: string, pattern: RegExp): readonly string[] {
  const names = list(node, parent).filter((name) => pattern.test(name));
  return names.sort(byNumbers).map((name) => node.path.join(parent, name));
}

/** Folders of Python packages that have one of that name, best first. */
export function pythonFolders(
  node: NodeModules,
  environment: Environment,
  wanted: string,
  root = '/',
): readonly string[] {
  const { path } = node;
  const prefixes = [
    environment['VIRTUAL_ENV'],
    environment['CONDA_PREFIX'],
    environment['HOME'] === undefined ? undefined : path.join(environment['HOME'], '.local'),
    path.join(root, 'usr', 'local'),
    path.join(root, 'usr'),
  ].filter((prefix) => prefix !== undefined && prefix !== '');
  return prefixes.flatMap((prefix) =>
    folders(node, path.join(prefix as string, 'lib'), /^python3/).flatMap((python) =>
      // Only those that have it: an error need not list every Python of the machine.
      ['site-packages', 'dist-packages']
        .map((packages) => path.join(python, packages))
        .filter((packages) => node.fs.existsSync(path.join(packages, wanted))),
    ),
  );
}

function list(node: NodeModules, folder: string): string[] {
  try {
    return node.fs.readdirSync(folder);
  } catch {
    return [];
  }
}

/** The numbers at the end of a name, e.g. [10, 0, 26306]. */
function numbers(name: string): readonly number[] {
  return (/[\d.]+$/.exec(name)?.[0].match(/\d+/g) ?? []).map(Number);
}

function byNumbers(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (right[index] ?? -1) - (left[index] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

function unique(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)];
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: from - to + 1 }, (_, index) => from - index);
}
