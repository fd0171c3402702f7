import { ParameterError } from '../../../src/errors.ts';
import { downloadBytes } from '../buffers.ts';
import { type GpuTensor, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';
import { packCalls } from './quant-calls.ts';

export const packUe8m0: WebGpuKernel<'pack_ue8m0_to_int'> = {
  op: 'pack_ue8m0_to_int',
  async run(run, _params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const columns = x.layout.shape.at(-1) ?? 1;
    const invalid = run.scratch(4, 'invalid scale');
    const rows = columns === 0 ? 0 : x.layout.size / columns;
    await run.dispatch(...packCalls(run.gpu, x.array, rows, columns, 23, tensorOf(outputs, 'y').array, invalid));
    const [found = 0] = words(await downloadBytes(run.gpu, invalid));
    if (found !== 0) await refuse(run, x, 0xffffffff - found);
  },
};

/** Packing keeps exponents only: any other number would be cut silently. */
async function refuse(run: OpRun, x: GpuTensor, element: number): Promise<never> {
  const value = new Float32Array(words(await downloadBytes(run.gpu, x.array)).buffer)[element];
  throw new ParameterError(
    'pack_ue8m0_to_int',
    'x',
    `has ${value} at element ${element}, expected a positive power of two; apply ceil_to_ue8m0 first.`,
  );
}

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
