/**
 * Dispatch rules and plans: which kernel runs an fp8 layer or MXFP4 experts, which layout every operand must have, what is
 * converted where.
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
export { MOE_ENV_DEFAULTS, MOE_VARIABLES, type MoeEnv, type MoeVariable, moeSetting } from './moe/env.ts';
export {
  type Evidence,
  GATE_MODES,
  type GateMode,
  MOE_ACTIVATIONS,
  type MoeActivation,
  type MoeActivationType,
  type MoeQuantMethod,
  type MoeWeightType,
} from './moe/facts.ts';
export {
  type FlydslKernel,
  FlydslNameError,
  type FlydslOption,
  parseFlydslName,
  type TunedKind,
  tunedKind,
} from './moe/flydsl-name.ts';
export {
  blockSizeM,
  ckTileBlockM,
  type FlydslHeuristic,
  flydslHeuristic,
  kSplit,
  type MoeProblem,
  trimmedUpRows,
  tunedTokenKey,
  usedKSplit,
} from './moe/heuristics.ts';
export { MOE_MODEL_NAMES, MOE_MODELS, type MoeModelPreset, moeModel } from './moe/models.ts';
export { type MoeFacts, type MoeOutcome, type MoeVerdict, moeOutcome } from './moe/outcome.ts';
export type {
  MoePlan,
  MoePlanCost,
  MoePlanSizes,
  MoePlanStep,
  MoeRange,
  MoeRun,
  MoeStepKind,
} from './moe/plan.ts';
export { MoeRefusedError, planMoe } from './moe/plan-moe.ts';
export { type MoeCallFacts, type MoeKernels, resolveMoeKernels } from './moe/resolve.ts';
export { type LoadedMoePlan, loadMoePlan, type MoeResult, runMoePlan } from './moe/run-plan.ts';
export {
  type MoeSituation,
  type MoeTokenRange,
  type MoeVerdictRow,
  type MoeVerdicts,
  moeSituation,
  moeVerdicts,
} from './moe/situation.ts';
export { MOE_TP, MOE_WEIGHTS, type MoeSpec, type MoeWeights } from './moe/spec.ts';
export { GPT_OSS_TUNED, type TunedKernels, type TunedRows, tunedRows } from './moe/tuned.ts';
export {
  AITER_VERSIONS,
  type AiterVersion,
  MOE_LOADER_VERSIONS,
  type MoeLoaderFacts,
  type MoeLoaderVersion,
  type MoeVersionFacts,
} from './moe/versions.ts';
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
export { moeActivationType, moeRequant } from './rules/moe-activation-type.ts';
export { flydslPads, moeBias } from './rules/moe-bias.ts';
export { gateMode, guItlv } from './rules/moe-gate-mode.ts';
export { type MoeKernelChoice, moeKernel } from './rules/moe-kernel.ts';
export { ck2StagesInstance, ckTileLaunch, swigluLimit } from './rules/moe-kernel-limits.ts';
export { moeDeinterleave, moeFlag, moeShuffle } from './rules/moe-load.ts';
export { moeScaleRounding } from './rules/moe-scale-rounding.ts';
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
