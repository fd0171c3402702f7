import { buildHipCpu, missingCompiler } from '../src/tools/hip/build-cpu.mjs';
import { chromiumPath, missingChromium } from './visualizer/browser/chromium.ts';

/**
 * What is made once, before test files run side by side: the CPU runtime of the HIP kernels, and a browser. Where a compiler or a
 * browser is absent the tests that need it say so and are left out; on a build server they fail.
 */
export async function setup(): Promise<void> {
  const missing = missingCompiler();
  if (missing === undefined) await buildHipCpu();
  else console.warn(`HIP kernels are not tested: ${missing}`);
  const noBrowser = missingChromium();
  if (noBrowser !== undefined) console.warn(`The visualizer is not tested: ${noBrowser}`);
  // An unpacked browser, and the path of its libraries, are handed on to the test files.
  else process.env['PRESHUFFLE_CHROMIUM'] = await chromiumPath();
}
