// Reports for tests and pictures, made by running the suite. As a program it writes them:
// node src/tools/run-ts.mjs test/visualizer/golden-reports.ts FOLDER
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openCpu } from '../../backends/cpu/index.ts';
import { type BackendReport, openGoldenFile, runGolden } from '../../src/golden/index.ts';
import { fileSource } from '../../src/io/node.ts';
import { memorySource } from '../../src/io/source.ts';
import { type Fault, faultyBackend, recode } from '../helpers/faulty-backend.ts';
import { goldenCases } from '../helpers/golden-edit.ts';

/** Every FP8 incident run as it went wrong, as `preshuffle verify --wrong-way` does. */
export async function incidentReport(): Promise<BackendReport> {
  const source = await fileSource('test/golden/fp8-incidents.safetensors');
  const report = await runGolden(openCpu(), [await openGoldenFile(source)], { wrongWay: true });
  await source.close();
  return report;
}

/** What a device may get wrong: a lane half that never stores, a scale of the wrong block, a NaN, one lost token. */
const FAULTS: readonly Fault[] = [
  {
    op: 'permute',
    outputs: ({ y, ...rest }) =>
      y === undefined || y.layout.shape.length !== 3
        ? { ...rest, ...(y === undefined ? {} : { y }) }
        : {
            ...rest,
            y: recode(y, ([e, n], code) => {
              if (e === 2 && (n as number) % 32 >= 16) code.fill(0);
            }),
          },
  },
  {
    op: 'gemm_a8w8_blockscale',
    operands: (operands) => ({
      ...operands,
      // The exponent of the second block of rows is one too high.
      w_scale: recode(operands['w_scale'] as never, ([block], code) => {
        if (block === 1) new DataView(code.buffer, code.byteOffset).setFloat32(0, 2 * read(code), true);
      }),
    }),
  },
  {
    op: 'fused_moe_mxfp4',
    outputs: (outputs) => ({
      ...outputs,
      y: recode(outputs['y'] as never, ([token], code) => {
        if (token === 3) code.fill(0);
      }),
    }),
  },
  {
    op: 'per_1x128_quant',
    outputs: (outputs) => ({
      ...outputs,
      y: recode(outputs['y'] as never, ([m, k], code) => {
        if (m === 2 && k === 16) code.fill(0x7f);
        else if ((k as number) % 128 === 127) code[0] = (code[0] as number) ^ 1;
      }),
    }),
  },
];

const CASES: readonly (readonly [file: string, ...cases: string[]])[] = [
  ['shuffle.safetensors', 'moe_w_4x128x128_gi1_gu0', 'moe_w_4x128x128_gi0_gu1', 'weight_fp8_128x256', 'scale_100x11'],
  ['gemm.safetensors', 'a8w8_blockscale_33x384x1024', 'a8w8_blockscale_1x128x128'],
  ['moe.safetensors', 'fused_swiglu_5_4_2_64_128', 'sorting_5_4_2_4'],
  ['quant.safetensors', 'per_1x128_e4m3fn_bf16_7x512', 'per_tensor_bf16_4x256'],
];

/** The CPU reference beside a device with faults, and a backend that is not there. */
export async function faultyReport(): Promise<readonly unknown[]> {
  const files = await Promise.all(
    CASES.map(async ([file, ...cases]) =>
      openGoldenFile(memorySource(goldenCases(file, ...cases).bytes(), `test/golden/${file}`)),
    ),
  );
  const webgpu = { id: 'webgpu', device: null };
  return [
    await runGolden(openCpu(), files),
    { backend: webgpu, error: 'no adapter', cases: 0, passed: 0, failed: 0, skipped: 0, invalid: 0, results: [] },
    await runGolden(faultyBackend(FAULTS), files),
  ];
}

function read(code: Uint8Array): number {
  return new DataView(code.buffer, code.byteOffset).getFloat32(0, true);
}

const [, , folder] = process.argv;
if (folder !== undefined && process.env['VITEST'] === undefined) {
  mkdirSync(folder, { recursive: true });
  const reports = { incidents: await incidentReport(), faulty: await faultyReport() };
  for (const [name, report] of Object.entries(reports))
    writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(report)}\n`);
}
