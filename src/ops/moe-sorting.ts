import { OperandError, ParameterError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireRank, requireShape, requireType } from '../tensor/expect.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import type { Tensor, TensorSpec } from '../tensor/tensor.ts';
import { asF32, asI32 } from '../tensor/views.ts';
import type { OpDefinition, Operands } from './op.ts';

const OP = 'moe_sorting';

/** A sorted id holds the token in its low 24 bits and the slot (column of topk_ids) above. */
const SLOT_SHIFT = 24;
const MAX_TOKENS = 2 ** SLOT_SHIFT - 1;
const MAX_SLOTS = 127;

export interface MoeSortingParams {
  /** Experts in all, masked ones included. */
  readonly experts: number;
  /** Rows a block: each expert's tokens are padded to a multiple of it. */
  readonly block_m: number;
  /** One entry an expert, 0 where the expert lives elsewhere. Expert ids of the output count local experts only. */
  readonly expert_mask?: readonly number[];
  /** Only the first rows of topk_ids are sorted. Default: all. */
  readonly num_local_tokens?: number;
}

type Input = 'topk_ids' | 'topk_weights';
type Output = 'sorted_ids' | 'sorted_weights' | 'sorted_expert_ids' | 'num_valid';

/**
 * Orders the (token, slot) routes of a mixture of experts by expert, each expert padded to whole blocks.
 *
 * topk_ids i32 and topk_weights f32 are [T, topk]. With P = T * topk + experts * block_m - topk:
 * - sorted_ids i32 [P]: `slot << 24 | token`; padding is `topk << 24 | T`;
 * - sorted_weights f32 [P]: the weight of the route, 0 in padding;
 * - sorted_expert_ids i32 [ceil(P / block_m)]: local expert of each block, -1 in unused blocks;
 * - num_valid i32 [2]: rows used (a multiple of block_m), tokens sorted.
 *
 * Experts ascend; inside an expert tokens ascend. Kernels leave everything from num_valid[0] on unwritten; it is filled
 * here as AITER's torch reference fills it. Routes to experts outside 0 .. experts - 1 are dropped.
 */
export const moeSorting: OpDefinition<MoeSortingParams, Input, Output> = {
  name: OP,
  summary: 'sort the routes of a mixture of experts by expert, padded to blocks',
  source: 'AITER op_tests/test_moe_sorting.py run_torch_moe_sorting',
  inputs: ['topk_ids', 'topk_weights'],
  outputs: ['sorted_ids', 'sorted_weights', 'sorted_expert_ids', 'num_valid'],
  plan(params, operands) {
    const { experts, block_m } = params;
    requireCount('experts', experts);
    requireCount('block_m', block_m);
    const { tokens, topk } = checkRoutes(operands);
    if (topk > experts) {
      throw new OperandError(
        OP,
        operands.topk_ids.name,
        `routes each token to ${topk} experts, but there are ${experts}. Expert ids of a token must be distinct.`,
      );
    }
    checkMask(params);
    const { num_local_tokens: local = tokens } = params;
    if (!Number.isInteger(local) || local < 0 || local > tokens) {
      throw new ParameterError(
        OP,
        'num_local_tokens',
        `is ${local}, expected an integer 0..${tokens} (rows of topk_ids).`,
      );
    }
    const padded = tokens * topk + experts * block_m - topk;
    return {
      sorted_ids: { name: 'sorted_ids', type: 'i32', layout: rowMajor([padded]) },
      sorted_weights: { name: 'sorted_weights', type: 'f32', layout: rowMajor([padded]) },
      sorted_expert_ids: { name: 'sorted_expert_ids', type: 'i32', layout: rowMajor([Math.ceil(padded / block_m)]) },
      num_valid: { name: 'num_valid', type: 'i32', layout: rowMajor([2]) },
    };
  },
  reference(params, operands) {
    const specs = moeSorting.plan(params, operands);
    const sorted = sortRoutes(params, operands, specs.sorted_ids.layout.size, specs.sorted_expert_ids.layout.size);
    const filled = (spec: TensorSpec, data: Int32Array | Float32Array): Tensor =>
      tensor(spec.name, spec.type, spec.layout, asBytes(data));
    return {
      sorted_ids: filled(specs.sorted_ids, sorted.ids),
      sorted_weights: filled(specs.sorted_weights, sorted.weights),
      sorted_expert_ids: filled(specs.sorted_expert_ids, sorted.expertIds),
      num_valid: filled(specs.num_valid, Int32Array.of(sorted.rows, sorted.tokens)),
    };
  },
};

function requireCount(parameter: 'experts' | 'block_m', value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new ParameterError(OP, parameter, `is ${value}, expected a positive integer.`);
}

function checkRoutes(operands: Operands<Input>): { readonly tokens: number; readonly topk: number } {
  const ids = requireOperand(OP, operands, 'topk_ids');
  const weights = requireOperand(OP, operands, 'topk_weights');
  requireType(OP, ids, 'i32');
  requireType(OP, weights, 'f32');
  requireRank(OP, ids, 2, 2, 'T, topk');
  const [tokens = 0, topk = 0] = ids.layout.shape;
  requireShape(OP, weights, [tokens, topk], 'T, topk of topk_ids');
  requireLayout(OP, ids, rowMajor([tokens, topk]));
  requireLayout(OP, weights, rowMajor([tokens, topk]));
  if (tokens > MAX_TOKENS || topk > MAX_SLOTS) {
    throw new OperandError(
      OP,
      ids.name,
      `has shape [${tokens}, ${topk}], but a sorted id has 24 bits for the token and 7 for the slot: ` +
        `at most ${MAX_TOKENS} tokens and ${MAX_SLOTS} slots. Split the batch.`,
    );
  }
  return { tokens, topk };
}

function checkMask(params: MoeSortingParams): void {
  const { experts, expert_mask: mask } = params;
  if (mask !== undefined && mask.length !== experts) {
    throw new ParameterError(OP, 'expert_mask', `has ${mask.length} entries, expected ${experts}, one an expert.`);
  }
}

function sortRoutes(
  params: MoeSortingParams,
  operands: Operands<Input>,
  padded: number,
  blocks: number,
): {
  readonly ids: Int32Array;
  readonly weights: Float32Array;
  readonly expertIds: Int32Array;
  readonly rows: number;
  readonly tokens: number;
} {
  const { experts, block_m, expert_mask } = params;
  const topkIds = asI32(operands.topk_ids);
  const topkWeights = asF32(operands.topk_weights);
  const [allTokens = 0, topk = 0] = operands.topk_ids.layout.shape;
  const tokens = params.num_local_tokens ?? allTokens;
  const ids = new Int32Array(padded).fill((topk << SLOT_SHIFT) | allTokens);
  const weights = new Float32Array(padded);
  const expertIds = new Int32Array(blocks).fill(-1);

  const routes: number[][] = Array.from({ length: experts }, () => []);
  for (let route = 0; route < tokens * topk; route += 1) routes[topkIds[route] as number]?.push(route);

  let rows = 0;
  let local = 0;
  routes.forEach((own, expert) => {
    if (expert_mask?.[expert] === 0) return;
    own.forEach((route, index) => {
      ids[rows + index] = ((route % topk) << SLOT_SHIFT) | Math.floor(route / topk);
      weights[rows + index] = topkWeights[route] as number;
    });
    const used = Math.ceil(own.length / block_m);
    expertIds.fill(local, rows / block_m, rows / block_m + used);
    rows += used * block_m;
    local += 1;
  });
  return { ids, weights, expertIds, rows, tokens };
}
