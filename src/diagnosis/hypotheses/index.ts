import type { Hypothesis } from '../hypothesis.ts';
import { ACT_MUL_OP_HYPOTHESES } from './act-mul-ops.ts';
import { FORMAT_OP_HYPOTHESES } from './format-ops.ts';
import { GEMM_ARITHMETIC_HYPOTHESES } from './gemm-arithmetic.ts';
import { GEMM_E8M0_HYPOTHESES } from './gemm-e8m0.ts';
import { GEMM_GATE_UP_HYPOTHESES } from './gemm-gate-up.ts';
import { GEMM_NUMBER_FORMAT_HYPOTHESES } from './gemm-number-format.ts';
import { GEMM_SCALE_INDEX_HYPOTHESES } from './gemm-scale-index.ts';
import { GEMM_SCALE_LAYOUT_HYPOTHESES } from './gemm-scale-layout.ts';
import { GEMM_SHAPE_HYPOTHESES } from './gemm-shape.ts';
import { GEMM_SHARD_HYPOTHESES } from './gemm-shard.ts';
import { GEMM_WEIGHT_HYPOTHESES } from './gemm-weight.ts';
import { LAYOUT_OP_HYPOTHESES } from './layout-ops.ts';
import { MOE_ACTIVATION_HYPOTHESES } from './moe-activation.ts';
import { MOE_ACTIVATION_SCALE_HYPOTHESES } from './moe-activation-scale.ts';
import { MOE_ARITHMETIC_HYPOTHESES } from './moe-arithmetic.ts';
import { MOE_BIAS_HYPOTHESES } from './moe-bias.ts';
import { MOE_EXPERT_HYPOTHESES } from './moe-experts.ts';
import { MOE_GATE_UP_HYPOTHESES } from './moe-gate-up.ts';
import { MOE_NUMBER_FORMAT_HYPOTHESES } from './moe-number-format.ts';
import { MOE_QUANTISATION_HYPOTHESES } from './moe-quantisation.ts';
import { MOE_ROUTING_HYPOTHESES } from './moe-routing.ts';
import { MOE_ROW_ORDER_HYPOTHESES } from './moe-row-order.ts';
import { MOE_SCALE_BLOCK_HYPOTHESES } from './moe-scale-blocks.ts';
import { MOE_SCALE_LAYOUT_HYPOTHESES } from './moe-scale-layout.ts';
import { MOE_SHARDING_HYPOTHESES } from './moe-sharding.ts';
import { MOE_SORTING_HYPOTHESES } from './moe-sorting.ts';
import { MOE_TOKEN_HYPOTHESES } from './moe-tokens.ts';
import { MOE_WEIGHT_LAYOUT_HYPOTHESES } from './moe-weight-layout.ts';
import { MOE_WEIGHTING_HYPOTHESES } from './moe-weighting.ts';
import { NORM_OP_HYPOTHESES } from './norm-ops.ts';
import { NORMALIZE_OP_HYPOTHESES } from './normalize-ops.ts';
import { QUANT_CODE_HYPOTHESES } from './quant-codes.ts';
import { QUANT_GROUPING_HYPOTHESES } from './quant-grouping.ts';
import { QUANT_SCALE_HYPOTHESES } from './quant-scale.ts';
import { QUANT_SCALE_ROUNDING_HYPOTHESES } from './quant-scale-rounding.ts';
import { REQUANT_OP_HYPOTHESES } from './requant-ops.ts';
import { TOPK_SOFTMAX_HYPOTHESES } from './topk-softmax.ts';
import { UE8M0_OP_HYPOTHESES } from './ue8m0-ops.ts';
import { UE8M0_PACKING_HYPOTHESES } from './ue8m0-packing.ts';

/** Every mistake that preshuffle knows, by what it happens to. Earlier ones are tried and listed first. */
export const HYPOTHESES: readonly Hypothesis[] = [
  ...GEMM_WEIGHT_HYPOTHESES,
  ...GEMM_GATE_UP_HYPOTHESES,
  ...GEMM_SCALE_LAYOUT_HYPOTHESES,
  ...GEMM_SCALE_INDEX_HYPOTHESES,
  ...GEMM_E8M0_HYPOTHESES,
  ...GEMM_NUMBER_FORMAT_HYPOTHESES,
  ...GEMM_SHAPE_HYPOTHESES,
  ...GEMM_SHARD_HYPOTHESES,
  ...GEMM_ARITHMETIC_HYPOTHESES,
  ...MOE_GATE_UP_HYPOTHESES,
  ...MOE_WEIGHT_LAYOUT_HYPOTHESES,
  ...MOE_SCALE_LAYOUT_HYPOTHESES,
  ...MOE_SCALE_BLOCK_HYPOTHESES,
  ...MOE_NUMBER_FORMAT_HYPOTHESES,
  ...MOE_SHARDING_HYPOTHESES,
  ...MOE_EXPERT_HYPOTHESES,
  ...MOE_BIAS_HYPOTHESES,
  ...MOE_WEIGHTING_HYPOTHESES,
  ...MOE_ROUTING_HYPOTHESES,
  ...MOE_ACTIVATION_HYPOTHESES,
  ...MOE_ACTIVATION_SCALE_HYPOTHESES,
  ...MOE_QUANTISATION_HYPOTHESES,
  ...MOE_TOKEN_HYPOTHESES,
  ...MOE_ROW_ORDER_HYPOTHESES,
  ...MOE_ARITHMETIC_HYPOTHESES,
  ...TOPK_SOFTMAX_HYPOTHESES,
  ...MOE_SORTING_HYPOTHESES,
  ...QUANT_SCALE_HYPOTHESES,
  ...QUANT_SCALE_ROUNDING_HYPOTHESES,
  ...QUANT_CODE_HYPOTHESES,
  ...QUANT_GROUPING_HYPOTHESES,
  ...NORM_OP_HYPOTHESES,
  ...ACT_MUL_OP_HYPOTHESES,
  ...UE8M0_OP_HYPOTHESES,
  ...UE8M0_PACKING_HYPOTHESES,
  ...REQUANT_OP_HYPOTHESES,
  ...NORMALIZE_OP_HYPOTHESES,
  ...FORMAT_OP_HYPOTHESES,
  ...LAYOUT_OP_HYPOTHESES,
];
