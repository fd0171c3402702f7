import type { AnyFacts, AnyRule, DecisionTable } from './rule.ts';
import { gemmBackend } from './rules/gemm-backend.ts';
import { linearFp8Block } from './rules/linear-fp8-block.ts';
import { emptyBatch, normPath, quantFormatDetection } from './rules/quant-format.ts';
import { givenScale, producedScale } from './rules/scale-contract.ts';
import { deepgemmLinear, trtllmLinear, ue8m0Requant } from './rules/ue8m0.ts';
import { weightPreprocess } from './rules/weight-preprocess.ts';

/** A decision table under its most general type: facts by name. */
export interface AnyDecisionTable extends Omit<DecisionTable<AnyFacts, string>, 'versions'> {
  readonly versions: Readonly<Record<string, readonly AnyRule[]>>;
}

function general<F extends object, C extends string, V extends string>(
  table: DecisionTable<F, C, V>,
): AnyDecisionTable {
  return table as unknown as AnyDecisionTable;
}

/** Every decision table, in the order in which a layer meets them. */
export const DECISIONS: readonly AnyDecisionTable[] = [
  general(gemmBackend),
  general(linearFp8Block),
  general(weightPreprocess),
  general(producedScale),
  general(givenScale),
  general(ue8m0Requant),
  general(deepgemmLinear),
  general(trtllmLinear),
  general(quantFormatDetection),
  general(normPath),
  general(emptyBatch),
];
