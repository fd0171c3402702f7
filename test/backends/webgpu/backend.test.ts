import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openCpu } from '../../../backends/cpu/index.ts';
import { openWebGpu, probeWebGpu } from '../../../backends/webgpu/index.ts';
import { OperandError, UnsupportedOpError } from '../../../src/errors.ts';
import { rowMajor, shuffleWeight } from '../../../src/layout/catalog.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index * 7 + 1);

describe('tensors on the device', () => {
  it('come back as they went, whatever their length', async () => {
    const backend = await openWebGpu();
    for (const length of [1, 2, 3, 4, 5, 255, 4097]) {
      const there = await backend.upload(tensorFrom('x', 'u8', [length], bytes(length)));
      expect((await backend.download(there)).bytes).toEqual(bytes(length));
      backend.free(there);
    }
    await backend.dispose();
  });

  it('stay there between ops', async () => {
    const backend = await openWebGpu();
    const x = await backend.upload(tensorFrom('x', 'u8', [16, 32], bytes(512)));
    const to = shuffleWeight([16, 32]);
    const { y } = await backend.runOnDevice('permute', { to }, { x });
    const { y: back } = await backend.runOnDevice('permute', { to: rowMajor([16, 32]) }, { x: y as never });
    expect((await backend.download(back as never)).bytes).toEqual(bytes(512));
    await backend.dispose();
  });

  it('are refused when they are gone or belong to another backend', async () => {
    const backend = await openWebGpu();
    const cpu = openCpu();
    const mine = await backend.upload(tensorFrom('x', 'u8', [4], bytes(4)));
    const other = await cpu.upload(tensorFrom('y', 'u8', [4], bytes(4)));
    backend.free(mine);
    expect(() => backend.free(mine)).toThrow('"x"');
    await expect(backend.download(mine)).rejects.toThrow('"x"');
    await expect(backend.download(other)).rejects.toThrow('"y"');
    await expect(cpu.download(mine)).rejects.toThrow(
      'tensor "x" is not on the cpu backend: it was freed, or belongs to another backend. Upload it again.',
    );
    await backend.dispose();
    await expect(backend.upload(tensorFrom('z', 'u8', [4], bytes(4)))).rejects.toThrow();
    await backend.dispose();
  });
});

it('shares one device between backends, which end independently', async () => {
  const [first, second] = [await openWebGpu(), await openWebGpu()];
  await first.dispose();
  const { y } = await second.run(
    'permute',
    { to: shuffleWeight([16, 32]) },
    { x: tensorFrom('x', 'u8', [16, 32], bytes(512)) },
  );
  expect(y.bytes.length).toBe(512);
  await second.dispose();
});

it('says what it does not run, and runs the checks of the op', async () => {
  const backend = await openWebGpu();
  const routes = {
    topk_ids: tensorFrom('topk_ids', 'i32', [1, 1], Int32Array.of(0)),
    topk_weights: tensorFrom('topk_weights', 'f32', [1, 1], Float32Array.of(1)),
  };
  const sorting = { experts: 2, block_m: 2 ** 31 };
  expect(backend.supports('moe_sorting', sorting, routes)).toEqual({
    supported: false,
    reason: expect.stringContaining('exceed the 32-bit offsets of the shader'),
  });
  await expect(backend.run('moe_sorting', sorting, routes)).rejects.toThrow(UnsupportedOpError);
  await expect(
    backend.run('per_1x128_quant', {}, { x: tensorFrom('x', 'f32', [2, 100], new Float32Array(200)) }),
  ).rejects.toThrow(OperandError);
  // An error leaves the backend usable.
  const { y } = await backend.run('decode', {}, { x: tensorFrom('x', 'e4m3fn', [1], Uint8Array.of(0x38)) });
  expect(new Float32Array(y.bytes.buffer, y.bytes.byteOffset, 1)[0]).toBe(1);
  await backend.dispose();
});

it('probes without opening a device', async () => {
  const probe = await probeWebGpu();
  expect(probe).toMatchObject({ id: 'webgpu', available: true });
  expect(probe.summary).not.toBe('');
});

describe('in a process of its own', () => {
  const run = (code: string, env: Readonly<Record<string, string>>) => {
    const file = `.cache/backend-test-${process.pid}-${Math.random().toString(36).slice(2)}.ts`;
    mkdirSync('.cache', { recursive: true });
    writeFileSync(file, code);
    return spawnSync(process.execPath, ['src/tools/run-ts.mjs', file], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
  };

  it('ends by itself after use, silently', () => {
    const code = `import { openWebGpu } from '../backends/webgpu/index.ts';
import { tensorFrom } from '../src/tensor/make.ts';
const backend = await openWebGpu();
const { y } = await backend.run('decode', {}, { x: tensorFrom('x', 'e4m3fn', [1], Uint8Array.of(0x38)) });
console.log(y.type, backend.device.name.length > 0);
await backend.dispose();`;
    expect(run(code, { PRESHUFFLE_WEBGPU: 'software' })).toMatchObject({ status: 0, stdout: 'f32 true\n', stderr: '' });
  });

  it('refuses a software adapter when a GPU was asked for, and a wrong value', () => {
    const code = `import { openWebGpu } from '../backends/webgpu/index.ts';
await openWebGpu().then((backend) => console.log(backend.device.facts.software), (error) => console.log(error.code, error.message.split('\\n').length > 1));`;
    // With a real GPU the first line is "false", without one the error lists what was tried.
    expect(['false\n', 'backend-unavailable true\n']).toContain(run(code, { PRESHUFFLE_WEBGPU: 'hardware' }).stdout);
    expect(run(code, { PRESHUFFLE_WEBGPU: 'fast' }).stdout).toContain('parameter');
  });
});
