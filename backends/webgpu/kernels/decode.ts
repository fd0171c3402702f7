import { elementBits, isIntegerType } from '../../../src/formats/element-type.ts';
import { formatFacts } from '../../../src/formats/facts.ts';
import type { GpuArray } from '../buffers.ts';
import type { Gpu } from '../gpu.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow, spans } from '../split.ts';
import { PART_UNIT } from './encode.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';

const WORKGROUP = 64;
const NO_CODE = 0xffffffff;

/** The value of every code as float32. One code an invocation. */
export const decode: WebGpuKernel<'decode'> = {
  op: 'decode',
  async run(run, _params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const y = tensorOf(outputs, 'y');
    const facts = formatFacts(isIntegerType(x.type) ? 'f32' : x.type);
    const width = elementBits(x.type);
    const format = [
      width,
      facts.mantissaBits,
      facts.bias,
      facts.signed ? 2 ** (facts.codeBits - 1) : 0,
      facts.maxCode,
      facts.infinityCode ?? NO_CODE,
      facts.signed && !facts.hasNegativeZero ? 1 : 0,
    ];
    await run.dispatch(...decodeCalls(run.gpu, format, x.array, x.layout.storageSize, y.array));
  },
};

/**
 * Decodes `count` codes, in storage order.
 * @param format words of `struct Format` of shaders/decode.wgsl after the count; the first is the width of a code
 */
export function decodeCalls(
  gpu: Gpu,
  format: readonly number[],
  x: GpuArray,
  count: number,
  y: GpuArray,
): readonly KernelCall[] {
  const [width = 8] = format;
  const most = Math.floor(gpu.limits.maxStorageBufferBindingSize / 4 / PART_UNIT) * PART_UNIT;
  return spans(count, most).map(({ start, end }) => ({
    shader: 'decode',
    bindings: [
      Uint32Array.of(end - start, ...format),
      bindWindow(gpu, x, (start * width) / 8, (end * width) / 8).binding,
      bindWindow(gpu, y, start * 4, end * 4).binding,
    ],
    workgroups: Math.ceil((end - start) / WORKGROUP),
  }));
}
