import type { AnyFacts, AnyRule, DecisionTable } from './rule.ts';
import { gemmBackend } from './rules/gemm-backend.ts';
import { linearFp8Block } from './rules/linear-fp8-block.ts';
import { moeActivationType, moeRequant } from './rules/moe-activation-type.ts';
import { flydslPads, moeBias } from './rules/moe-bias.ts';
import { gateMode, guItlv } from './rules/moe-gate-mode.ts';
import { moeKernel } from './rules/moe-kernel.ts';
import { ck2StagesInstance, ckTileLaunch, swigluLimit } from './rules/moe-kernel-limits.ts';
import { moeDeinterleave, moeFlag, moeShuffle } from './rules/moe-load.ts';
import { moeScaleRounding } from './rules/moe-scale-rounding.ts';
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
  general(guItlv),
  general(gateMode),
  general(moeDeinterleave),
  general(moeShuffle),
  general(moeFlag),
  general(moeActivationType),
  general(moeKernel),
  general(ckTileLaunch),
  general(ck2StagesInstance),
  general(moeBias),
  general(swigluLimit),
  general(flydslPads),
  general(moeScaleRounding),
  general(moeRequant),
];
