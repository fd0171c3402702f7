import { type DeviceFacts, isEmulated } from './device.ts';
import { CodeObjectError } from './errors.ts';
import type { HipRuntime } from './library.ts';
import type { NodeModules } from './node.ts';

/** Folder of the x86 objects for the CPU runtime of the tests. */
export const CPU_OBJECTS_VARIABLE = 'PRESHUFFLE_HIP_CPU_OBJECTS';

const BUILD = 'Build them with "npm run build:hip".';
const BUILD_CPU = 'Build them with "node src/tools/hip/build-cpu.mjs".';

/**
 * Where the code objects for a device lie: `backends/hip/objects/<arch>` of this package, or `$PRESHUFFLE_HIP_CPU_OBJECTS` for
 * the CPU runtime. Undefined when that variable is not set.
 */
export function objectFolder({ node, environment }: HipRuntime, device: DeviceFacts): string | undefined {
  const { path } = node;
  if (!isEmulated(device)) return path.join(packageRoot(node), 'backends', 'hip', 'objects', device.arch);
  const folder = environment[CPU_OBJECTS_VARIABLE];
  return folder === undefined || folder === '' ? undefined : path.resolve(folder);
}

/** The file of a code object, `<name>.hsaco` or, for the CPU runtime, `<name>.so`; undefined when there is none. */
export function objectFile(runtime: HipRuntime, device: DeviceFacts, name: string): string | undefined {
  const folder = objectFolder(runtime, device);
  if (folder === undefined) return undefined;
  const file = runtime.node.path.join(folder, `${name}.${isEmulated(device) ? 'so' : 'hsaco'}`);
  return runtime.node.fs.existsSync(file) ? file : undefined;
}

/** Why there is no such file, and what to do. */
export function missingObject(runtime: HipRuntime, device: DeviceFacts, name: string): string {
  const folder = objectFolder(runtime, device);
  if (folder === undefined) return missingObjects(runtime, device) ?? '';
  return isEmulated(device)
    ? `${folder} has no ${name}.so. ${BUILD_CPU}`
    : `this package has no code object "${name}" for ${device.arch}. ${BUILD}`;
}

/** Why no kernel at all can run on a device; undefined when there are code objects for it. */
export function missingObjects(runtime: HipRuntime, device: DeviceFacts): string | undefined {
  const folder = objectFolder(runtime, device);
  if (folder === undefined) {
    return `the CPU runtime needs ${CPU_OBJECTS_VARIABLE}, the folder of its code objects. ${BUILD_CPU}`;
  }
  if (runtime.node.fs.existsSync(folder)) return undefined;
  return isEmulated(device)
    ? `${CPU_OBJECTS_VARIABLE} names ${folder}, which is not there. ${BUILD_CPU}`
    : `this package has no code objects for ${device.arch} (${folder}). ${BUILD}`;
}

/** @throws CodeObjectError when there is none, or it cannot be read */
export function readObject(runtime: HipRuntime, device: DeviceFacts, name: string): Uint8Array {
  const file = objectFile(runtime, device, name);
  if (file === undefined) throw new CodeObjectError(name, missingObject(runtime, device, name));
  try {
    return runtime.node.fs.readFileSync(file);
  } catch (cause) {
    throw new CodeObjectError(name, `${file} cannot be read (${String(cause)}).`);
  }
}

/** The folder of this package: that of the nearest package.json named preshuffle, from the sources and from dist/ alike. */
function packageRoot({ fs, path, url }: NodeModules): string {
  const start = path.dirname(url.fileURLToPath(import.meta.url));
  let folder = start;
  for (;;) {
    const manifest = path.join(folder, 'package.json');
    if (fs.existsSync(manifest)) {
      const { name } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { readonly name?: string };
      if (name === 'preshuffle') return folder;
    }
    const parent = path.dirname(folder);
    if (parent === folder) return start;
    folder = parent;
  }
}
