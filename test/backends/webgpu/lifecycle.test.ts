import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeviceTensor } from '../../../backends/backend.ts';
import { allocate, downloadBytes, release, uploadBytes } from '../../../backends/webgpu/buffers.ts';
import { acquireGpu, releaseGpu } from '../../../backends/webgpu/device.ts';
import { DeviceLostError } from '../../../backends/webgpu/errors.ts';
import { openWebGpu, probeWebGpu } from '../../../backends/webgpu/index.ts';
import { runKernels } from '../../../backends/webgpu/kernel.ts';
import { hasSystemLoader } from '../../../backends/webgpu/node/vulkan-loader.ts';
import { OperandError, ParameterError, PreshuffleError, UnsupportedOpError } from '../../../src/errors.ts';
import { columnMajor, rowMajor } from '../../../src/layout/plain.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';

const x = tensorFrom('x', 'u8', [2, 2], Uint8Array.of(1, 2, 3, 4));
const transpose = { to: columnMajor([2, 2]) };
const transposed = Uint8Array.of(1, 3, 2, 4);

function goneError(name: string): PreshuffleError {
  return new PreshuffleError(
    'device-tensor',
    `tensor "${name}" is not on this webgpu backend: it was freed, or belongs to another backend. Upload it again.`,
  );
}

describe('a tensor on the device', () => {
  it('keeps its spec, and operands outlive the op that reads them', async () => {
    const backend = await openWebGpu();
    const scale = tensorFrom('scale', 'e8m0', [2, 2], x.bytes, 'e8m0');
    const handle = await backend.upload(scale);
    const { bytes: _bytes, ...spec } = scale;
    expect(handle).toMatchObject({ ...spec, backend: 'webgpu' });
    for (let round = 0; round < 2; round += 1) {
      const { y } = await backend.runOnDevice('permute', transpose, { x: handle });
      expect(y).not.toHaveProperty('bytes');
      expect(await backend.download(y as DeviceTensor)).toEqual({
        ...spec,
        layout: transpose.to,
        bytes: transposed,
      });
      backend.free(y as DeviceTensor);
    }
    expect(await backend.download(handle)).toEqual(scale);
    await backend.dispose();
  });

  it('belongs to one backend, even where two share a device', async () => {
    const [one, two] = [await openWebGpu(), await openWebGpu()];
    const handle = await one.upload(x);
    await expect(two.download(handle)).rejects.toThrow(goneError('x'));
    await expect(two.runOnDevice('permute', transpose, { x: handle })).rejects.toThrow(goneError('x'));
    expect(() => two.free(handle)).toThrow(goneError('x'));
    await two.dispose();
    expect((await one.download(handle)).bytes).toEqual(x.bytes);
    one.free(handle);
    expect(() => one.free(handle)).toThrow(goneError('x'));
    await expect(one.runOnDevice('permute', transpose, { x: handle })).rejects.toThrow(goneError('x'));
    await one.dispose();
  });

  it('cannot plan an op that needs its values, and is still there afterwards', async () => {
    const backend = await openWebGpu();
    const handle = await backend.upload(x);
    await expect(backend.runOnDevice('permute', { to: rowMajor([4]) }, { x: handle })).rejects.toThrow(OperandError);
    await expect(backend.runOnDevice('permute', transpose, {})).rejects.toThrow(OperandError);
    expect((await backend.download(handle)).bytes).toEqual(x.bytes);
    await backend.dispose();
  });
});

describe('a backend that was disposed', () => {
  it('refuses everything, by the same error, and may be disposed again', async () => {
    const backend = await openWebGpu();
    const handle = await backend.upload(x);
    await backend.dispose();
    await backend.dispose();
    const disposed = new PreshuffleError(
      'backend-disposed',
      'this webgpu backend was disposed. Open it again with openWebGpu().',
    );
    await expect(backend.upload(x)).rejects.toThrow(disposed);
    await expect(backend.download(handle)).rejects.toThrow(disposed);
    await expect(backend.run('permute', transpose, { x })).rejects.toThrow(disposed);
    await expect(backend.runOnDevice('permute', transpose, { x: handle })).rejects.toThrow(disposed);
    expect(() => backend.free(handle)).toThrow(disposed);
  });

  it('counts once for the device it shares, however often it is disposed', async () => {
    const [one, two] = [await openWebGpu(), await openWebGpu()];
    await Promise.all([one.dispose(), one.dispose()]);
    await one.dispose();
    expect((await two.run('permute', transpose, { x })).y.bytes).toEqual(transposed);
    await two.dispose();
  });
});

