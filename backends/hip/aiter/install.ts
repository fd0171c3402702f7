import { BackendUnavailableError } from '../../../src/errors.ts';
import { pythonFolders } from '../candidates.ts';
import { type DeviceFacts, isEmulated } from '../device.ts';
import type { HipRuntime } from '../library.ts';

/** The architecture whose objects are known here. AITER has some for others too, with other number formats. */
const ARCH = 'gfx950';
const VARIABLE = 'AITER_ASM_DIR';

/** An AITER install of the user, whose assembled kernels are loaded from there. Nothing of it is part of this package. */
export interface AiterInstall {
  /** `.../hsa/gfx950`. */
  readonly folder: string;
  /** Whether it has a code object, e.g. `f4gemm/f4gemm_bf16_per1x32Fp4_BpreShuffle_256x256.co`. */
  has(object: string): boolean;
  /** @throws Error of the file system */
  read(object: string): Uint8Array;
}

/**
 * Finds the code objects of AITER: below `$AITER_ASM_DIR` as AITER itself looks for them, or in a Python package aiter_meta.
 * @param root where /usr lies; tests give a temporary folder
 * @throws BackendUnavailableError listing what was tried
 */
export function findAiter(runtime: HipRuntime, device: DeviceFacts, root = '/'): AiterInstall {
  const { node, environment } = runtime;
  const { fs, path } = node;
  if (isEmulated(device) || device.arch !== ARCH) {
    const what = isEmulated(device) ? 'a CPU emulation' : device.arch;
    throw new BackendUnavailableError(
      'hip',
      `AITER's kernels run on ${ARCH} only, and this is ${what}. ${WITHOUT}`,
      [],
    );
  }
  const named = environment[VARIABLE];
  const folders = [
    ...(named === undefined || named === '' ? [] : [path.join(named, ARCH)]),
    ...pythonFolders(node, environment, 'aiter_meta', root).map((packages) =>
      path.join(packages, 'aiter_meta', 'hsa', ARCH),
    ),
  ];
  const folder = folders.find((candidate) => fs.existsSync(candidate));
  if (folder === undefined) {
    throw new BackendUnavailableError(
      'hip',
      `no AITER install was found. ${VARIABLE} names its folder "hsa"; else it is the Python package aiter_meta. ${WITHOUT}`,
      folders.map((candidate) => `${candidate}: not found`),
    );
  }
  return {
    folder,
    has: (object) => fs.existsSync(path.join(folder, object)),
    read: (object) => fs.readFileSync(path.join(folder, object)),
  };
}

/** What to do instead. */
export const WITHOUT = "Open the backend without kernel: 'aiter-asm' to use this package's kernels.";
