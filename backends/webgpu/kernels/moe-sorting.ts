import { sortProblemOf } from '../../moe-sort-problem.ts';
import { bindWindow } from '../split.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { requireRoom, sortCalls } from './moe-sort-calls.ts';

/** Offsets are 32-bit in the shader. */
const MOST_ROWS = 2 ** 32 - 1;

export const moeSorting: WebGpuKernel<'moe_sorting'> = {
  op: 'moe_sorting',
  supports({ experts, block_m }, { topk_ids }) {
    const rows = (topk_ids?.layout.size ?? 0) + experts * block_m;
    if (rows <= MOST_ROWS) return { supported: true };
    return { supported: false, reason: `${rows} rows exceed the 32-bit offsets of the shader: use the cpu backend.` };
  },
  async run(run, params, operands, outputs) {
    const topkIds = tensorOf(operands, 'topk_ids');
    const topkWeights = tensorOf(operands, 'topk_weights');
    const ids = tensorOf(outputs, 'sorted_ids');
    const blockExperts = tensorOf(outputs, 'sorted_expert_ids');
    for (const { array } of [topkIds, ids]) requireRoom(run, array, 'Sort fewer tokens at a time');
    const problem = sortProblemOf(params, topkIds, ids, blockExperts);
    const whole = ({ array }: typeof ids) => bindWindow(run.gpu, array, 0, array.byteLength);
    await run.dispatch(
      ...sortCalls(run, problem, whole(topkIds), whole(topkWeights), {
        ids: ids.array,
        weights: tensorOf(outputs, 'sorted_weights').array,
        blockExperts: blockExperts.array,
        valid: tensorOf(outputs, 'num_valid').array,
      }),
    );
  },
};
