import type { KernelCall } from '../ops/kernel-call.ts';
import type { OpName } from '../ops/registry.ts';

/** The call of the real function, in Python. */
export interface TorchCall {
  readonly imports: readonly string[];
  /** Statements that leave each output in a variable called as the output. */
  readonly lines: readonly string[];
  /** Set where there is no public function of this signature: the lines are a place for one's own. */
  readonly own?: true;
}

type CallOf = (call: KernelCall) => TorchCall;

const TYPES: Readonly<Record<string, string>> = {
  bf16: 'torch.bfloat16',
  f16: 'torch.float16',
  f32: 'torch.float32',
  e4m3fn: 'torch.float8_e4m3fn',
  e4m3fnuz: 'torch.float8_e4m3fnuz',
  e5m2: 'torch.float8_e5m2',
  e5m2fnuz: 'torch.float8_e5m2fnuz',
};

const param = (call: KernelCall, name: string): unknown => (call.params as Readonly<Record<string, unknown>>)[name];
const text = (call: KernelCall, name: string, fallback: string): string => String(param(call, name) ?? fallback);
const type = (call: KernelCall, name: string, fallback: string): string =>
  TYPES[text(call, name, fallback)] ?? 'torch.bfloat16';
const flag = (value: boolean): string => (value ? 'True' : 'False');

/** A place for one's own kernel. */
function own(outputs: readonly string[], operands: string): TorchCall {
  const lines = outputs.map((_name, at) => (at === 0 ? `${outputs.join(', ')} = my_kernel(${operands})` : ''));
  return {
    imports: [],
    lines: [
      '# >>> There is no public function of this signature: put your own kernel here. <<<',
      ...lines.filter((line) => line !== ''),
    ],
    own: true,
  };
}

const gemm =
  (name: string): CallOf =>
  (call) => ({
    imports: ['import aiter'],
    lines: [`y = aiter.${name}(x, w, x_scale, w_scale, dtype=${type(call, 'out', 'bf16')})`],
  });

const aiterQuant =
  (expression: (call: KernelCall) => string, module = 'import aiter'): CallOf =>
  (call) => ({ imports: [module], lines: [`y, scale = ${expression(call)}`] });

const deepGemmMath =
  (name: string, outputs: string, rest: (call: KernelCall) => string = () => ''): CallOf =>
  (call) => ({
    imports: [`from deep_gemm.utils.math import ${name}`],
    lines: [`${outputs} = ${name}(x${rest(call)})`],
  });

const fusedMoe: CallOf = (call) => {
  const { w1, w1_bias, w2_bias } = call.operands;
  const interleave = w1?.layout.id.includes('guinterleave') === true;
  const limit = param(call, 'swiglu_limit');
  const activation = { silu: 'Silu', swiglu: 'Swiglu', gelu: 'Gelu' }[text(call, 'activation', 'swiglu')] ?? 'Swiglu';
  return {
    imports: ['from aiter import ActivationType, QuantType', 'from aiter.fused_moe import GateMode, fused_moe'],
    lines: [
      ...(w1?.layout.id.startsWith('shuffle') === true
        ? ['# AITER goes by this attribute, which .view() and .data= lose.', 'w1.is_shuffled = w2.is_shuffled = True']
        : []),
      'y = fused_moe(',
      '    x, w1, w2, topk_weights, topk_ids,',
      `    activation=ActivationType.${activation}, quant_type=QuantType.per_1x32,`,
      '    w1_scale=w1_scale, w2_scale=w2_scale,',
      ...(w1_bias === undefined ? [] : ['    bias1=w1_bias,']),
      ...(w2_bias === undefined ? [] : ['    bias2=w2_bias,']),
      ...(limit === undefined ? [] : [`    swiglu_limit=${limit},`]),
      `    gate_mode=GateMode.${interleave ? 'INTERLEAVE' : 'SEPARATED'}.value,`,
      ')',
      '# fused_moe does not return h; set it to your stage 1 output [T, topk, I] to have that diagnosed, too.',
      'h = None',
    ],
  };
};

const rms: CallOf = (call) => {
  const { r, x2 } = call.operands;
  const eps = text(call, 'eps', '1e-6');
  return {
    imports: ['from aiter.ops.triton.fused_fp8_quant import fused_rms_fp8_group_quant'],
    lines: [
      '(y, scale), norm, y2, res_out = fused_rms_fp8_group_quant(',
      `    x, w, ${eps},`,
      ...(x2 === undefined ? [] : [`    inp2=x2, inp2_weight=w2, inp2_epsilon=${text(call, 'eps2', eps)},`]),
      `    group_size=${text(call, 'group', '128')}, dtype_quant=${type(call, 'format', 'e4m3fn')},`,
      ...(r === undefined ? [] : ['    res1=r,']),
      '    output_unquantized_inp1=True,',
      ')',
      ...(r === undefined ? ['res_out = x'] : []),
    ],
  };
};