describe('a call that cannot run', () => {
  it('is refused with the reason that supports() gives', async () => {
    const backend = await openWebGpu();
    const ids = tensorFrom('topk_ids', 'i32', [1, 1], Int32Array.of(0));
    const weights = tensorFrom('topk_weights', 'f32', [1, 1], Float32Array.of(1));
    const sorting = { experts: 2, block_m: 2 ** 31 };
    const operands = { topk_ids: ids, topk_weights: weights };
    const reason = '4294967297 rows exceed the 32-bit offsets of the shader: use the cpu backend.';
    expect(backend.supports('moe_sorting', sorting, operands)).toEqual({ supported: false, reason });
    await expect(backend.run('moe_sorting', sorting, operands)).rejects.toThrow(
      new UnsupportedOpError('webgpu', 'moe_sorting', reason),
    );
    expect(backend.supports('permute', transpose, { x })).toEqual({ supported: true });
    await backend.dispose();
  });

  it('reports wrong operands and parameters as the op itself does, before a missing kernel', async () => {
    const backend = await openWebGpu();
    await expect(backend.run('permute', { to: rowMajor([4, 4]) }, { x })).rejects.toThrow(
      new OperandError(
        'permute',
        'x',
        'has logical shape [2, 2], but the target layout row-major is bound to [4, 4]. ' +
          "Bind the layout to the tensor's logical shape.",
      ),
    );
    await expect(backend.run('permute', { ...transpose, fill: 256 }, { x })).rejects.toThrow(
      new ParameterError('permute', 'fill', 'is 256, expected a byte 0..255.'),
    );
    await expect(backend.run('swiglu', {}, { glu: x, linear: x } as never)).rejects.toThrow(OperandError);
    await backend.dispose();
  });

  it('gives the memory of an op back that the device has no buffer for', async () => {
    const limits = { maxBufferSize: 8192 };
    const backend = await openWebGpu({ limits });
    // 4000 codes become 16000 bytes of float32.
    const codes = tensorFrom('x', 'e4m3fn', [4000], new Uint8Array(4000));
    await expect(backend.run('decode', {}, { x: codes })).rejects.toThrow(
      /^buffer ".+" of 16000 bytes: this device allows 8192 bytes in one buffer\. Run it in parts, or on the cpu backend\.$/,
    );
    expect((await backend.run('permute', transpose, { x })).y.bytes).toEqual(transposed);
    await backend.dispose();
  });
});

describe('the device', () => {
  it('runs calls in order, each seeing what the ones before wrote, and nothing for no workgroups', async () => {
    const gpu = await acquireGpu();
    const [a, b, c, d] = [uploadBytes(gpu, x.bytes, 'a'), ...['b', 'c', 'd'].map((name) => allocate(gpu, 4, name))];
    if (b === undefined || c === undefined || d === undefined) throw new Error('unreachable');
    const word = Uint32Array.of(1, 0, 4, 0, 4, 0, 0);
    await runKernels(gpu, 'test', [
      { shader: 'permute', bindings: [word, a, b], workgroups: 1 },
      { shader: 'permute', bindings: [word, b, c], workgroups: 1 },
      { shader: 'permute', bindings: [word, a, d], workgroups: 0 },
    ]);
    await runKernels(gpu, 'test', []);
    expect(await downloadBytes(gpu, c)).toEqual(x.bytes);
    expect(await downloadBytes(gpu, d)).toEqual(new Uint8Array(4));
    release(gpu, [a, b, c, d]);
    await releaseGpu(gpu);
  });

  it('ends with its last user, and its end does not take the next one away', async () => {
    const limits = { maxBufferSize: 4096 };
    const before = await acquireGpu({ limits });
    const destroy = before.device.destroy.bind(before.device);
    // Browsers report the end of a device later than Dawn in Node.
    before.device.destroy = () => void setTimeout(destroy, 1);
    await releaseGpu(before);
    const after = await acquireGpu({ limits });
    expect(after).not.toBe(before);
    await expect(before.lost).rejects.toThrow(DeviceLostError);
    expect(await acquireGpu({ limits })).toBe(after);
    await releaseGpu(after);
    await releaseGpu(after);
    await expect(after.lost).rejects.toThrow(DeviceLostError);
  });

  it('is reported when lost, and a new one is opened afterwards', async () => {
    const limits = { maxBufferSize: 2048 };
    const backend = await openWebGpu({ limits });
    const handle = await backend.upload(x);
    const gpu = await acquireGpu({ limits });
    gpu.device.destroy();
    const lost = /^the WebGPU device was lost \(destroyed\): .*Open the backend again; its tensors are gone\.$/s;
    await expect(backend.download(handle)).rejects.toThrow(lost);
    await expect(backend.download(handle)).rejects.toThrow(DeviceLostError);
    await expect(backend.run('permute', transpose, { x })).rejects.toThrow(DeviceLostError);
    await backend.dispose();

    const fresh = await openWebGpu({ limits });
    expect((await fresh.run('permute', transpose, { x })).y.bytes).toEqual(transposed);
    await fresh.dispose();
  });
});

