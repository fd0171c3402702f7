import { mxScaleRule } from '../../quant-rule.ts';
import { byteWords, packByteCalls } from './byte-words.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { sourceType } from './quant-blocks.ts';
import { scaleCalls } from './quant-calls.ts';

/** Every number is the amax of a block of its own. */
export const mxScale: WebGpuKernel<'mx_scale'> = {
  op: 'mx_scale',
  async run(run, { element, mode }, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const count = x.layout.storageSize;
    const bytes = byteWords(run, count, 'scale bytes');
    const steps = run.scratch(count * 4, 'steps');
    const grid = { rows: count, columns: 1, blockRows: 1, blockColumns: 1 };
    await run.dispatch(
      ...scaleCalls(
        run.gpu,
        { array: x.array, type: sourceType(x.type) },
        grid,
        mxScaleRule(element, mode),
        bytes,
        steps,
      ),
      ...packByteCalls(run, bytes, count, tensorOf(outputs, 'y').array),
    );
  },
};
