import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CPU_OBJECTS, CPU_RUNTIME, skipWithoutCpuRuntime } from '../backends/hip/cpu-runtime.ts';
import { preshuffle } from '../helpers/cli.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-tune-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const EMULATED = { PRESHUFFLE_HIP_LIBRARY: CPU_RUNTIME, PRESHUFFLE_HIP_CPU_OBJECTS: CPU_OBJECTS };

describe.skipIf(skipWithoutCpuRuntime)('on the CPU runtime', () => {
  it('refuses to tune an emulation', () => {
    const { status, stderr } = preshuffle(['tune', '--n', '256', '--k', '512', '--m', '1'], EMULATED);
    expect(status).toBe(2);
    expect(stderr).toContain('times of an emulation say nothing. Run tune on an AMD GPU.');
  });

  it('writes choices that the backend then takes', () => {
    const out = path.join(folder, 'tiles.json');
    const args = ['tune', '--n', '256', '--k', '1024', '--m', '1,48', '--rounds', '1', '--emulated', '--out', out];
    const { status, stdout } = preshuffle(args, EMULATED);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^M 48, N 256, K 1024 +\d+\.\d us /m);
    expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({ format: 'preshuffle-hip-tiles-1' });
    const verify = ['verify', 'test/golden/gemm.safetensors', '--backend', 'hip'];
    const run = preshuffle(verify, { ...EMULATED, PRESHUFFLE_HIP_TILES: out });
    expect(run.stdout).toContain('4 cases: 4 passed, 0 failed, 0 skipped');
  });

  it('says when the choices cannot be read', () => {
    const { status, stderr } = preshuffle(['verify', 'test/golden/gemm.safetensors', '--backend', 'hip'], {
      ...EMULATED,
      PRESHUFFLE_HIP_TILES: '/nowhere/tiles.json',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('PRESHUFFLE_HIP_TILES names /nowhere/tiles.json, which cannot be read');
  });
});

it.each([
  [['tune', '--n', '256', '--m', '1'], '--n and --k belong together.'],
  [['tune', '--m', '1'], 'expected --model, or --n and --k.'],
  [['tune', '--n', '-3', '--k', '128'], '"-3" is not a positive integer.'],
])('%j', (args, message) => {
  const { status, stderr } = preshuffle(args);
  expect(stderr).toContain(message);
  expect(status).toBe(2);
});
