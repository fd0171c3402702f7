import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/dispatch/layout-ref.ts';
import type { LinearSpec } from '../../src/dispatch/linear-spec.ts';
import { MODEL_NAMES, modelLayers } from '../../src/dispatch/models.ts';
import { planLinear } from '../../src/dispatch/plan-linear.ts';
import { decide } from '../../src/dispatch/rule.ts';
import { linearFp8Block } from '../../src/dispatch/rules/linear-fp8-block.ts';
import { storageBytes } from '../../src/tensor/make.ts';

const MI355 = { m: 64, n: 2624, k: 6144, arch: 'gfx950', rocm: '7.2' } as const satisfies LinearSpec;
const B200 = { m: 64, n: 4096, k: 7168, arch: 'sm100' } as const satisfies LinearSpec;
const H100 = { ...B200, arch: 'sm90' } as const satisfies LinearSpec;

/** `when:op or kind` of every step. */
const steps = (spec: LinearSpec): readonly string[] =>
  planLinear(spec).steps.map(({ when, op, kind }) => `${when}:${op === undefined || op === 'permute' ? kind : op}`);

describe('the steps', () => {
  it.each([
    ['preshuffled', {}, ['load:permute-weight', 'call:per_1x128_quant', 'call:gemm_a8w8_blockscale_bpreshuffle']],
    ['tuned for Triton', { n: 4096, k: 7168 }, ['call:per_1x128_quant', 'call:gemm_a8w8_blockscale']],
    ['before ROCm 7.2', { rocm: '7.0' }, ['call:per_1x128_quant', 'call:gemm_a8w8_blockscale']],
    [
      'fused norm',
      { producer: 'rms-norm' },
      ['load:permute-weight', 'call:fused_rms_fp8_group_quant', 'call:gemm_a8w8_blockscale_bpreshuffle'],
    ],
    [
      'fused flatten',
      { producer: 'flatten' },
      ['load:permute-weight', 'call:fused_flatten_fp8_group_quant', 'call:gemm_a8w8_blockscale_bpreshuffle'],
    ],
    [
      'fused activation',
      { producer: 'silu-mul' },
      ['load:permute-weight', 'call:act_mul_and_fp8_group_quant', 'call:gemm_a8w8_blockscale_bpreshuffle'],
    ],
    [
      'a row-major scale',
      { producer: 'given' },
      ['load:permute-weight', 'call:convert-scale', 'call:gemm_a8w8_blockscale_bpreshuffle'],
    ],
    [
      'a transposed scale',
      { producer: 'given', scale: 'TV' },
      ['load:permute-weight', 'call:gemm_a8w8_blockscale_bpreshuffle'],
    ],
    [
      'a transposed scale for Triton',
      { producer: 'given', scale: 'TV', n: 4096, k: 7168 },
      ['call:relabel', 'call:gemm_a8w8_blockscale'],
    ],
    [
      'gfx942',
      { arch: 'gfx942' },
      ['load:normalize_e4m3fn_to_e4m3fnuz', 'call:per_1x128_quant', 'call:gemm_a8w8_blockscale'],
    ],
    [
      'gfx942, preshuffled',
      { arch: 'gfx942', bpreshuffleGfx942: true },
      [
        'load:normalize_e4m3fn_to_e4m3fnuz',
        'load:permute-weight',
        'call:per_1x128_quant',
        'call:gemm_a8w8_blockscale_bpreshuffle',
      ],
    ],
    [
      'per channel',
      { scheme: 'per-channel' },
      ['load:permute-weight', 'call:per_token_quant', 'call:gemm_a8w8_bpreshuffle'],
    ],
    [
      'per channel, fused norm',
      { scheme: 'per-channel', producer: 'rms-norm', residual: true },
      ['load:permute-weight', 'call:add_rmsnorm_quant', 'call:gemm_a8w8_bpreshuffle'],
    ],
  ] as const)('on AMD, %s', (_name, some, expected) => {
    expect(steps({ ...MI355, ...some } as LinearSpec)).toEqual(expected);
  });

  it.each([
    ['SM90', H100, ['call:per_1x128_quant', 'call:fp8_gemm_nt']],
    [
      'SM100',
      B200,
      [
        'load:requant_weight_ue8m0',
        'load:pack_ue8m0_mn_major',
        'call:deepgemm_per_token_cast',
        'call:pack_ue8m0_mn_major',
        'call:fp8_gemm_nt',
      ],
    ],
    ['SM100 and f16', { ...B200, dtype: 'f16' }, ['call:per_1x128_quant', 'call:gemm_a8w8_blockscale']],
    [
      'SM100 and f16 before PR 22300',
      { ...B200, dtype: 'f16', rules: 'before-22300' },
      [
        'load:requant_weight_ue8m0',
        'load:pack_ue8m0_mn_major',
        'call:unpack_ue8m0_scale',
        'call:per_1x128_quant',
        'call:gemm_a8w8_blockscale',
      ],
    ],
    ['SM100 without DeepGEMM', { ...B200, jitDeepgemm: false }, ['call:per_1x128_quant', 'call:gemm_a8w8_blockscale']],
    ['SM100 and a ragged N', { ...B200, n: 4128 }, ['call:per_1x128_quant', 'call:gemm_a8w8_blockscale']],
  ] as const)('on NVIDIA, %s', (_name, spec, expected) => {
    expect(steps(spec as LinearSpec)).toEqual(expected);
  });
});

