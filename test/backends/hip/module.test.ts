// Code objects that clang compiles for gfx950, loaded into a runtime that runs nothing and keeps what a launch tells it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { argumentStruct } from '../../../backends/hip/args.ts';
import type { HipDevice } from '../../../backends/hip/device.ts';
import { HipGraph } from '../../../backends/hip/graph.ts';
import { Launcher } from '../../../backends/hip/launch.ts';
import { HipModule } from '../../../backends/hip/module.ts';
import { HipStream } from '../../../backends/hip/stream.ts';
import { type Fake, fakeDevice, inspect } from './fake-device.ts';
import { skipWithoutClang, type Workshop, workshop } from './toolchain.ts';

const SOURCE = `
struct Args { float *x; unsigned n; float scale; };
#define KERNEL(name, threads) extern "C" __attribute__((global, amdgpu_flat_work_group_size(threads, threads))) void name
KERNEL(scale, 128)(Args a) { a.x[__builtin_amdgcn_workitem_id_x() % a.n] *= a.scale; }
KERNEL(lost, 64)(Args a) { *a.x = a.scale; }
KERNEL(hidden, 64)(Args a) { a.x[((unsigned *)__builtin_amdgcn_implicitarg_ptr())[0]] = a.scale; }
KERNEL(two, 64)(float *x, int n) { *x = n; }
`;

const args = argumentStruct('Args', [
  { name: 'x', type: 'ptr' },
  { name: 'n', type: 'u32' },
  { name: 'scale', type: 'f32' },
]);
const short = argumentStruct('Short', [{ name: 'x', type: 'ptr' }]);
const values = { x: 0x1234n, n: 7, scale: 0.5 };
const bytes = [0x34, 0x12, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x3f];

describe.skipIf(skipWithoutClang)('a module', () => {
  let shop: Workshop;
  let device: HipDevice;
  let fake: Fake;
  let stream: HipStream;
  let code: Uint8Array;
  beforeAll(async () => {
    shop = workshop();
    const library = shop.fakeRuntime();
    device = await fakeDevice(library);
    fake = await inspect(library);
    stream = new HipStream(device, 'main');
    code = shop.codeObject(SOURCE);
  });
  afterAll(() => {
    device.close();
    shop.clean();
  });

  it('gives its kernels, each once', () => {
    using module = new HipModule(device, 'test', code);
    expect(module.kernels).toEqual(['scale', 'lost', 'hidden', 'two']);
    const kernel = module.kernel('scale', args, stream);
    expect(kernel).toMatchObject({ name: 'scale', kernargBytes: 16, threads: 128, ldsBytes: 0 });
    expect(module.kernel('scale', args, stream)).toBe(kernel);
  });

  it('says which kernels it has instead', () => {
    using module = new HipModule(device, 'test', code);
    expect(() => module.kernel('scales', args, stream)).toThrow(
      'code object "test": has no kernel "scales"; its kernels are: scale, lost, hidden, two.',
    );
    expect(() => module.kernel('lost', args, stream)).toThrow(
      'hipModuleGetFunction failed (kernel "lost" of "test"): hipErrorNotFound (500). There is no such symbol in the code object.',
    );
  });

  it('refuses a kernel that takes other arguments', () => {
    using module = new HipModule(device, 'test', code);
    const again = 'Build the code objects of this version again with "npm run build:hip".';
    expect(() => module.kernel('scale', short, stream)).toThrow(
      `code object "test": kernel "scale" takes 16 bytes of arguments (by_value at 0: 16), but struct Short has 8 (x at 0). ${again}`,
    );
    expect(() => module.kernel('two', args, stream)).toThrow(
      'kernel "two" takes 12 bytes of arguments (global_buffer at 0: 8, by_value at 8: 4), but struct Args has 16 ' +
        `(x at 0, n at 8, scale at 12). ${again}`,
    );
  });

  it('must be for this device', () => {
    expect(() => new HipModule(device, 'old', shop.codeObject(SOURCE, 'gfx942'))).toThrow(
      'code object "old": is for gfx942, and HIP device 0 (Fake GPU 0) is gfx950. Build it for gfx950.',
    );
  });

  it('is launched with the bytes of its struct, and with zeros behind them', () => {
    using module = new HipModule(device, 'test', code);
    const launcher = new Launcher(device);
    launcher.launch(module.kernel('scale', args, stream), args, values, [3, 2, 1], stream);
    expect(fake.last()).toEqual({ grid: [3, 2, 1], block: [128, 1, 1], shared: 0, bytes: Uint8Array.from(bytes) });
    const hidden = module.kernel('hidden', args, stream);
    expect(hidden.kernargBytes).toBeGreaterThan(16);
    launcher.launch(hidden, args, { ...values, n: 8 }, [1, 1, 1], stream);
    const { bytes: got } = fake.last();
    expect(got).toHaveLength(hidden.kernargBytes);
    expect([...got.subarray(0, 16)]).toEqual(bytes.with(8, 8));
    expect(got.subarray(16).every((byte) => byte === 0)).toBe(true);
    launcher.dispose();
  });

  it('is not launched with handles that ended', () => {
    const module = new HipModule(device, 'test', code);
    const launcher = new Launcher(device);
    const kernel = module.kernel('scale', args, stream);
    const before = fake.launches();
    using gone = new HipStream(device, 'gone');
    gone.dispose();
    expect(() => launcher.launch(kernel, args, values, [1, 1, 1], gone)).toThrow('stream "gone" was disposed.');
    module.dispose();
    expect(() => launcher.launch(kernel, args, values, [1, 1, 1], stream)).toThrow(
      'function "test/scale" was disposed.',
    );
    expect(() => module.kernel('scale', args, stream)).toThrow('module "test" was disposed.');
    expect(fake.launches()).toBe(before);
    launcher.dispose();
  });

  it('reports what the runtime refuses, with the launch', () => {
    using module = new HipModule(device, 'test', code);
    const launcher = new Launcher(device);
    const kernel = module.kernel('scale', args, stream);
    expect(() => launcher.launch(kernel, args, values, [7777, 1, 1], stream)).toThrow(
      'hipModuleLaunchKernel failed (kernel scale, 7777x1x1 workgroups of 128 threads): hipErrorInvalidConfiguration (9). The ' +
        'launch has an impossible grid or workgroup size: please report it with the whole message.',
    );
    launcher.dispose();
  });

  it('is recorded in a graph and started by one call', () => {
    using module = new HipModule(device, 'test', code);
    const launcher = new Launcher(device);
    const kernel = module.kernel('scale', args, stream);
    const before = fake.launches();
    using graph = new HipGraph(device, stream, 'three', () => {
      for (let round = 0; round < 3; round += 1) launcher.launch(kernel, args, values, [1, 1, 1], stream);
    });
    expect(fake.launches()).toBe(before);
    graph.launch(stream);
    graph.launch(stream);
    expect(fake.launches()).toBe(before + 6);
    launcher.dispose();
  });
});
