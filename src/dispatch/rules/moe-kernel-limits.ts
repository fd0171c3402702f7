import type { MoeActivation, MoeActivationType, MoeWeightType } from '../moe/facts.ts';
import type { DecisionTable, Rule } from '../rule.ts';

/** What decides whether CK-Tile has a kernel for a call. */
export interface CkTileLaunchFacts {
  readonly arch: string;
  /** What stage 1 is handed. */
  readonly activationType: MoeActivationType;
  readonly weights: MoeWeightType;
  /** Type of the result. */
  readonly out: 'bf16' | 'f16';
  readonly splitK: boolean;
}

export type CkTileLaunchChoice = 'launches' | 'refused' | 'nothing-launched';

type L = Rule<CkTileLaunchFacts, CkTileLaunchChoice>;

const HOST = 'AITER csrc/ck_tile_gemm_moe_2stages/moe_cktile2stages.cu';

const launch = (id: string, when: L['when'], choice: CkTileLaunchChoice, reason: string, origin = HOST): L => ({
  id,
  when,
  choice,
  reason,
  origin,
});

export const ckTileLaunch: DecisionTable<CkTileLaunchFacts, CkTileLaunchChoice, 'current'> = {
  id: 'moe.cktile-launch',
  question: 'Does CK-Tile launch a kernel?',
  choices: {
    launches: 'yes',
    refused: 'TORCH_CHECK raises RuntimeError',
    'nothing-launched': 'no, and no error: the output stays as it was allocated',
  },
  versions: {
    current: [
      launch(
        'fp4-activations',
        [{ fact: 'activationType', is: 'fp4x2' }],
        'refused',
        '"Unsupported scales/output dtype!": activations must be fp8, bf16 or f16',
      ),
      launch('f16-out', [{ fact: 'out', is: 'f16' }], 'nothing-launched', 'no branch for an f16 result'),
      launch(
        'fp8-untyped',
        [{ fact: 'activationType', is: 'fp8' }, { not: { fact: 'weights', is: 'fp4x2' } }],
        'nothing-launched',
        'fp8 activations need weights of type float4_e2m1fn_x2; bytes of uint8 are not enough',
      ),
      launch(
        'fp8-split',
        [
          { fact: 'activationType', is: 'fp8' },
          { fact: 'splitK', is: true },
        ],
        'refused',
        'no instance for fp8 activations with K split',
        'AITER csrc/ck_tile_gemm_moe_2stages/gen_instances.py',
      ),
      launch(
        'fp8-arch',
        [{ fact: 'activationType', is: 'fp8' }, { not: { fact: 'arch', is: 'gfx950' } }],
        'refused',
        'instances for fp8 activations are built on gfx950 only',
        'AITER csrc/ck_tile_gemm_moe_2stages/gen_instances.py',
      ),
      launch('launches', [], 'launches', 'there is an instance'),
    ],
  },
};

/** What decides whether CK has a module for a call. */
export interface Ck2StagesFacts {
  readonly activation: MoeActivation;
  readonly activationType: MoeActivationType;
  readonly weights: MoeWeightType;
}

export type Ck2StagesChoice = 'exists' | 'missing' | 'builds-or-fails' | 'open';

const GEN = 'AITER csrc/ck_gemm_moe_2stages_codegen/gen_instances.py';

export const ck2StagesInstance: DecisionTable<Ck2StagesFacts, Ck2StagesChoice, 'current'> = {
  id: 'moe.ck2stages-instance',
  question: 'Does CK have a module for these types and this activation?',
  choices: {
    exists: 'yes',
    missing: 'no: an error when it is loaded',
    'builds-or-fails':
      'its generation accepts the activation, but no instance is listed: the build fails, or what it makes misreads',
    open: 'the sources leave it open: an error, or wrong numbers',
  },
  versions: {
    current: [
      {
        id: 'swiglu',
        when: [
          { fact: 'activation', is: 'Swiglu' },
          { fact: 'weights', is: 'fp4x2' },
        ],
        choice: 'builds-or-fails',
        reason: 'fp4 weights with scales for 1x32 have instances for Silu and Gelu only',
        origin: `${GEN}; SGLang issues 26216, 26916`,
      },
      {
        id: 'fp8-fp4',
        when: [
          { fact: 'activationType', is: 'fp8' },
          { fact: 'weights', is: 'fp4x2' },
        ],
        choice: 'missing',
        reason: 'there is no instance of fp8 activations with fp4 weights; derived',
        origin: GEN,
      },
      {
        id: 'bf16-fp4',
        when: [
          { fact: 'activationType', is: 'bf16' },
          { fact: 'weights', is: 'fp4x2' },
        ],
        choice: 'open',
        reason: 'bf16 activations with fp4 weights: "regresses silently" with DeepSeek-V4, or fails to build',
        origin: 'ATOM atom/model_ops/moe.py, which sets AITER_BF16_FP8_MOE_BOUND=0 for that reason',
      },
      {
        id: 'exists',
        when: [],
        choice: 'exists',
        reason: 'Silu and Gelu on fp4 weights, and fp8 weights, are compiled',
        origin: GEN,
      },
    ],
  },
};

/** What decides whether swiglu_limit reaches the arithmetic. */
export interface SwigluLimitFacts {
  readonly kernel: string;
  readonly activation: MoeActivation;
}

export type SwigluLimitChoice = 'applied' | 'fixed-7' | 'ignored' | 'open';

const POST = 'AITER csrc/kernels/activation_kernels.cu';

export const swigluLimit: DecisionTable<SwigluLimitFacts, SwigluLimitChoice, 'current'> = {
  id: 'moe.swiglu-limit',
  question: 'Does the kernel clamp gate and up at swiglu_limit?',
  choices: {
    applied: 'yes; without one Swiglu clamps at 7 and Silu not at all',
    'fixed-7': 'it clamps at 7, whatever the limit is',
    ignored: 'it does not clamp',
    open: 'not read',
  },
  notes: ['Swiglu clamps gate from above only, up on both sides; alpha is 1.702 everywhere.'],
  versions: {
    current: [
      {
        id: 'flydsl',
        when: [{ fact: 'kernel', oneOf: ['flydsl', 'flydsl-tuned'] }],
        choice: 'applied',
        reason: 'runtime_swiglu_limit: the limit or 7 for Swiglu, the limit or infinity for Silu',
        origin: 'AITER aiter/ops/flydsl/moe_kernels.py',
      },
      {
        id: 'cktile-swiglu',
        when: [
          { fact: 'kernel', oneOf: ['cktile-fused', 'cktile-split-k-standard', 'cktile-split-k-auto'] },
          { fact: 'activation', is: 'Swiglu' },
        ],
        choice: 'fixed-7',
        reason: 'alpha 1.702 and limit 7 are compiled in',
        origin: `${POST}; ck_tile moe_flatmm_kernel.hpp`,
      },
      {
        id: 'cktile',
        when: [{ fact: 'kernel', oneOf: ['cktile-fused', 'cktile-split-k-standard', 'cktile-split-k-auto'] }],
        choice: 'ignored',
        reason: 'the Silu functor does not clamp; derived',
        origin: POST,
      },
      { id: 'other', when: [], choice: 'open', reason: 'not read for this kernel', origin: '' },
    ],
  },
};