describe('a plan', () => {
  it('survives JSON, and its layouts read back', () => {
    for (const spec of [
      MI355,
      { ...MI355, producer: 'given', scale: 'TV', n: 4096, k: 7168 },
      H100,
      B200,
    ] as LinearSpec[]) {
      const plan = planLinear(spec);
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      for (const tensor of Object.values(plan.tensors)) {
        const layout = layoutOf(tensor.layout);
        expect([layout.id, String(layout), layout.shape]).toEqual([
          tensor.layout.id,
          tensor.layout.notation,
          tensor.layout.shape,
        ]);
        expect(storageBytes({ type: tensor.type, layout })).toBe(tensor.bytes);
      }
    }
  });

  it('counts the bytes of every step', () => {
    const plan = planLinear({ ...MI355, producer: 'given' });
    const [m, n, k, g] = [64, 2624, 6144, 48];
    expect(plan.steps.map(({ kind, bytesRead, bytesWritten }) => [kind, bytesRead, bytesWritten])).toEqual([
      ['permute-weight', n * k, n * k],
      ['convert-scale', m * g * 4, m * g * 4],
      ['gemm', m * k + n * k + m * g * 4 + 21 * g * 4, m * n * 2],
    ]);
    expect(plan.cost.load).toEqual({
      steps: 1,
      bytesRead: n * k,
      bytesWritten: n * k,
      scaleCopies: 0,
      scaleCopyBytes: 0,
    });
    expect(plan.cost.call.scaleCopies).toBe(1);
    expect(plan.cost.call.scaleCopyBytes).toBe(2 * m * g * 4);
  });

  it('lists what the caller gives, and when', () => {
    const plan = planLinear({ ...MI355, producer: 'rms-norm', residual: true });
    expect(plan.operands).toEqual({ load: ['weight', 'weight_scale', 'norm_weight'], call: ['x', 'residual'] });
    expect(plan.result).toBe('y');
  });

  it('takes the decisions of the rules', () => {
    const plan = planLinear(MI355);
    expect(plan.decisions.map(({ decision, choice }) => [decision, choice])).toEqual([
      ['linear.fp8-gemm-backend', 'aiter'],
      ['linear.fp8-block', 'aiter-bpreshuffle'],
      ['weight.preprocess', 'shuffle'],
    ]);
    expect(plan.decisions[1]).toEqual(
      decide(linearFp8Block, 'current', {
        ...MI355,
        useAiter: true,
        gfx95: true,
        forceCk: false,
        bpreshuffleGfx942: false,
      }),
    );
  });

  it('returns bf16 where the input comes quantised, and says so', () => {
    const plan = planLinear({ ...MI355, dtype: 'f16', producer: 'given' });
    expect(plan.tensors['y']?.type).toBe('bf16');
    expect(plan.warnings).toContain(
      'the model computes in f16, but a layer that gets its input quantised returns bf16',
    );
    expect(planLinear({ ...MI355, dtype: 'f16' }).tensors['y']?.type).toBe('f16');
  });
});

