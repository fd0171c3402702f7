import { argumentStruct } from '../args.ts';
import { type HipKernel, tensorOf } from './kernel.ts';

/** As in topk-softmax.hip: a wave a row. */
const ROWS_PER_WORKGROUP = 4;

/** Workgroups and rows are 32-bit. */
const MOST_ROWS = 2 ** 32 - 1;

const TopkSoftmaxArgs = argumentStruct('TopkSoftmaxArgs', [
  { name: 'logits', type: 'ptr' },
  { name: 'weights', type: 'ptr' },
  { name: 'ids', type: 'ptr' },
  { name: 'rows', type: 'u32' },
  { name: 'experts', type: 'u32' },
  { name: 'topk', type: 'u32' },
  { name: 'of_kept', type: 'u32' },
]);

export const topkSoftmax: HipKernel<'topk_softmax'> = {
  op: 'topk_softmax',
  objects: ['topk-softmax'],
  supports(_params, { logits }) {
    const [rows = 0] = logits?.layout.shape ?? [];
    if (rows <= MOST_ROWS) return { supported: true };
    return { supported: false, reason: `${rows} rows exceed the kernel's 32-bit positions: use the cpu backend.` };
  },
  async run(run, params, operands, outputs) {
    const logits = tensorOf(operands, 'logits');
    const [rows = 0, experts = 0] = logits.layout.shape;
    const { topk, renormalize = true, order = 'softmax-topk' } = params;
    await run.launch({
      object: 'topk-softmax',
      kernel: `topk_softmax_${logits.type}`,
      struct: TopkSoftmaxArgs,
      values: {
        logits: run.address(logits.buffer),
        weights: run.address(tensorOf(outputs, 'weights').buffer),
        ids: run.address(tensorOf(outputs, 'ids').buffer),
        rows,
        experts,
        topk,
        // Dividing by the sum over all experts and then by that of the kept shares is dividing by the latter at once.
        of_kept: renormalize || order === 'topk-softmax' ? 1 : 0,
      },
      grid: [Math.ceil(rows / ROWS_PER_WORKGROUP), 1, 1],
    });
  },
};
