import { sortProblemOf } from '../../moe-sort-problem.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { sortRoutes, sortSupport } from './moe-sort.ts';

export const moeSorting: HipKernel<'moe_sorting'> = {
  op: 'moe_sorting',
  objects: ['moe-sort'],
  supports: ({ experts, block_m }, { topk_ids }) =>
    sortSupport(experts, (topk_ids?.layout.size ?? 0) + experts * block_m),
  async run(run, params, operands, outputs) {
    const topkIds = tensorOf(operands, 'topk_ids');
    const ids = tensorOf(outputs, 'sorted_ids');
    const blockExperts = tensorOf(outputs, 'sorted_expert_ids');
    const problem = sortProblemOf(params, topkIds, ids, blockExperts);
    await sortRoutes(run, problem, {
      topkIds: run.address(topkIds.buffer),
      topkWeights: run.address(tensorOf(operands, 'topk_weights').buffer),
      ids: run.address(ids.buffer),
      weights: run.address(tensorOf(outputs, 'sorted_weights').buffer),
      blockExperts: run.address(blockExperts.buffer),
      valid: run.address(tensorOf(outputs, 'num_valid').buffer),
    });
  },
};