it('probes what a backend would then report', async () => {
  const probe = await probeWebGpu();
  const backend = await openWebGpu();
  expect(backend.device).toEqual({ name: probe.summary, facts: probe.facts });
  expect(backend.id).toBe('webgpu');
  expect(probe.facts).toMatchObject({ software: expect.any(Boolean), source: expect.any(String) });
  await backend.dispose();
});

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const systemLoader = await hasSystemLoader();

describe('in a process of its own', () => {
  const folder = path.resolve('.cache');
  const backend = JSON.stringify(path.resolve('backends/webgpu/index.ts'));

  function run(code: string, kind: string): Outcome {
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, `lifecycle-${process.pid}.ts`);
    writeFileSync(file, `import { openWebGpu, probeWebGpu } from ${backend};\n${code}`);
    try {
      const env = { ...process.env, PRESHUFFLE_WEBGPU: kind };
      const child = spawnSync(process.execPath, ['src/tools/run-ts.mjs', file], { encoding: 'utf8', env });
      return { status: child.status, stdout: child.stdout, stderr: child.stderr };
    } finally {
      rmSync(file);
    }
  }

  // A system's own loader warns by itself when it has no driver.
  it.skipIf(systemLoader)('opens again and again without a word', () => {
    const code = `
for (const options of [{}, {}, { limits: { maxBufferSize: 4096 } }]) await (await openWebGpu(options)).dispose();
console.log((await probeWebGpu()).available);`;
    expect(run(code, '')).toEqual({ status: 0, stdout: 'true\n', stderr: '' });
  });

  it('ends by itself and in peace when nothing was disposed', () => {
    const outcome = run('console.log((await openWebGpu()).id);', 'software');
    expect(outcome).toEqual({ status: 0, stdout: 'webgpu\n', stderr: '' });
  });

  it('says what it tried when there is no GPU', () => {
    const { stdout, stderr } = run(
      `const probe = await probeWebGpu();
const error = await openWebGpu().then((backend) => backend.dispose(), (cause) => cause);
console.log(JSON.stringify({ probe, message: error?.message, name: error?.name }));`,
      'hardware',
    );
    const { probe, message, name } = JSON.parse(stdout);
    if (probe.available) {
      expect(probe.facts.software).toBe(false);
      return;
    }
    expect(name).toBe('BackendUnavailableError');
    if (!systemLoader) expect(stderr).toBe('');
    expect(probe.tried.length).toBeGreaterThan(0);
    expect(probe.summary).toBe(message.split('\n')[0]);
    expect(message).toBe(
      [
        'backend "webgpu" is not available: a GPU was asked for, and no GPU driver that WebGPU can use is here.',
        'Tried:',
        ...probe.tried.map((line: string) => `  - ${line}`),
      ].join('\n'),
    );
  });

  it('refuses a value of PRESHUFFLE_WEBGPU that it does not know', () => {
    const { stdout } = run('await openWebGpu().catch((error) => console.log(error.message));', 'fast');
    expect(stdout).toBe(
      'environment: parameter "PRESHUFFLE_WEBGPU": is "fast", expected hardware, software or auto.\n',
    );
  });
});
