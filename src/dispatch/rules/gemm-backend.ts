import type { DecisionTable, Rule } from '../rule.ts';

/** What decides which family of kernels multiplies block-scaled fp8 layers. */
export interface GemmBackendFacts {
  /** `--fp8-gemm-backend`. */
  readonly requested: GemmBackend | 'auto';
  readonly jitDeepgemm: boolean;
  /** SM100 or later with FlashInfer installed. */
  readonly flashinferBlackwell: boolean;
  /** SM120 with CUTLASS block-scaled kernels. */
  readonly cutlassSm120: boolean;
  readonly useAiter: boolean;
}

export const GEMM_BACKENDS = [
  'deep_gemm',
  'flashinfer_trtllm',
  'flashinfer_cutlass',
  'flashinfer_cutedsl',
  'flashinfer_deepgemm',
  'cutlass',
  'triton',
  'aiter',
] as const;

export type GemmBackend = (typeof GEMM_BACKENDS)[number];

const ORIGIN = 'SGLang fp8_utils.py dispatch_w8a8_block_fp8_linear';

const requested: readonly Rule<GemmBackendFacts, GemmBackend>[] = GEMM_BACKENDS.map((choice) => ({
  id: `requested-${choice}`,
  when: [{ fact: 'requested', is: choice }],
  choice,
  reason: 'it was asked for',
  origin: `${ORIGIN}, --fp8-gemm-backend`,
}));

const automatic = (
  choice: GemmBackend,
  when: Rule<GemmBackendFacts, GemmBackend>['when'],
  reason: string,
): Rule<GemmBackendFacts, GemmBackend> => ({ id: `auto-${choice}`, when, choice, reason, origin: `${ORIGIN}, auto` });

export const gemmBackend: DecisionTable<GemmBackendFacts, GemmBackend, 'current'> = {
  id: 'linear.fp8-gemm-backend',
  question: 'Which family of kernels multiplies block-scaled fp8 layers?',
  choices: {
    deep_gemm: 'DeepGEMM, with a fallback to Triton',
    flashinfer_trtllm: 'FlashInfer with TRTLLM kernels, with a fallback to Triton',
    flashinfer_cutlass: 'FlashInfer with CUTLASS kernels',
    flashinfer_cutedsl: 'FlashInfer with CuTe DSL kernels',
    flashinfer_deepgemm: 'FlashInfer with DeepGEMM kernels (SM90, M below 32)',
    cutlass: 'CUTLASS of sgl-kernel',
    triton: 'Triton of SGLang',
    aiter: 'AITER, see linear.fp8-block',
  },
  versions: {
    current: [
      ...requested,
      automatic('deep_gemm', [{ fact: 'jitDeepgemm', is: true }], 'DeepGEMM is there'),
      automatic('flashinfer_trtllm', [{ fact: 'flashinferBlackwell', is: true }], 'FlashInfer on Blackwell'),
      automatic('cutlass', [{ fact: 'cutlassSm120', is: true }], 'CUTLASS on SM120'),
      automatic('aiter', [{ fact: 'useAiter', is: true }], 'AITER is on'),
      automatic('triton', [], 'nothing faster is there'),
    ],
  },
};
