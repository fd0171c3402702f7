import type { DecisionTable, Rule } from '../rule.ts';
import type { CudaVersion } from '../versions.ts';

/** What decides whether a weight gets power-of-two scales at load on NVIDIA. */
export interface RequantFacts {
  /** Compute capability 9.0 or later, deep_gemm importable, `SGLANG_ENABLE_JIT_DEEPGEMM` not 0. */
  readonly jitDeepgemm: boolean;
  /** DeepGEMM reads UE8M0 scales: SM100 and SM120. */
  readonly deepgemmUe8m0: boolean;
  readonly arch: string;
  /** e.g. `128x128`; undefined: no block scales. */
  readonly block: string | undefined;
  readonly outType: string | undefined;
  /** Undefined: the caller does not say. */
  readonly n: number | undefined;
  readonly k: number | undefined;
}

export type RequantChoice = 'requantise' | 'keep';

type R = Rule<RequantFacts, RequantChoice>;

const ORIGIN = 'SGLang fp8_utils.py should_deepgemm_weight_requant_ue8m0';

const keep = (id: string, when: R['when'], reason: string, origin = ORIGIN): R => ({
  id,
  when,
  choice: 'keep',
  reason,
  origin,
});

const requantise: R = {
  id: 'requantise',
  when: [],
  choice: 'requantise',
  reason:
    'DeepGEMM will read this weight and wants power-of-two scales: dequantise, round the scale up, quantise again',
  origin: ORIGIN,
};

const always: readonly R[] = [
  keep('no-deepgemm', [{ fact: 'jitDeepgemm', is: false }], 'no DeepGEMM kernel will read the weight'),
  keep('float-scales', [{ fact: 'deepgemmUe8m0', is: false }], 'DeepGEMM reads float32 scales on this GPU'),
  keep('no-block', [{ fact: 'block', known: false }], 'the weight has no block scales'),
];

const since22300: readonly R[] = [
  ...always,
  keep(
    'not-bf16',
    [{ fact: 'outType', known: true }, { not: { fact: 'outType', is: 'bf16' } }],
    'DeepGEMM writes bf16 only, so the layer falls back to Triton, which reads float32 scales',
    'SGLang PR 22300',
  ),
  keep(
    'ragged-n',
    [{ fact: 'n', known: true }, { not: { fact: 'n', multipleOf: 64 } }],
    'DeepGEMM needs N a multiple of 64, so the layer falls back to Triton',
    'SGLang PR 22300',
  ),
  keep(
    'ragged-k',
    [{ fact: 'k', known: true }, { not: { fact: 'k', multipleOf: 128 } }],
    'DeepGEMM needs K a multiple of 128, so the layer falls back to Triton',
    'SGLang PR 22300',
  ),
];

export const ue8m0Requant: DecisionTable<RequantFacts, RequantChoice, CudaVersion> = {
  id: 'weight.requant-ue8m0',
  question: 'Is a block-scaled fp8 weight requantised to power-of-two (UE8M0) scales at load?',
  choices: {
    requantise: 'codes and scales change together; the scales are packed four an int32',
    keep: 'codes and float32 scales stay as the checkpoint has them',
  },
  notes: [
    'format_ue8m0 is an attribute of the Python tensor: lost when the parameter is made anew, and then the weight is requantised twice or falls back wrongly.',
    'A trainer that ships weights calls the test without output type and shape and for its own GPU: it may send packed scales to a layer where the server kept float32.',
    'Merged layers (qkv, gate_up) are tested with the merged N.',
  ],
  versions: {
    'before-22300': [...always, requantise],
    'pr-22300': [...since22300, requantise],
    current: [
      keep('sm120', [{ fact: 'arch', is: 'sm120' }], 'not on SM120', 'SGLang issue 39063'),
      ...since22300,
      requantise,
    ],
  },
};

/** What decides which kernel multiplies when the DeepGEMM backend is on. */
export interface DeepgemmLinearFacts {
  readonly n: number;
  readonly k: number;
  readonly outType: string;
  /** The scales were packed to int32 at load. */
  readonly packedScale: boolean;
}

