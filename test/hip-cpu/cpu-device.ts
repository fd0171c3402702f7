import { readFileSync } from 'node:fs';
import path from 'node:path';
import { argumentStruct, type Field } from '../../backends/hip/args.ts';
import { deviceFacts, HipDevice } from '../../backends/hip/device.ts';
import { type Grid, Launcher } from '../../backends/hip/launch.ts';
import { openRuntime } from '../../backends/hip/library.ts';
import { DeviceMemory, type HipBuffer } from '../../backends/hip/memory.ts';
import { HipModule } from '../../backends/hip/module.ts';
import { HipStream } from '../../backends/hip/stream.ts';
import { Transfers } from '../../backends/hip/transfer.ts';
import { buildHipCpu, missingCompiler } from '../../src/tools/hip/build-cpu.mjs';

/** Only where the compiler is absent, and never on a build server. */
export const skipWithoutCompiler: boolean = !process.env['CI'] && missingCompiler() !== undefined;

/** A kernel of test/hip-cpu/kernels. Its struct: pointers to the inputs, inouts, outputs, then the numbers, in this order. */
export interface CpuRun extends Settings {
  readonly inputs?: Readonly<Record<string, ArrayBufferView>>;
  /** Come back with what the kernel made of them. */
  readonly inouts?: Readonly<Record<string, ArrayBufferView>>;
  /** Bytes of each output; they start as 0xff. */
  readonly outputs?: Readonly<Record<string, number>>;
  /** Pointers to the outputs come before those to the inputs. */
  readonly outputsFirst?: boolean;
  readonly u32?: Readonly<Record<string, number>>;
  readonly grid?: Grid;
}

interface Settings {
  /** What the device says it is. */
  readonly arch?: string | undefined;
  readonly dma?: 'eager' | 'lazy';
  /** forward, reverse or random:seed. */
  readonly order?: string;
  readonly threads?: number;
}

export class CpuDevice {
  readonly device: HipDevice;
  readonly memory: DeviceMemory;
  /** Text of the last kernel that failed. */
  readonly lastFailure: () => string;
  readonly #objects: string;
  readonly #modules = new Map<string, HipModule>();

  private constructor(device: HipDevice, objects: string) {
    this.device = device;
    this.memory = new DeviceMemory(device);
    this.#objects = objects;
    const { runtime } = device;
    this.lastFailure = runtime.koffi
      .load(runtime.path)
      .func('const char *preshuffle_cpu_last_failure(void)') as () => string;
  }

  static async open(): Promise<CpuDevice> {
    const { library, testObjects } = await buildHipCpu({ kernels: 'tests' });
    const runtime = await openRuntime({ library });
    return new CpuDevice(new HipDevice(runtime, deviceFacts(runtime, 0)), testObjects);
  }

  /** Runs a kernel to its end and returns its outputs. @throws HipError when it fails */
  async run(object: string, kernel: string, options: CpuRun): Promise<Readonly<Record<string, Uint8Array>>> {
    const { inputs = {}, inouts = {}, outputs = {}, u32 = {}, grid = [1, 1, 1] } = options;
    // A stream whose kernel failed stays failed.
    using stream = new HipStream(this.device, kernel);
    const transfers = new Transfers(this.device, stream);
    const launcher = new Launcher(this.device);
    const buffers: Record<string, HipBuffer> = {};
    try {
      for (const [name, view] of Object.entries({ ...inputs, ...inouts })) {
        buffers[name] = this.memory.allocate(view.byteLength, name);
        const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
        await transfers.upload(bytes, buffers[name]);
      }
      for (const [name, bytes] of Object.entries(outputs)) buffers[name] = this.memory.allocate(bytes, name);
      const pointers = [Object.keys({ ...inputs, ...inouts }), Object.keys(outputs)];
      const names = (options.outputsFirst ? pointers.reverse() : pointers).flat();
      const fields: Field[] = [
        ...names.map((name) => ({ name, type: 'ptr' as const })),
        ...Object.keys(u32).map((name) => ({ name, type: 'u32' as const })),
      ];
      const addresses = Object.entries(buffers).map(([name, { handle }]) => [name, handle.on(this.device.handles)]);
      const struct = argumentStruct(kernel, fields);
      const loaded = this.module(object).kernel(kernel, struct, stream);
      withEnvironment(options, () =>
        launcher.launch(loaded, struct, { ...Object.fromEntries(addresses), ...u32 }, grid, stream),
      );
      await stream.done();
      const results: Record<string, Uint8Array> = {};
      for (const name of Object.keys({ ...inouts, ...outputs })) {
        results[name] = await transfers.download(buffers[name] as HipBuffer);
      }
      return results;
    } finally {
      await transfers.dispose().catch(() => undefined);
      for (const buffer of Object.values(buffers)) this.memory.free(buffer);
      launcher.dispose();
    }
  }

  close(): void {
    this.device.close();
  }

  /** A code object of test/hip-cpu/kernels. */
  module(name: string): HipModule {
    const known = this.#modules.get(name);
    if (known !== undefined) return known;
    const bytes = readFileSync(path.join(this.#objects, `${name}.so`));
    const arch = name.endsWith('-gfx942') ? 'gfx942' : undefined;
    const loaded = withEnvironment({ arch }, () => new HipModule(this.device, name, bytes));
    this.#modules.set(name, loaded);
    return loaded;
  }
}

/** The runtime reads its settings from the environment when a kernel is launched, and has run it when the launch returns. */
function withEnvironment<T>({ arch, dma, order, threads }: Settings, action: () => T): T {
  const settings = {
    PRESHUFFLE_HIP_CPU_ARCH: arch,
    PRESHUFFLE_HIP_CPU_DMA: dma,
    PRESHUFFLE_HIP_CPU_ORDER: order,
    PRESHUFFLE_HIP_CPU_THREADS: threads,
  };
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  const before = given.map(([name]) => [name, process.env[name]] as const);
  for (const [name, value] of given) process.env[name] = String(value);
  try {
    return action();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