describe('what cannot be planned', () => {
  const refusal =
    (some: Partial<Record<keyof LinearSpec, unknown>>): (() => unknown) =>
    () =>
      planLinear({ ...MI355, layer: 'q_proj', ...some } as unknown as LinearSpec);

  it('load and run time that disagree', () => {
    expect(refusal({ keepPlain: true })).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: plan of q_proj (ck-bpreshuffle): tensor "weight" is stored as row-major [2624, 6144], but this op reads shuffle_weight(16,16). At load keep-plain (SGLang fp8.py process_weights_after_loading_block_quant, layer.keep_plain_weight_layout) decided "plain", at run time bpreshuffle (SGLang fp8_utils.py aiter_w8a8_block_fp8_linear) decided "aiter-bpreshuffle": the kernel would read the bytes in the wrong order, without an error. Route the layer to a kernel that reads plain weights, or keep a plain copy for whoever else reads them and shuffle this one.]`,
    );
    expect(refusal({ n: 4096, k: 7168, forceCk: false, forceCkAtLoad: true })).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: plan of q_proj (triton): tensor "weight" is stored as shuffle_weight(16,16) [4096, 7168], but this op reads row-major. At load shuffle (SGLang fp8.py process_weights_after_loading_block_quant) decided "shuffle", at run time tuned-for-triton (SGLang fp8_utils.py use_aiter_triton_gemm_w8a8_tuned_gfx950) decided "aiter-triton": the kernel would read the bytes in the wrong order, without an error. Make both decisions under the same settings (forceCk is true at load and false at run time), or load the weight again before the first call.]`,
    );
    expect(refusal({ n: 4096, k: 7168, forceCk: true, forceCkAtLoad: false })).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: plan of q_proj (ck-bpreshuffle): tensor "weight" is stored as row-major [4096, 7168], but this op reads shuffle_weight(16,16). At load plain (SGLang fp8.py process_weights_after_loading_block_quant) decided "plain", at run time bpreshuffle (SGLang fp8_utils.py aiter_w8a8_block_fp8_linear) decided "aiter-bpreshuffle": the kernel would read the bytes in the wrong order, without an error. Make both decisions under the same settings (forceCk is false at load and true at run time), or shuffle it with permute to shuffle_weight(16,16) before the first call.]`,
    );
  });

  it('an unknown architecture, version, producer, kernel', () => {
    expect(refusal({ arch: 'gfx900' })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: dispatch: parameter "arch": is "gfx900", expected one of gfx942, gfx950, gfx1100, gfx1101, gfx1102, gfx1151, gfx1200, gfx1201, gfx1250, sm89, sm90, sm100, sm120.]`,
    );
    expect(refusal({ rules: 'pr-22300' })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: dispatch: parameter "rules": is "pr-22300", expected one of dec-2025, pr-23319, pr-23671, pr-27289, v0.5.15, current on AMD.]`,
    );
    expect(refusal({ rocm: undefined })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: planLinear: parameter "rocm": is missing; the rules for gfx950 need the ROCm version, e.g. 7.2.]`,
    );
    expect(refusal({ rocm: 'seven' })).toThrowErrorMatchingInlineSnapshot(
      `[PreshuffleError: the ROCm version is "seven", expected numbers with dots between them, such as 7.2.]`,
    );
    expect(refusal({ producer: 'layer-norm' })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: planLinear: parameter "producer": is "layer-norm", expected one of linear, rms-norm, flatten, silu-mul, given.]`,
    );
    expect(refusal({ kernel: 'ck' })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: plan of q_proj: parameter "kernel": is ck, but the rules choose aiter-bpreshuffle for (n, k) = (2624, 6144), which is one of ck-bpreshuffle, asm-bpreshuffle, cktile-bpreshuffle, cktile-bpreshuffle-8warp, triton-preshuffle.]`,
    );
    expect(refusal({ arch: 'sm90', rules: 'pr-23319' })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: dispatch: parameter "rules": is "pr-23319", expected one of before-22300, pr-22300, current on NVIDIA.]`,
    );
  });

  it('shapes that are refused', () => {
    expect(refusal({ k: 6144 + 64 })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: planLinear: parameter "k": is 6208, expected a multiple of 128: block scales cover whole blocks, SGLang refuses the layer (validate_fp8_block_shape), and AITER's quantiser would read past the rows. Pad K with zeros to 6272.]`,
    );
    expect(refusal({ n: 2620 })).toThrowErrorMatchingInlineSnapshot(
      `[OperandError: plan of q_proj: operand "weight": has shape [2620, 6144], but ck-bpreshuffle needs N a multiple of 16 and K of 32. Pad it with zeros to [2624, 6144], or keep it plain and multiply with Triton.]`,
    );
    expect(refusal({ n: 2640, kernel: 'asm-bpreshuffle' })).toThrowErrorMatchingInlineSnapshot(
      `[OperandError: plan of q_proj: operand "weight": has shape [2640, 6144], but asm-bpreshuffle needs N a multiple of 128 and K of 128. Pad it with zeros to [2688, 6144], or keep it plain and multiply with Triton.]`,
    );
    expect(refusal({ scheme: 'per-channel', k: 96 })).toThrowErrorMatchingInlineSnapshot(
      `[OperandError: plan of q_proj: operand "weight": has rows of 96 bytes [2624, 96], expected a multiple of 64: shuffle_weight accepts 96, but CK steps 2048 bytes from one 16-row block to the next where 1536 are stored, so every row from 16 on is misread. Pad K with zeros to 128.]`,
    );
    expect(refusal({ scheme: 'per-channel', k: 72 })).toThrowErrorMatchingInlineSnapshot(
      `[OperandError: plan of q_proj: operand "weight": has rows of 72 bytes [2624, 72], expected a multiple of 64: shuffle_weight asserts "72 % 32 == 8". Pad K with zeros to 128.]`,
    );
    expect(refusal({ m: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: planLinear: parameter "m": is 0, expected a positive integer.]`,
    );
  });

  it('types and producers that no kernel takes', () => {
    expect(refusal({ n: 2560, kernel: 'asm-bpreshuffle', dtype: 'f16' })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: plan of q_proj: parameter "dtype": is f16, but asm-bpreshuffle writes bf16 only. Pin another kernel, or compute in bf16.]`,
    );
    expect(refusal({ scheme: 'per-channel', producer: 'flatten' })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: plan of q_proj: parameter "producer": is flatten, whose kernel writes one scale for each 1x128; per-token scales come from linear, rms-norm or given.]`,
    );
    expect(refusal({ scheme: 'per-channel', useAiter: false })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: plan of q_proj: parameter "scheme": is per-channel, which is planned for AITER on AMD only; arch is gfx950 and useAiter false.]`,
    );
    expect(refusal({ arch: 'sm90', producer: 'rms-norm' })).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: plan of q_proj: parameter "producer": is rms-norm; on sm90 the layer quantises its own input: expected linear.]`,
    );
    expect(refusal({ arch: 'sm100', backend: 'flashinfer_trtllm' })).toThrowErrorMatchingInlineSnapshot(
      `[NoReferenceError: plan of q_proj: the rules choose flashinfer-trtllm, for which there is no reference op. The decision stands; to get a plan, set backend to deep_gemm or triton.]`,
    );
    expect(refusal({ arch: 'sm120' })).toThrowErrorMatchingInlineSnapshot(
      `[NoReferenceError: plan of q_proj: the rules choose DeepGEMM on sm120 with float32 weight scales, for which there is no reference op. The decision stands; to get a plan, set backend to deep_gemm or triton.]`,
    );
  });
});

describe('models', () => {
  it.each(MODEL_NAMES)('%s plans on MI355X, every layer', (model) => {
    for (const layer of modelLayers(model)) {
      const plan = planLinear({ ...layer, m: 64, arch: 'gfx950', rocm: '7.2' });
      expect(plan.cost.call.scaleCopies).toBe(0);
    }
  });

  it('has the layers of DeepSeek-V3 on 8 ranks in the Triton table', () => {
    const layers = modelLayers('deepseek-v3', 8).map(({ layer, n, k }) => [layer, n, k]);
    expect(layers).toEqual([
      ['fused_qkv_a_proj_with_mqa', 2112, 7168],
      ['q_b_proj', 3072, 1536],
      ['kv_b_proj', 4096, 512],
      ['o_proj', 7168, 2048],
      ['mlp.gate_up_proj', 4608, 7168],
      ['mlp.down_proj', 7168, 2304],
      ['shared_experts.gate_up_proj', 512, 7168],
      ['shared_experts.down_proj', 7168, 256],
    ]);
    const kernels = modelLayers('deepseek-v3', 8).map(
      (layer) => planLinear({ ...layer, m: 64, arch: 'gfx950', rocm: '7.2' }).kernel,
    );
    expect(kernels.filter((kernel) => kernel === 'triton')).toHaveLength(7);
  });

  it('refuses ranks that do not divide it', () => {
    expect(() => modelLayers('glm-5.1', 7)).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: dispatch: parameter "tp": is 7, which does not divide q_b_proj of glm-5.1 (n would be 2340.5714285714284, k 2048). Its usual value is 8.]`,
    );
    expect(() => modelLayers('gpt-2')).toThrowErrorMatchingInlineSnapshot(
      `[ParameterError: dispatch: parameter "model": is "gpt-2", expected one of deepseek-v3, glm-5.1, glm-4.7, minimax-m2.5.]`,
    );
  });
});
