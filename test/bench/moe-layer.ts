// `npm run bench:moe -- [backend] [model] [tokens,…] [L0|L1|L2|L3] [scheme]`: one whole synthetic GPT-OSS layer of the true shape. Checks
// sampled tokens against the CPU reference, then measures weight bytes a second against a plain copy on the same device.
import type { Backend, BackendId, DeviceTensor } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { gptOssModel } from '../../src/moe/gpt-oss-models.ts';
import { syntheticTokens } from '../../src/moe/synthetic.ts';
import type { MoeScheme } from '../../src/ops/shared/moe-params.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { copySpeed } from './copy-speed.ts';
import { layerOperands, type W13Order, weightBytes } from './moe-operands.ts';
import { checkSampled } from './moe-sampled.ts';

const ROUNDS = 9;
/** Layers that are queued before one result is waited for, as a model does. */
const QUEUED = 12;
const [id = 'webgpu', model = 'gpt-oss-20b', counts = '1,5,64', order = 'L3', scheme = 'a16w4'] = process.argv.slice(2);
const sizes = gptOssModel(model);
const backend = await openBackend(id as BackendId);
console.log(`${backend.id}: ${backend.device.name}`);

const started = performance.now();
const layer = layerOperands(sizes, order as W13Order);
const total = Object.values(layer.weights).reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
console.log(
  `${model}, ${order}, ${scheme}: ${sizes.experts} experts, H = ${layer.hidden}, I = ${layer.inter} (as stored); ` +
    `${gigabytes(total)} of weights, scales and biases made in ${seconds(performance.now() - started)}`,
);

const resident = new Map<string, DeviceTensor>();
const uploading = performance.now();
for (const [name, tensor] of Object.entries(layer.weights)) resident.set(name, await backend.upload(tensor));
console.log(
  `uploaded in ${seconds(performance.now() - uploading)}; host memory ${gigabytes(process.memoryUsage().rss)}\n`,
);

const copy = backend.id === 'webgpu' ? await copySpeed(2 ** 28) : undefined;
if (copy !== undefined)
  console.log(`copyBufferToBuffer of 256 MiB: ${(copy / 1e9).toFixed(1)} GB/s read (as much written)\n`);

for (const count of counts.split(',').map(Number)) {
  const routed = await layer.route(count);
  const params = { activation: 'swiglu', swiglu_limit: sizes.swigluLimit, scheme: scheme as MoeScheme } as const;
  const calls = { ...routed, x: syntheticTokens(count, layer.hidden) };
  const output = await runResident(backend, params, calls);
  const verdict = checkSampled(params, { ...layer.weights, ...calls }, output, count);
  const time = await medianTime(() => runResident(backend, params, calls, ['y']));
  const queued = await queuedTime(backend, params, calls);
  const read = weightBytes(layer, routed.topk_ids);
  const speed = read / queued;
  const relative = copy === undefined ? '' : `, ${(speed / copy).toPrecision(2)} of the copy`;
  console.log(
    `T = ${String(count).padStart(3)}: ${verdict}\n` +
      `         alone, with upload and download ${(time * 1e3).toFixed(2)} ms; one of ${QUEUED} queued layers ` +
      `${(queued * 1e3).toFixed(2)} ms, ${gigabytes(read)} of weights: ${(speed / 1e9).toPrecision(3)} GB/s${relative}`,
  );
}
await backend.dispose();

type Params = Parameters<typeof checkSampled>[0];

async function runResident(
  on: Backend,
  params: Params,
  calls: Readonly<Record<string, Tensor>>,
  wanted: readonly ('h' | 'y')[] = ['h', 'y'],
): Promise<{ readonly h: Tensor; readonly y: Tensor }> {
  const given: [string, DeviceTensor][] = [];
  for (const [name, tensor] of Object.entries(calls)) given.push([name, await on.upload(tensor)]);
  const operands = { ...Object.fromEntries(resident), ...Object.fromEntries(given) };
  const outputs = await on.runOnDevice('fused_moe_mxfp4', params, operands);
  const results: [string, Tensor][] = [];
  for (const name of wanted) results.push([name, await on.download(outputs[name] as DeviceTensor)]);
  for (const handle of [...Object.values(outputs), ...given.map(([, handle]) => handle)]) on.free(handle);
  return Object.fromEntries(results) as { readonly h: Tensor; readonly y: Tensor };
}

/** Seconds a layer when many are queued; the median of a few rounds. */
async function queuedTime(on: Backend, params: Params, calls: Readonly<Record<string, Tensor>>): Promise<number> {
  const given: [string, DeviceTensor][] = [];
  for (const [name, tensor] of Object.entries(calls)) given.push([name, await on.upload(tensor)]);
  const operands = { ...Object.fromEntries(resident), ...Object.fromEntries(given) };
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    const results: Readonly<Record<string, DeviceTensor>>[] = [];
    for (let layer = 0; layer < QUEUED; layer += 1) {
      results.push(await on.runOnDevice('fused_moe_mxfp4', params, operands));
    }
    await on.download(results.at(-1)?.['y'] as DeviceTensor);
    times.push((performance.now() - start) / 1000 / QUEUED);
    for (const handle of results.flatMap((outputs) => Object.values(outputs))) on.free(handle);
    if (times.reduce((sum, time) => sum + time * QUEUED, 0) > 60) break;
  }
  for (const [, handle] of given) on.free(handle);
  return times.toSorted((a, b) => a - b)[times.length >> 1] as number;
}

/** Seconds, upload of x and download of y counted in. */
async function medianTime(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    await run();
    times.push((performance.now() - start) / 1000);
    if (times.reduce((sum, time) => sum + time, 0) > 60) break;
  }
  return times.toSorted((a, b) => a - b)[times.length >> 1] as number;
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
