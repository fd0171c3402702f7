import { ParameterError, PreshuffleError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import { type LinearSpec, type ResolvedLinear, SCALE_GROUP } from './linear-spec.ts';
import type { Plan } from './plan.ts';
import { addBlockActivation } from './plan-activation.ts';
import { PlanBuilder } from './plan-builder.ts';
import { addWeightOperands, type PreparedWeight } from './plan-weight.ts';
import { type Decision, decide } from './rule.ts';
import { deepgemmLinear, trtllmLinear, ue8m0Requant } from './rules/ue8m0.ts';
import { requireCudaVersion } from './versions.ts';

/** A layer is decided to run on a kernel that preshuffle has no reference for. */
export class NoReferenceError extends PreshuffleError {
  constructor(layer: string, kernel: string) {
    super(
      'no-reference',
      `plan of ${layer}: the rules choose ${kernel}, for which there is no reference op. ` +
        'The decision stands; to get a plan, set backend to deep_gemm or triton.',
    );
  }
}

/** The plan of a block-scaled layer on NVIDIA, with the DeepGEMM, FlashInfer TRTLLM or Triton backend. */
export function planNvidiaBlock(linear: ResolvedLinear, spec: LinearSpec, backend: Decision): Plan<LinearSpec> {
  const version = requireCudaVersion(linear.rules);
  const { n, k, dtype, arch, jitDeepgemm, layer } = linear;
  if (linear.producer !== 'linear') {
    throw new ParameterError(
      `plan of ${layer}`,
      'producer',
      `is ${linear.producer}; on ${arch.id} the layer quantises its own input: expected linear.`,
    );
  }
  const deepgemmUe8m0 = jitDeepgemm && arch.computeCapability >= 100;
  const requant = decide(ue8m0Requant, version, {
    jitDeepgemm,
    deepgemmUe8m0,
    arch: arch.id,
    block: '128x128',
    outType: dtype,
    n,
    k,
  });
  const packedScale = requant.choice === 'requantise';
  const kernel = kernelChoice(linear, backend, version, packedScale);
  if (kernel.choice === 'deepgemm' && deepgemmUe8m0 && !packedScale) {
    // DeepGEMM on this GPU reads power-of-two scales; what it makes of the float ones of the weight was not verified.
    throw new NoReferenceError(layer, `DeepGEMM on ${arch.id} with float32 weight scales`);
  }
  const decisions = [backend, requant, ...(kernel.decision === undefined ? [] : [kernel.decision])];
  const builder = new PlanBuilder();
  let weight = addWeightOperands(builder, linear, [Math.ceil(n / SCALE_GROUP), linear.groups]);
  if (packedScale) weight = addRequantisedWeight(builder, linear, weight);
  const warnings: string[] = [];
  if (kernel.choice === 'deepgemm') addDeepgemm(builder, linear, weight, packedScale);
  else {
    if (packedScale && kernel.choice === 'sglang-triton') {
      throw new NoReferenceError(layer, `${kernel.choice} with packed scales`);
    }
    addTriton(
      builder,
      linear,
      kernel.choice === 'unpack-and-sglang-triton' ? addUnpack(builder, linear, weight) : weight,
    );
    if (packedScale)
      warnings.push(
        'the weight was requantised for a kernel that does not read it: the scales are unpacked at every call',
      );
  }
  const name = kernel.choice === 'deepgemm' ? 'deepgemm' : 'sglang-triton';
  return builder.finish({ spec, rules: version, kernel: name, decisions, result: 'y', warnings });
}

type KernelChoice = 'deepgemm' | 'sglang-triton' | 'unpack-and-sglang-triton';

function kernelChoice(
  { layer, n, k, dtype }: ResolvedLinear,
  backend: Decision,
  version: ReturnType<typeof requireCudaVersion>,
  packedScale: boolean,
): { readonly choice: KernelChoice; readonly decision?: Decision } {
  switch (backend.choice) {
    case 'deep_gemm': {
      const decision = decide(deepgemmLinear, version, { n, k, outType: dtype, packedScale });
      return { choice: decision.choice, decision };
    }
    case 'flashinfer_trtllm': {
      const decision = decide(trtllmLinear, version, { k, outType: dtype, formatUe8m0: packedScale });
      if (decision.choice === 'flashinfer-trtllm') throw new NoReferenceError(layer, decision.choice);
      return { choice: packedScale ? 'unpack-and-sglang-triton' : 'sglang-triton', decision };
    }
    case 'triton':
      return { choice: packedScale ? 'unpack-and-sglang-triton' : 'sglang-triton' };
    default:
      throw new NoReferenceError(layer, backend.choice);
  }
}

function addRequantisedWeight(builder: PlanBuilder, { n }: ResolvedLinear, given: PreparedWeight): PreparedWeight {
  builder.op(
    'requant_weight_ue8m0',
    {},
    { w: given.w, scale: given.scale },
    { y: 'weight_ue8m0', scale: 'weight_scale_ue8m0' },
    {
      kind: 'requantise',
      when: 'load',
      reason: 'dequantise, round every 128x128 scale up to a power of two, quantise again',
      upstream: 'SGLang requant_weight_ue8m0, DeepGEMM per_block_cast_to_fp8',
    },
  );
  builder.op(
    'pack_ue8m0_mn_major',
    { mn: n, granMn: 128 },
    { x: 'weight_scale_ue8m0' },
    { y: 'weight_scale_packed' },
    {
      kind: 'convert-scale',
      when: 'load',
      reason: 'one row for each row of the weight, four exponents an int32, MN-major',
      upstream: 'DeepGEMM transform_sf_into_required_layout',
    },
  );
  return { w: 'weight_ue8m0', scale: 'weight_scale_packed' };
}

function addUnpack(builder: PlanBuilder, linear: ResolvedLinear, weight: PreparedWeight): PreparedWeight {
  builder.op(
    'unpack_ue8m0_scale',
    { groups: linear.groups, granMn: 128 },
    { x: weight.scale },
    { y: 'weight_scale_unpacked' },
    {
      kind: 'convert-scale',
      when: 'call',
      reason: 'Triton reads float32 scales: unpacked at every call',
      upstream: 'SGLang _unpack_ue8m0_scale_for_triton',
    },
  );
  return { w: weight.w, scale: 'weight_scale_unpacked' };
}

function addTriton(builder: PlanBuilder, linear: ResolvedLinear, weight: PreparedWeight): void {
  const { x, scale } = addBlockActivation(builder, linear, 'RM', 'sglang-triton');
  builder.op(
    'gemm_a8w8_blockscale',
    { out: linear.dtype, math: 'triton' },
    { x, w: weight.w, x_scale: scale, w_scale: weight.scale },
    { y: 'y' },
    { kind: 'gemm', when: 'call', reason: 'Triton of SGLang', upstream: 'SGLang w8a8_block_fp8_matmul' },
  );
}

function addDeepgemm(builder: PlanBuilder, linear: ResolvedLinear, weight: PreparedWeight, packed: boolean): void {
  const { m, k, dtype } = linear;
  const scale = packed ? 'x_scale_packed' : 'x_scale';
  builder.operand('call', { name: 'x', type: dtype, layout: rowMajor([m, k]) });
  const quantise = { kind: 'quantise', when: 'call', upstream: 'SGLang sglang_per_token_group_quant_fp8' } as const;
  if (packed) {
    builder.op(
      'deepgemm_per_token_cast',
      { ue8m0: true },
      { x: 'x' },
      { y: 'x_q', scale: 'x_scale' },
      {
        ...quantise,
        reason: 'one power-of-two scale for each 1x128',
      },
    );
    builder.op(
      'pack_ue8m0_mn_major',
      {},
      { x: 'x_scale' },
      { y: scale },
      {
        kind: 'convert-scale',
        when: 'call',
        reason: 'four exponents an int32, MN-major; upstream the quantiser writes them so',
        upstream: 'DeepGEMM get_mn_major_tma_aligned_packed_ue8m0_tensor',
      },
    );
  } else {
    builder.op(
      'per_1x128_quant',
      { format: 'e4m3fn', math: 'sglang-cuda', group: SCALE_GROUP, scaleStore: 'tma-aligned' },
      { x: 'x' },
      { y: 'x_q', scale },
      { ...quantise, reason: 'one scale for each 1x128, columns padded to 16 bytes' },
    );
  }
  builder.op(
    'fp8_gemm_nt',
    { out: 'bf16' },
    { x: 'x_q', w: weight.w, x_scale: scale, w_scale: weight.scale },
    { y: 'y' },
    { kind: 'gemm', when: 'call', reason: 'DeepGEMM', upstream: 'DeepGEMM fp8_gemm_nt' },
  );
}