const hipNorm: CallOf = (call) => {
  const { r } = call.operands;
  const group = Number(param(call, 'group') ?? 0);
  const e8m0 = param(call, 'scaleType') === 'e8m0';
  const rest = `w, ${text(call, 'eps', '1e-6')}, ${group}, ${flag(text(call, 'scaleStore', 'row-major') !== 'row-major')}, ${flag(param(call, 'gemmaNorm') === true)}`;
  const groups = group === 0 ? '1' : `(x.shape[-1] + ${group - 1}) // ${group}`;
  const shape =
    param(call, 'scaleStore') === 'shuffled'
      ? `((x.shape[0] + 255) // 256 * 256, ((${groups}) + 7) // 8 * 8)`
      : `(x.shape[0], ${groups})`;
  return {
    imports: ['import aiter'],
    lines: [
      `y = torch.empty_like(x, dtype=${type(call, 'format', 'e4m3fn')})`,
      `scale = torch.empty(${shape}, dtype=${e8m0 ? 'E8M0' : 'torch.float32'}, device=x.device)`,
      ...(r === undefined
        ? [`aiter.rmsnorm_quant(y, x, scale, ${rest})`]
        : ['res_out = torch.empty_like(x)', `aiter.add_rmsnorm_quant(y, x, r, res_out, scale, ${rest})`]),
    ],
  };
};

