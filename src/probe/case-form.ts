import { elementBits } from '../formats/element-type.ts';
import type { Layout } from '../layout/layout.ts';
import { stackedExperts } from '../layout/stacked-experts.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import type { OpName } from '../ops/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sizesOf } from './probe-call.ts';

/** How a golden case spells a call: which op name, which keys, and what its tensors are called. */
export interface CaseForm {
  /** Name that golden files have for the op, where it is another one. */
  readonly op: string;
  readonly keys: Readonly<Record<string, unknown>>;
  /** Names of operands in the file, where they are others than those of the op. */
  readonly operands: Readonly<Record<string, string>>;
  /** The same for outputs. */
  readonly outputs: Readonly<Record<string, string>>;
}

type Form = Omit<CaseForm, 'keys' | 'op'> & { readonly op?: string; keys(call: KernelCall): object };

const NAMED_ALIKE = { operands: {}, outputs: {} };
const NO_KEYS: Form = { ...NAMED_ALIKE, keys: () => ({}) };

const gemm = (...shuffled: readonly string[]): Form => ({
  operands: Object.fromEntries(shuffled.map((name) => [name, `${name}_shuffled`])),
  outputs: {},
  keys: (call) => {
    const { m, n, k } = sizesOf(call);
    return { M: m, N: n, K: k, format: typeOf(call, 'x') };
  },
});

const quantiser: Form = { ...NAMED_ALIKE, keys: () => ({ format: 'e4m3fn' }) };
const mxQuantiser = (mode: string): Form => ({ ...NAMED_ALIKE, keys: () => ({ mode }) });
const sized: Form = { ...NAMED_ALIKE, keys: sizesOf };
/** Normed and flattened rows have a second pair of results, with transposed scales; these are the first. */
const fused: Form = {
  operands: {},
  outputs: { y: 'y0', scale: 'scale0' },
  keys: ({ operands }) => ({ shape: operands['x']?.layout.shape, eps: 1e-6, residual: operands['r'] !== undefined }),
};
const newScale: Form = { ...NO_KEYS, outputs: { scale: 'scale_out' } };

/** Layouts of expert weights and scales by their ids, as golden cases call them. */
const EXPERT_LAYOUTS: Readonly<Record<string, string>> = {
  'row-major': 'row_major',
  gate_up_interleaved: 'gate_up_interleaved',
  'shuffle_weight(16,16)': 'shuffle_weight',
  'shuffle_weight(guinterleave,gate_up)': 'shuffle_weight_guinterleave',
  'shuffle_weight(guinterleave)': 'shuffle_weight_guinterleave',
  shuffle_scale: 'shuffle_scale',
  'shuffle_scale(guinterleave)': 'shuffle_scale_guinterleave',
  'shuffle_scale(guinterleave,gate_up)': 'shuffle_scale_guinterleave',
};

/** @param weights names of the weights and, for each, the keys of its layout and that of its scale */
const experts = (weights: Readonly<Record<string, readonly [string, string]>>): Form => ({
  ...NAMED_ALIKE,
  keys(call) {
    const layouts = Object.entries(weights).flatMap(([name, [weightKey, scaleKey]]) => [
      [weightKey, EXPERT_LAYOUTS[call.operands[name]?.layout.id ?? '']],
      [scaleKey, EXPERT_LAYOUTS[call.operands[`${name}_scale`]?.layout.id ?? '']],
    ]);
    return { ...sizesOf(call), ...Object.fromEntries(layouts) };
  },
});

