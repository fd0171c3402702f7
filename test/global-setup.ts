import { buildHipCpu, missingCompiler } from '../src/tools/hip/build-cpu.mjs';

/**
 * Builds the CPU runtime of the HIP kernels once, before test files run side by side. Where its compiler is absent the tests that need
 * it say so and are left out; on a build server they fail.
 */
export async function setup(): Promise<void> {
  const missing = missingCompiler();
  if (missing === undefined) await buildHipCpu();
  else console.warn(`HIP kernels are not tested: ${missing}`);
}
