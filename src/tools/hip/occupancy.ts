import type { KernelNotes } from '../../../backends/hip/code-object.ts';
import type { Architecture } from './compile.ts';

/** Registers of a lane of a SIMD, handed out in steps; gfx942 and gfx950 alike. */
const REGISTERS = 512;
const REGISTER_STEP = 8;
const SIMDS = 4;
const MOST_WAVES = 8;
/** With more scalar registers a SIMD has room for 7 waves. */
const SCALAR_REGISTERS = 100;
/** A compute unit tracks the barriers of so many workgroups. */
const MOST_GROUPS = 16;

const LDS: Readonly<Record<Architecture, { readonly bytes: number; readonly step: number }>> = {
  gfx950: { bytes: 160 * 1024, step: 1280 },
  gfx942: { bytes: 64 * 1024, step: 512 },
};

export function ldsLimit(arch: Architecture): number {
  return LDS[arch].bytes;
}

/** Waves of a kernel that run on one SIMD at the same time, or 0 when not even one workgroup fits. */
export function wavesPerSimd(arch: Architecture, kernel: KernelNotes): number {
  const { vgprs, sgprs, ldsBytes, maxThreads } = kernel;
  // The notes count AGPRs among the VGPRs: both come from one file.
  const byRegisters = Math.floor(REGISTERS / (Math.ceil(Math.max(vgprs, 1) / REGISTER_STEP) * REGISTER_STEP));
  const perSimd = Math.min(byRegisters, MOST_WAVES, sgprs > SCALAR_REGISTERS ? 7 : MOST_WAVES);
  const wavesOfGroup = maxThreads / 64;
  const groupsByWaves = Math.floor((perSimd * SIMDS) / wavesOfGroup);
  const { bytes, step } = LDS[arch];
  const groupsByLds =
    ldsBytes === 0 ? Number.POSITIVE_INFINITY : Math.floor(bytes / (Math.ceil(ldsBytes / step) * step));
  const groupsByBarriers = wavesOfGroup === 1 ? Number.POSITIVE_INFINITY : MOST_GROUPS;
  return Math.floor((Math.min(groupsByWaves, groupsByLds, groupsByBarriers) * wavesOfGroup) / SIMDS);
}
