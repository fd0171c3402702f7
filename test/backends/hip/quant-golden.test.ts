import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openHipBackend } from '../../../backends/hip/backend.ts';
import { runGolden } from '../../../src/golden/index.ts';
import type { OpName } from '../../../src/ops/registry.ts';
import { goldenFile } from '../webgpu/gemm-support.ts';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from './cpu-runtime.ts';

const OPS = [
  'ceil_to_ue8m0',
  'decode',
  'deepgemm_per_block_cast',
  'deepgemm_per_token_cast',
  'deepgemm_per_token_cast_packed',
  'dynamic_mxfp4_quant',
  'encode',
  'mx_scale',
  'mxfp4_quant',
  'mxfp8_quant',
  'normalize_e4m3fn_to_e4m3fnuz',
  'pack_ue8m0_mn_major',
  'pack_ue8m0_to_int',
  'per_1x128_quant',
  'per_tensor_quant',
  'per_token_quant',
  'requant_weight_ue8m0',
  'unpack_ue8m0_scale',
] as const satisfies readonly OpName[];

describe.skipIf(skipWithoutCpuRuntime)('golden cases of quantisers on HIP', () => {
  let backend: Backend;
  beforeAll(async () => {
    const environment = { ...process.env, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };
    backend = await openHipBackend({ library: CPU_RUNTIME, environment });
  });
  afterAll(() => backend.dispose());

  it('all pass', async () => {
    const names = readdirSync(path.resolve('test/golden')).filter((name) => name.endsWith('.safetensors'));
    const files = await Promise.all(names.map((name) => goldenFile(name)));
    const { results } = await runGolden(backend, files, { ops: OPS });
    const wrong = results.filter(({ status }) => status !== 'pass');
    expect(wrong.map((result) => `${result.case}: ${result.reason}`)).toEqual([]);
    expect(results.length).toBeGreaterThan(100);
  });
});
