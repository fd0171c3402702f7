// `node src/tools/run-ts.mjs test/bench/hip-launch.ts`: what a kernel launch costs in JavaScript and koffi, in nanoseconds. The
// library is a runtime that accepts launches and runs nothing, so the runtime's own time and the kernel's are not in it.
import os from 'node:os';
import { argumentStruct } from '../../backends/hip/args.ts';
import { HipGraph } from '../../backends/hip/graph.ts';
import { Launcher } from '../../backends/hip/launch.ts';
import { HipModule } from '../../backends/hip/module.ts';
import { HipStream } from '../../backends/hip/stream.ts';
import { fakeDevice } from '../backends/hip/fake-device.ts';
import { workshop } from '../backends/hip/toolchain.ts';

const LAUNCHES = 200_000;
const ROUNDS = 9;

const shop = workshop();
const device = await fakeDevice(shop.fakeRuntime());
const stream = new HipStream(device, 'bench');
// The arguments of a block-scale GEMM: five pointers and four sizes.
const gemm = argumentStruct('Gemm', [
  { name: 'd', type: 'ptr' },
  { name: 'x', type: 'ptr' },
  { name: 'w', type: 'ptr' },
  { name: 'x_scale', type: 'ptr' },
  { name: 'w_scale', type: 'ptr' },
  { name: 'm', type: 'u32' },
  { name: 'n', type: 'u32' },
  { name: 'k', type: 'u32' },
  { name: 'splits', type: 'u32' },
]);
const source = `struct Gemm { void *p[5]; unsigned n[4]; };
extern "C" __attribute__((global, amdgpu_flat_work_group_size(256, 256))) void gemm(Gemm a) { *(unsigned *)a.p[0] = a.n[0]; }`;
const kernel = new HipModule(device, 'gemm', shop.codeObject(source)).kernel('gemm', gemm, stream);
const launcher = new Launcher(device);
const values = {
  d: 1n << 40n,
  x: 2n << 40n,
  w: 3n << 40n,
  x_scale: 4n << 40n,
  w_scale: 5n << 40n,
  m: 16,
  n: 7168,
  k: 2048,
  splits: 4,
};
const graph = new HipGraph(device, stream, 'bench', () => launcher.launch(kernel, gemm, values, [1, 1, 1], stream));
const query = device.ffi.raw('hipStreamQuery');
const bytes = new DataView(new ArrayBuffer(gemm.byteLength));

const tasks: readonly { readonly name: string; run(): void }[] = [
  { name: 'a call of one argument (hipStreamQuery)', run: () => query(stream.handle.on(device.handles)) },
  { name: 'packing 5 pointers and 4 words', run: () => gemm.pack(bytes, values) },
  {
    name: 'launch: checks, packing, hipModuleLaunchKernel',
    run: () => launcher.launch(kernel, gemm, values, [56, 1, 4], stream),
  },
  { name: 'launch of a graph', run: () => graph.launch(stream) },
];
const times = tasks.map(() => [] as number[]);
// Rounds are interleaved, so that a change of clock hits every task alike.
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [index, task] of tasks.entries()) {
    const start = performance.now();
    for (let count = 0; count < LAUNCHES; count += 1) task.run();
    times[index]?.push(((performance.now() - start) * 1e6) / LAUNCHES);
  }
}
console.log(`${os.cpus()[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.versions.node}; ${ROUNDS} rounds, in ns\n`);
console.log(''.padEnd(50), 'fastest'.padStart(8), 'median'.padStart(8));
for (const [index, task] of tasks.entries()) {
  const sorted = (times[index] ?? []).toSorted((a, b) => a - b);
  const column = (time: number | undefined): string => (time ?? Number.NaN).toFixed(0).padStart(8);
  console.log(task.name.padEnd(50), column(sorted[0]), column(sorted[sorted.length >> 1]));
}
device.close();
launcher.dispose();
shop.clean();
