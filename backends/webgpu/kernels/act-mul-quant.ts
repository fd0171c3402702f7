import { formatFacts } from '../../../src/formats/facts.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { tritonRule } from '../../quant-rule.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow } from '../split.ts';
import { type GpuTensor, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';
import { sourceBytes, spansOf, wholeWordRows } from './quant-calls.ts';
import { SOURCE } from './quant-rules.ts';

/** The products as binary32 words in scratch memory, from where they are quantised. */
export const actMulQuant: WebGpuKernel<'act_mul_and_fp8_group_quant'> = {
  op: 'act_mul_and_fp8_group_quant',
  async run(run, params, operands, outputs) {
    const { format = 'e4m3fn', group = 128 } = params;
    const x = tensorOf(operands, 'x');
    const { rows, columns: both } = matrixOf(x);
    const columns = both / 2;
    const words = run.scratch(rows * columns * 4, 'products');
    await run.dispatch(...productCalls(run, x, words));
    const rule = tritonRule(format, formatFacts(format).max);
    await quantiseBlocks(run, { array: words, type: 'f32' }, rowGroups(rows, columns, group), rule, outputs);
  },
};

function productCalls(run: OpRun, x: GpuTensor, words: Parameters<typeof bindWindow>[1]): readonly KernelCall[] {
  const { rows, columns: both, type } = matrixOf(x);
  const columns = both / 2;
  const xRow = both * sourceBytes(type);
  return spansOf(run.gpu, x.array, rows, [xRow, columns * 4], wholeWordRows(xRow)).map(({ start, end }) => {
    const source = bindWindow(run.gpu, x.array, start * xRow, end * xRow);
    const target = bindWindow(run.gpu, words, start * columns * 4, end * columns * 4);
    return {
      shader: 'silu_mul',
      bindings: [
        Uint32Array.of(end - start, columns, SOURCE[type], source.lead / 4, target.lead / 4),
        source.binding,
        target.binding,
      ],
      workgroups: Math.ceil(((end - start) * columns) / 256),
    };
  });
}
