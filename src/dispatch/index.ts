/**
 * Dispatch rules and plans: which kernel runs an fp8 layer, which layout every operand must have, what is converted where.
 *
 * @example
 * ```ts
 * import { planLinear, runPlan } from 'preshuffle/dispatch';
 * const plan = planLinear({ m: 64, n: 2624, k: 6144, arch: 'gfx950', rocm: '7.2', producer: 'rms-norm' });
 * const { y } = await runPlan(plan, backend, { x, norm_weight, weight, weight_scale });
 * ```
 */
export { ARCH_NAMES, type ArchFacts, archFacts } from './arch.ts';
export { type Condition, describeCondition, type Facts, MissingFactError, type ShapeTable } from './condition.ts';
export { type AnyDecisionTable, DECISIONS } from './decisions.ts';
export {
  BLOCK_SCALE_KERNEL_IDS,
  BLOCK_SCALE_KERNELS,
  type BlockScaleKernel,
  type BlockScaleKernelId,
  blockScaleKernel,
  SCALE_STATES,
  type ScaleReading,
  type ScaleState,
} from './kernels.ts';
export { layoutOf, layoutRef } from './layout-ref.ts';
export { LINEAR_PRODUCERS, type LinearProducer, type LinearSpec, type ScaleConversionMode } from './linear-spec.ts';
export { MODEL_NAMES, MODELS, type ModelPreset, modelLayers, modelPreset } from './models.ts';
export type { LayoutRef, Plan, PlanCost, PlanStep, PlanTensor, StepKind } from './plan.ts';
export { NoReferenceError } from './plan-deepgemm.ts';
export { planLinear } from './plan-linear.ts';
export {
  type AnyFacts,
  type AnyRule,
  type Because,
  type Decision,
  DecisionError,
  type DecisionTable,
  decide,
  describeRule,
  type NotFired,
  type Rule,
} from './rule.ts';
export { GEMM_BACKENDS, type GemmBackend, gemmBackend } from './rules/gemm-backend.ts';
export { linearFp8Block } from './rules/linear-fp8-block.ts';
export { emptyBatch, normPath, quantFormatDetection } from './rules/quant-format.ts';
export { givenScale, producedScale } from './rules/scale-contract.ts';
export { deepgemmLinear, trtllmLinear, ue8m0Requant } from './rules/ue8m0.ts';
export { weightPreprocess } from './rules/weight-preprocess.ts';
export { type LoadedPlan, loadPlan, runPlan, type TensorsByName } from './run-plan.ts';
export {
  type HelperResult,
  SCALE_HELPERS,
  type ScaleHelper,
  type ScaleHelperFacts,
  scaleHelper,
} from './scale-helpers.ts';
export {
  mendScale,
  preferredScaleState,
  readScaleAsIs,
  type ScaleConversion,
  type ScaleOutcome,
  type ScaleStep,
  scaleStateLayout,
  scaleStep,
} from './scale-state.ts';
export { CK_MAX_SAFE_M, TRITON_TUNED_GFX950 } from './tables.ts';
export { type RulesVersion, VERSIONS, type VersionFacts } from './versions.ts';
