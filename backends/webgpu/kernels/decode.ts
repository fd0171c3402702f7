import { formatFacts } from '../../../src/formats/facts.ts';
import { elementBits, isIntegerType } from '../../../src/tensor/element-type.ts';
import { bindWindow, spans } from '../split.ts';
import { PART_UNIT } from './encode.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';

const WORKGROUP = 64;
const NO_CODE = 0xffffffff;

/** The value of every code as float32. One code an invocation. */
export const decode: WebGpuKernel<'decode'> = {
  op: 'decode',
  async run(run, _params, operands, outputs) {
    const { gpu } = run;
    const x = tensorOf(operands, 'x');
    const y = tensorOf(outputs, 'y');
    const facts = formatFacts(isIntegerType(x.type) ? 'f32' : x.type);
    const width = elementBits(x.type);
    const most = Math.floor(gpu.limits.maxStorageBufferBindingSize / 4 / PART_UNIT) * PART_UNIT;
    const format = [
      width,
      facts.mantissaBits,
      facts.bias,
      facts.signed ? 2 ** (facts.codeBits - 1) : 0,
      facts.maxCode,
      facts.infinityCode ?? NO_CODE,
      facts.signed && !facts.hasNegativeZero ? 1 : 0,
    ];
    const calls = spans(x.layout.storageSize, most).map(({ start, end }) => ({
      shader: 'decode',
      bindings: [
        Uint32Array.of(end - start, ...format),
        bindWindow(gpu, x.array, (start * width) / 8, (end * width) / 8).binding,
        bindWindow(gpu, y.array, start * 4, end * 4).binding,
      ],
      workgroups: Math.ceil((end - start) / WORKGROUP),
    }));
    await run.dispatch(...calls);
  },
};
