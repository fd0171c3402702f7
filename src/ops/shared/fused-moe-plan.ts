import type { Operands } from '../op.ts';
import {
  checkActivations,
  checkTopk,
  checkTopkWeights,
  downWeight,
  gateUpWeight,
  type MoeWeight,
} from './moe-operands.ts';

export type { FusedMoeParams } from './moe-params.ts';

export type FusedMoeInput = 'x' | 'w1' | 'w1_scale' | 'w2' | 'w2_scale' | 'topk_ids' | 'topk_weights';
export type FusedMoeOptional = 'w1_bias' | 'w2_bias';
export type FusedMoeOperands = Operands<FusedMoeInput, FusedMoeOptional>;

export interface FusedMoePlan {
  readonly w1: MoeWeight;
  readonly w2: MoeWeight;
  readonly tokens: number;
  readonly topk: number;
  readonly experts: number;
  readonly hidden: number;
  readonly inter: number;
}

/** All checks of the operands. x is bf16 in every scheme. */
export function checkFusedMoe(op: string, operands: FusedMoeOperands): FusedMoePlan {
  const x = checkActivations(op, operands, 'x', 'a16w4', 'T, H');
  const [tokens = 0, hidden = 0] = x.layout.shape;
  const w1 = gateUpWeight(op, operands, 'w1', hidden);
  const { experts } = w1;
  const inter = w1.rows / 2;
  const w2 = downWeight(op, operands, 'w2', [experts, hidden, inter], 'E, H, I of x and w1');
  const { topk } = checkTopk(op, operands, experts, [tokens, undefined], `T = ${tokens} of x, topk`);
  checkTopkWeights(op, operands, [tokens, topk]);
  return { w1, w2, tokens, topk, experts, hidden, inter };
}