const FORMS: Readonly<Record<OpName, Form>> = {
  act_mul_and_fp8_group_quant: NO_KEYS,
  add_rmsnorm_quant: NO_KEYS,
  ceil_to_ue8m0: NO_KEYS,
  decode: { operands: {}, outputs: { y: 'f32' }, keys: (call) => ({ format: typeOf(call, 'x') }) },
  deepgemm_per_block_cast: NO_KEYS,
  deepgemm_per_token_cast: NO_KEYS,
  deepgemm_per_token_cast_packed: NO_KEYS,
  dynamic_mxfp4_quant: mxQuantiser('Even'),
  encode: NO_KEYS,
  fp8_gemm_nt: gemm(),
  fused_flatten_fp8_group_quant: fused,
  fused_moe_mxfp4: experts({ w1: ['weight_layout', 'scale_layout'], w2: ['w2_layout', 'w2_scale_layout'] }),
  fused_rms_fp8_group_quant: fused,
  gemm_a4w4_bpreshuffle: gemm('w', 'x_scale', 'w_scale'),
  gemm_a8w8_blockscale: gemm(),
  gemm_a8w8_blockscale_bpreshuffle: gemm('w'),
  gemm_a8w8_bpreshuffle: gemm('w'),
  moe_sorting: sized,
  moe_stage1_mxfp4: experts({ w13: ['weight_layout', 'scale_layout'] }),
  moe_stage2_mxfp4: experts({ w2: ['weight_layout', 'scale_layout'] }),
  mx_scale: NO_KEYS,
  mxfp4_quant: mxQuantiser('RoundUp'),
  mxfp8_quant: mxQuantiser('RoundUp'),
  normalize_e4m3fn_to_e4m3fnuz: newScale,
  pack_ue8m0_mn_major: NO_KEYS,
  pack_ue8m0_to_int: NO_KEYS,
  per_1x128_quant: quantiser,
  per_tensor_quant: quantiser,
  per_token_quant: quantiser,
  permute: { ...NAMED_ALIKE, keys: permutation },
  requant_weight_ue8m0: newScale,
  swiglu: NO_KEYS,
  topk_softmax: sized,
  unpack_ue8m0_scale: {
    ...NAMED_ALIKE,
    keys: ({ operands }) => ({ mn: operands['x']?.layout.shape[0] }),
  },
};

/** Any two layouts of the catalog; those of stacked scales also need the number of experts. */
function permutation({ operands, params }: KernelCall): object {
  const { x } = operands;
  const { to } = params as { readonly to: Layout };
  if (x === undefined) return {};
  const experts = stackedExperts([x.layout, to], elementBits(x.type)) ?? 1;
  return { dtype: x.type, shape: to.shape, from: x.layout.id, to: to.id, experts };
}

/** Parameters whose key in golden cases is another. */
const KEYS: Readonly<Record<string, string>> = {
  gemmaNorm: 'gemma_norm',
  granMn: 'gran_mn',
  residualRounding: 'residual_rounding',
};

/** Number types of inputs, as the key `src` names them. */
const SOURCES: readonly string[] = ['bf16', 'f16', 'f32'];

/** How a golden case writes a call. What it cannot express is found when the case is read back. */
export function caseForm(call: KernelCall): CaseForm {
  const form = FORMS[call.op];
  const params = Object.entries(call.params).filter(([name]) => name !== 'to' && name !== 'scaleStore');
  const scaleStore = (call.params as { readonly scaleStore?: string }).scaleStore ?? 'row-major';
  const source = typeOf(call, 'x') ?? typeOf(call, 'logits');
  return {
    op: call.op === 'add_rmsnorm_quant' && call.operands['r'] === undefined ? 'rmsnorm_quant' : (form.op ?? call.op),
    operands: form.operands,
    outputs: form.outputs,
    keys: {
      ...form.keys(call),
      ...(source !== undefined && SOURCES.includes(source) ? { src: source } : {}),
      ...(scaleStore === 'row-major' ? {} : { shuffle_scale: true }),
      ...Object.fromEntries(params.map(([name, value]) => [KEYS[name] ?? name, value])),
    },
  };
}

function typeOf({ operands }: KernelCall, name: string): Tensor['type'] | undefined {
  return operands[name]?.type;
}
