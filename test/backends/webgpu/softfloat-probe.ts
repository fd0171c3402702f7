import { readFileSync } from 'node:fs';
import type { Gpu } from '../../../backends/webgpu/gpu.ts';

const LIBRARIES = new URL('../../../shaders/lib/', import.meta.url);
const STORAGE = 0x80 | 0x4 | 0x8;
const READBACK = 0x1 | 0x8;

/** The text of library files in shaders/lib, in order. */
export function libraryText(...names: readonly string[]): string {
  return names.map((name) => readFileSync(new URL(`${name}.wgsl`, LIBRARIES), 'utf8')).join('\n');
}

/**
 * Evaluates a WGSL expression over `a` and `b` (u32) for every pair of inputs.
 * @returns one word a pair
 */
export async function probe(
  gpu: Gpu,
  library: string,
  expression: string,
  a: Uint32Array,
  b: Uint32Array = a,
): Promise<Uint32Array> {
  const { device } = gpu;
  const code = `${library}
@group(0) @binding(0) var<storage, read> left: array<u32>;
@group(0) @binding(1) var<storage, read> right: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<u32>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= arrayLength(&result)) {
    return;
  }
  let a = left[id.x];
  let b = right[id.x];
  result[id.x] = ${expression};
}`;
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const buffers = [a, b].map((words) => {
    const buffer = device.createBuffer({ size: words.byteLength, usage: STORAGE });
    device.queue.writeBuffer(buffer, 0, words as Uint32Array<ArrayBuffer>);
    return buffer;
  });
  const result = device.createBuffer({ size: a.byteLength, usage: STORAGE });
  const staging = device.createBuffer({ size: a.byteLength, usage: READBACK });
  const entries = [...buffers, result].map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(Math.ceil(a.length / 256));
  pass.end();
  encoder.copyBufferToBuffer(result, 0, staging, 0, a.byteLength);
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error !== null) throw new Error(error.message);
  await staging.mapAsync(0x1);
  const words = new Uint32Array(staging.getMappedRange().slice(0));
  for (const buffer of [...buffers, result, staging]) buffer.destroy();
  return words;
}
