import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openHip } from '../../backends/hip/index.ts';
import { openGoldenFile, runGolden } from '../../src/golden/index.ts';
import { fileSource } from '../../src/io/node.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from '../backends/hip/cpu-runtime.ts';

const files = readdirSync('test/golden').map((name) => `test/golden/${name}`);

/** Through the same koffi path as on a GPU. Lazy: copies into LDS happen only when a wait forces them. */
const MODES = [
  ['eager', 'forward'],
  ['lazy', 'reverse'],
  ['lazy', 'random:7'],
] as const;

it.skipIf(skipWithoutCpuRuntime).each(MODES)(
  'every golden case holds on the HIP kernels, %s %s',
  async (dma, order) => {
    // The runtime reads its settings from the process.
    Object.assign(process.env, { PRESHUFFLE_HIP_CPU_DMA: dma, PRESHUFFLE_HIP_CPU_ORDER: order });
    const environment = {
      ...process.env,
      PRESHUFFLE_HIP_LIBRARY: CPU_RUNTIME,
      PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS,
    };
    const backend = await openHip({ environment });
    expect(backend.device.name).toContain('CPU emulation, not a GPU');
    const sources = await Promise.all(files.map(fileSource));
    const report = await runGolden(backend, await Promise.all(sources.map(openGoldenFile)));
    await Promise.all(sources.map((source) => source.close()));
    await backend.dispose();
    expect(
      report.results.filter(({ status }) => status === 'fail').map((result) => `${result.case}: ${result.reason}`),
    ).toEqual([]);
    const skipped = report.results.filter(({ status }) => status === 'skip');
    for (const { reason } of skipped) expect(reason).toContain('gfx950 know no fnuz formats');
    expect(skipped.length).toBe(3);
    expect(report.passed).toBe(308);
  },
);
