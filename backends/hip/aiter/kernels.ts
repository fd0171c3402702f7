import type { OpName } from '../../../src/ops/registry.ts';
import { readCodeObject } from '../code-object.ts';
import { CodeObjectError } from '../errors.ts';
import type { HipKernel } from '../kernels/kernel.ts';
import { requireKnownKernel } from './arguments.ts';
import { aiterFp4Gemm, FP4_GEMM_TILES, knownFp4Gemm } from './fp4-gemm.ts';
import { aiterFp8Gemm, FP8_GEMM_TILES, knownFp8Gemm } from './fp8-gemm.ts';
import type { AiterInstall } from './install.ts';

/** The kernels of an AITER install as a backend uses them. */
export interface AiterKernels {
  readonly folder: string;
  /** The kernel of an op; undefined when AITER has none that is known here. */
  kernelFor<N extends OpName>(op: N): HipKernel<N> | undefined;
  /**
   * A code object of AITER by the name that launches give, checked; undefined when the name is not one of AITER's.
   * @throws CodeObjectError when it cannot be read, or is not what this version knows
   */
  read(object: string): Uint8Array | undefined;
}

const KNOWN = new Map([
  ...FP8_GEMM_TILES.map((tile) => [tile.object, knownFp8Gemm(tile)] as const),
  ...FP4_GEMM_TILES.map((tile) => [tile.object, knownFp4Gemm(tile)] as const),
]);

export function aiterKernels(install: AiterInstall): AiterKernels {
  const kernels = [aiterFp8Gemm(install), aiterFp4Gemm(install)];
  const byOp = new Map<OpName, unknown>(kernels.map((kernel) => [kernel.op, kernel]));
  return {
    folder: install.folder,
    kernelFor: <N extends OpName>(op: N) => byOp.get(op) as HipKernel<N> | undefined,
    read(object) {
      const known = KNOWN.get(object);
      if (known === undefined) return undefined;
      const bytes = readFile(install, object);
      const code = readCodeObject(object, bytes);
      requireKnownKernel(object, code.machine === 'amdgpu' ? code.kernels.get(known.kernel) : undefined, known);
      return bytes;
    },
  };
}

function readFile(install: AiterInstall, object: string): Uint8Array {
  try {
    return install.read(object);
  } catch (cause) {
    throw new CodeObjectError(object, `cannot be read from ${install.folder} (${String(cause)}).`);
  }
}