const CALLS: Readonly<Record<OpName, CallOf>> = {
  act_mul_and_fp8_group_quant: aiterQuant(
    (call) =>
      `act_mul_and_fp8_group_quant(x, "silu", ${text(call, 'group', '128')}, dtype_quant=${type(call, 'format', 'e4m3fn')})`,
    'from aiter.ops.triton.activation import act_mul_and_fp8_group_quant',
  ),
  add_rmsnorm_quant: hipNorm,
  ceil_to_ue8m0: deepGemmMath('ceil_to_ue8m0', 'y'),
  decode: ({ operands }) =>
    operands['x']?.type === 'e2m1' ? own(['y'], 'x') : { imports: [], lines: ['y = x.to(torch.float32)'] },
  deepgemm_per_block_cast: deepGemmMath(
    'per_block_cast_to_fp8',
    'y, scale',
    (call) => `, use_ue8m0=${flag(param(call, 'ue8m0') === true)}`,
  ),
  deepgemm_per_token_cast: deepGemmMath(
    'per_token_cast_to_fp8',
    'y, scale',
    (call) => `, use_ue8m0=${flag(param(call, 'ue8m0') === true)}`,
  ),
  deepgemm_per_token_cast_packed: deepGemmMath(
    'per_token_cast_to_fp8',
    'y, scale',
    () => ', use_ue8m0=True, use_packed_ue8m0=True',
  ),
  dynamic_mxfp4_quant: aiterQuant(
    () => 'dynamic_mxfp4_quant(x)',
    'from aiter.ops.triton.quant import dynamic_mxfp4_quant',
  ),
  encode(call) {
    const target = TYPES[text(call, 'format', 'e4m3fn')];
    return target === undefined ? own(['y'], 'x') : { imports: [], lines: [`y = x.to(${target})`] };
  },
  fp8_gemm_nt: (call) => ({
    imports: ['import deep_gemm'],
    lines: [
      `y = torch.empty((x.shape[0], w.shape[0]), dtype=${type(call, 'out', 'bf16')}, device=x.device)`,
      'deep_gemm.fp8_gemm_nt((x, x_scale), (w, w_scale), y)',
    ],
  }),
  fused_flatten_fp8_group_quant: aiterQuant(
    (call) =>
      `fused_flatten_fp8_group_quant(x, ${text(call, 'group', '128')}, dtype_quant=${type(call, 'format', 'e4m3fn')})`,
    'from aiter.ops.triton.fused_fp8_quant import fused_flatten_fp8_group_quant',
  ),
  fused_moe_mxfp4: fusedMoe,
  fused_rms_fp8_group_quant: rms,
  gemm_a4w4_bpreshuffle: (call) => ({
    imports: ['import aiter'],
    lines: [
      `y = aiter.gemm_a4w4(x, w, x_scale, w_scale, dtype=${type(call, 'out', 'bf16')}, bpreshuffle=True)`,
      'y = y[: x.shape[0]]',
    ],
  }),
  gemm_a8w8_blockscale: gemm('gemm_a8w8_blockscale'),
  gemm_a8w8_blockscale_bpreshuffle: gemm('gemm_a8w8_blockscale_bpreshuffle'),
  gemm_a8w8_bpreshuffle: (call) => ({
    imports: ['import aiter'],
    lines: [`y = aiter.gemm_a8w8_bpreshuffle(x, w, x_scale, w_scale, None, ${type(call, 'out', 'bf16')})`],
  }),
  moe_sorting: (call) => ({
    imports: ['from aiter.fused_moe import moe_sorting'],
    lines: [
      'sorted_ids, sorted_weights, sorted_expert_ids, num_valid, _ = moe_sorting(',
      `    topk_ids, topk_weights, ${text(call, 'experts', '0')}, 256, torch.bfloat16, ${text(call, 'block_m', '0')},`,
      ')',
      '# The kernel leaves what lies beyond num_valid[0] unwritten; the case holds padding there.',
      'used = int(num_valid[0])',
      'sorted_ids[used:] = (topk_ids.shape[1] << 24) | topk_ids.shape[0]',
      'sorted_weights[used:] = 0',
      `sorted_expert_ids[used // ${text(call, 'block_m', '1')} :] = -1`,
    ],
  }),
  moe_stage1_mxfp4: ({ operands }) => own(['h'], Object.keys(operands).join(', ')),
  moe_stage2_mxfp4: ({ operands }) => own(['y'], Object.keys(operands).join(', ')),
  mx_scale: () => own(['y'], 'x'),
  mxfp4_quant: aiterQuant(() => 'per_1x32_f4_quant(x, shuffle=False)', 'from aiter.ops.quant import per_1x32_f4_quant'),
  mxfp8_quant: aiterQuant(
    () => 'per_1x32_f8_scale_f8_quant(x, quant_dtype=torch.float8_e4m3fn, scale_type=E8M0)',
    'from aiter.ops.quant import per_1x32_f8_scale_f8_quant',
  ),
  normalize_e4m3fn_to_e4m3fnuz: () => ({
    imports: ['from sglang.srt.layers.quantization.fp8_utils import normalize_e4m3fn_to_e4m3fnuz'],
    lines: ['y, scale, _ = normalize_e4m3fn_to_e4m3fnuz(w, scale)'],
  }),
  pack_ue8m0_mn_major: () => ({
    imports: ['import deep_gemm'],
    lines: ['y = deep_gemm.get_mn_major_tma_aligned_packed_ue8m0_tensor(x)'],
  }),
  pack_ue8m0_to_int: deepGemmMath('pack_ue8m0_to_int', 'y'),
  per_1x128_quant: aiterQuant(
    (call) =>
      `aiter.ops.quant.per_group_quant_hip(x, quant_dtype=${type(call, 'format', 'e4m3fn')}, group_size=${text(call, 'group', '128')})`,
  ),
  per_tensor_quant: aiterQuant(
    (call) => `aiter.ops.quant.per_tensor_quant(x, quant_dtype=${type(call, 'format', 'e4m3fn')})`,
  ),
  per_token_quant: aiterQuant((call) =>
    text(call, 'math', 'torch') === 'hip'
      ? `aiter.ops.quant.per_token_quant_hip(x, quant_dtype=${type(call, 'format', 'e4m3fn')})`
      : `aiter.ops.quant.pertoken_quant(x, quant_dtype=${type(call, 'format', 'e4m3fn')})`,
  ),
  permute: () => ({
    imports: ['from aiter.ops.shuffle import shuffle_weight'],
    lines: ['y = shuffle_weight(x, layout=(16, 16))'],
  }),
  requant_weight_ue8m0: () => ({
    imports: ['from sglang.srt.layers.quantization.fp8_utils import requant_weight_ue8m0'],
    lines: ['y, scale = requant_weight_ue8m0(w, scale, [128, 128])'],
  }),
  swiglu: (call) => ({
    imports: ['from aiter.fused_moe import swiglu'],
    lines: [`y = swiglu(glu, linear, alpha=${text(call, 'alpha', '1.702')}, limit=${text(call, 'limit', '7.0')})`],
  }),
  topk_softmax: (call) => ({
    imports: ['import aiter'],
    lines: [
      `shape = (logits.shape[0], ${text(call, 'topk', '1')})`,
      'weights = torch.empty(shape, dtype=torch.float32, device=logits.device)',
      'ids = torch.empty(shape, dtype=torch.int32, device=logits.device)',
      'token_expert = torch.empty_like(ids)',
      `aiter.topk_softmax(weights, ids, token_expert, logits, ${flag(param(call, 'renormalize') !== false)})`,
    ],
  }),
  unpack_ue8m0_scale: () => own(['y'], 'x'),
};

/** The call of the function that an op stands for. */
export function torchCall(call: KernelCall): TorchCall {
  return CALLS[call.op](call);
}
