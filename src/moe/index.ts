/**
 * From an MXFP4 mixture-of-experts checkpoint to what the kernels read: names, padding, sharding, de-interleave and shuffle, with
 * the mistakes of each step by name.
 *
 * @example
 * ```ts
 * const [layer] = moeLayers(file.tensors.keys());
 * const checkpoint = await readGptOssLayer(layer.tensors, (name) => file.read(name)); // L0
 * const { weights, declared } = prepareRank(checkpoint, { rank: 0, tp: 8 });
 * const kernelReady = shuffleExperts(deinterleaveExperts(weights), 'separated'); // L2, for GateMode SEPARATED
 * describeW13(kernelReady.w13.layout); // 'L2'
 * ```
 */
export { type StackExpertsOptions, stackExperts } from './checkpoint-experts.ts';
export { type CheckpointTensor, type GptOssParts, gptOssExperts, readGptOssLayer } from './checkpoint-gpt-oss.ts';
export {
  type MoeCheckpointFormat,
  type MoeLayerNames,
  type MoePart,
  type MoeTensorName,
  moeLayers,
  parseMoeName,
} from './checkpoint-names.ts';
export { requireFiniteScales, requireRouting } from './checks.ts';
export { CheckpointError, ExpertStateError } from './errors.ts';
export {
  type DownFacts,
  type DownParts,
  downFacts,
  type ExpertFacts,
  type ExpertWeights,
  expertFacts,
  type GateUpFacts,
  type GateUpParts,
  gateUpFacts,
} from './expert-weights.ts';
export {
  EXPERT_FAULTS,
  type ExpertFault,
  expertFault,
  type FaultyExperts,
  misprepareExperts,
  type WrongStates,
} from './faults.ts';
export { deinterleaveExperts, interleaveExperts } from './gate-up.ts';
export { GPT_OSS_MODELS, type GptOssModel, gptOssModel } from './gpt-oss-models.ts';
export { withPadsLeftOut } from './pad-effects.ts';
export {
  type CkTilePads,
  ckTilePads,
  type MoePadding,
  type MoePaddingInput,
  moePadding,
  type PadTarget,
  padDown,
  padExperts,
  padGateUp,
} from './padding.ts';
export {
  type PreparedRank,
  type PrepareRankOptions,
  prepareRank,
  type RankChannels,
  rankChannels,
  type ShardOptions,
  type ShardSplit,
  shardExperts,
} from './shard.ts';
export { type HypothesisOptions, SHARD_HYPOTHESES, type ShardHypothesis, shardHypothesis } from './shard-hypotheses.ts';
export { type ShuffleExpertsOptions, shuffleExperts } from './shuffle.ts';
export {
  type MoeLayerSizes,
  type SyntheticExpert,
  type SyntheticMatrix,
  syntheticExpert,
  syntheticLayer,
  syntheticLogits,
  syntheticTokens,
} from './synthetic.ts';
export { comparePads, measureZeroTails, type PadFinding, type ZeroTails } from './zero-tail.ts';