export type DeepgemmLinearChoice = 'deepgemm' | 'sglang-triton' | 'unpack-and-sglang-triton';

const DEEPGEMM = 'SGLang fp8_utils.py deepgemm_w8a8_block_fp8_linear_with_fallback';

const fits = [
  { fact: 'n', multipleOf: 64 },
  { fact: 'k', multipleOf: 128 },
  { fact: 'outType', is: 'bf16' },
] as const;

const deepgemmRules: readonly Rule<DeepgemmLinearFacts, DeepgemmLinearChoice>[] = [
  {
    id: 'deepgemm',
    when: fits,
    choice: 'deepgemm',
    reason: 'N is a multiple of 64, K of 128, and the output is bf16',
    origin: DEEPGEMM,
  },
  {
    id: 'unpack',
    when: [{ fact: 'packedScale', is: true }],
    choice: 'unpack-and-sglang-triton',
    reason: 'Triton reads float32 scales: the packed ones are unpacked at every call, with six elementwise kernels',
    origin: DEEPGEMM,
  },
  {
    id: 'triton',
    when: [],
    choice: 'sglang-triton',
    reason: 'DeepGEMM does not take this shape or output type',
    origin: DEEPGEMM,
  },
];

export const deepgemmLinear: DecisionTable<DeepgemmLinearFacts, DeepgemmLinearChoice, CudaVersion> = {
  id: 'linear.deepgemm',
  question: 'DeepGEMM, or its fallback?',
  choices: {
    deepgemm: 'fp8_gemm_nt',
    'sglang-triton': 'w8a8_block_fp8_matmul (Triton)',
    'unpack-and-sglang-triton': 'w8a8_block_fp8_matmul after unpacking the int32 scales',
  },
  versions: { 'before-22300': deepgemmRules, 'pr-22300': deepgemmRules, current: deepgemmRules },
};

/** What decides which kernel multiplies when the FlashInfer TRTLLM backend is on. */
export interface TrtllmLinearFacts {
  readonly k: number;
  readonly outType: string;
  /** `weight_scale.format_ue8m0` is set. */
  readonly formatUe8m0: boolean;
}

export type TrtllmLinearChoice = 'flashinfer-trtllm' | 'sglang-triton';

const TRTLLM = 'SGLang fp8_utils.py flashinfer_gemm_w8a8_block_fp8_linear_with_fallback';

type T = Rule<TrtllmLinearFacts, TrtllmLinearChoice>;

const shortK: T = {
  id: 'short-k',
  when: [{ fact: 'k', below: 256 }],
  choice: 'sglang-triton',
  reason: 'TRTLLM needs K of at least 256',
  origin: TRTLLM,
};

const trtllm: T = {
  id: 'trtllm',
  when: [],
  choice: 'flashinfer-trtllm',
  reason: 'nothing stands against it',
  origin: TRTLLM,
};

export const trtllmLinear: DecisionTable<TrtllmLinearFacts, TrtllmLinearChoice, CudaVersion> = {
  id: 'linear.flashinfer-trtllm',
  question: 'FlashInfer TRTLLM, or its fallback?',
  choices: {
    'flashinfer-trtllm': 'gemm_fp8_nt_groupwise with the trtllm backend',
    'sglang-triton': 'w8a8_block_fp8_matmul (Triton)',
  },
  notes: ['With DeepGEMM off and before PR 22300, TRTLLM took float32 scales for UE8M0: accuracy 0.'],
  versions: {
    'before-22300': [shortK, trtllm],
    'pr-22300': [
      shortK,
      {
        id: 'float-scale',
        when: [{ fact: 'formatUe8m0', is: false }],
        choice: 'sglang-triton',
        reason: 'the scale is not UE8M0; TRTLLM would read its float32 bits as exponents',
        origin: 'SGLang PR 22300',
      },
      trtllm,
    ],
    current: [
      shortK,
      {
        id: 'not-bf16',
        when: [{ not: { fact: 'outType', is: 'bf16' } }],
        choice: 'sglang-triton',
        reason: 'TRTLLM writes bf16 only',
        origin: `${TRTLLM} (mid 2026)`,
      },
      trtllm,
    ],
  },
};
