import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where `node src/tools/hip/build-cpu.mjs` puts the CPU runtime and the kernels for it. */
const FOLDER = path.resolve('.cache/hip-cpu');

/** The CPU runtime of the tests: a test tool that stands for no GPU. */
export const CPU_RUNTIME: string = process.env['PRESHUFFLE_HIP_LIBRARY'] || path.join(FOLDER, 'libhipcpu.so');
export const CPU_OBJECTS: string = process.env['PRESHUFFLE_HIP_CPU_OBJECTS'] || path.join(FOLDER, 'objects');

/** Whether tests that run kernels are left out: only where the runtime was not built, and never on a build server. */
export const skipWithoutCpuRuntime: boolean =
  (process.env['CI'] === undefined || process.env['CI'] === '') && !existsSync(CPU_RUNTIME);
