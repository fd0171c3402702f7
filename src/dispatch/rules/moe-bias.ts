import type { MoeActivation, MoeWeightType } from '../moe/facts.ts';
import type { AiterVersion } from '../moe/versions.ts';
import type { DecisionTable, Rule } from '../rule.ts';

/** What decides what becomes of the biases. */
export interface MoeBiasFacts {
  readonly kernel: string;
  readonly hasBias: boolean;
  readonly biasType: 'f32' | 'bf16' | undefined;
  readonly activation: MoeActivation;
  readonly weights: MoeWeightType;
}

export type MoeBiasChoice = 'none' | 'applied' | 'ignored' | 'type-error' | 'value-error' | 'open';

type B = Rule<MoeBiasFacts, MoeBiasChoice>;

const bias = (id: string, when: B['when'], choice: MoeBiasChoice, reason: string, origin: string): B => ({
  id,
  when,
  choice,
  reason,
  origin,
});

export const moeBias: DecisionTable<MoeBiasFacts, MoeBiasChoice, 'current'> = {
  id: 'moe.bias',
  question: 'What becomes of the biases of w13 and w2?',
  choices: {
    none: 'there are none',
    applied: 'added in f32 in both stages, read as all gate rows, then all up rows',
    ignored: 'not added, without an error',
    'type-error': 'TypeError "MoE bias must be fp32"',
    'value-error': 'ValueError "CK-Tile interleaved split-k bias is not supported"',
    open: 'not read',
  },
  notes: [
    'Biases are never shuffled, but they are de-interleaved together with the rows of w13.',
    'w2 bias belongs on one rank only: the others add zeros, or the sum has it once a rank.',
  ],
  versions: {
    current: [
      bias('none', [{ fact: 'hasBias', is: false }], 'none', 'the layer has none', 'AITER aiter/fused_moe.py'),
      bias(
        'not-f32',
        [{ not: { fact: 'biasType', is: 'f32' } }],
        'type-error',
        'kernels read f32',
        'AITER aiter/fused_moe.py fused_moe',
      ),
      bias(
        'cktile-auto-swiglu',
        [
          { fact: 'kernel', is: 'cktile-split-k-auto' },
          { fact: 'activation', is: 'Swiglu' },
        ],
        'value-error',
        'the second kernel cannot add it to alternating columns',
        'AITER aiter/fused_moe.py cktile_moe_stage1',
      ),
      bias(
        'cktile-swiglu',
        [
          { fact: 'kernel', oneOf: ['cktile-fused', 'cktile-split-k-standard'] },
          { fact: 'activation', is: 'Swiglu' },
        ],
        'applied',
        'gate at e * 2 I + c, up at e * 2 I + I + c',
        'ck_tile moe_flatmm_kernel.hpp; AITER csrc/kernels/activation_kernels.cu',
      ),
      bias(
        'cktile',
        [{ fact: 'kernel', oneOf: ['cktile-fused', 'cktile-split-k-standard', 'cktile-split-k-auto'] }],
        'ignored',
        'the Silu instances have no bias',
        'AITER csrc/ck_tile_gemm_moe_2stages/gen_instances.py',
      ),
      bias(
        'flydsl',
        [
          { fact: 'kernel', oneOf: ['flydsl', 'flydsl-tuned'] },
          { fact: 'weights', is: 'fp4x2' },
        ],
        'applied',
        'f32, added to the accumulators',
        'AITER aiter/ops/flydsl/kernels/mixed_moe_gemm_2stage_common.py',
      ),
      bias(
        'flydsl-other-weights',
        [{ fact: 'kernel', oneOf: ['flydsl', 'flydsl-tuned'] }],
        'ignored',
        'has_bias is set for fp4x2 weights only',
        'AITER aiter/fused_moe.py get_2stage_cfgs',
      ),
      bias('other', [], 'open', 'not read for this kernel', ''),
    ],
  },
};

/** What decides which pads FlyDSL is told. */
export interface FlydslPadsFacts {
  readonly hasBias: boolean;
}

export type FlydslPadsChoice = 'exact' | 'zero';

const PADS = 'AITER aiter/fused_moe.py _get_padding_for_flydsl';

const exactPads: Rule<FlydslPadsFacts, FlydslPadsChoice> = {
  id: 'exact',
  when: [],
  choice: 'exact',
  reason: 'it leaves out exactly what is declared',
  origin: PADS,
};

const since3401: readonly Rule<FlydslPadsFacts, FlydslPadsChoice>[] = [
  {
    id: 'bias',
    when: [{ fact: 'hasBias', is: true }],
    choice: 'zero',
    reason: 'with a bias the whole padded problem is computed, so GPT-OSS always is',
    origin: `${PADS}, PR 3401`,
  },
  exactPads,
];

export const flydslPads: DecisionTable<FlydslPadsFacts, FlydslPadsChoice, AiterVersion> = {
  id: 'moe.flydsl-pads',
  question: 'Which hidden_pad and intermediate_pad does FlyDSL get?',
  choices: { exact: 'the declared ones', zero: '(0, 0)' },
  notes: ['CK-Tile rounds intermediate_pad down to 64 and hidden_pad to 128; CK ignores both (issue 5413).'],
  versions: {
    'before-3123': [exactPads],
    'pr-3123': [exactPads],
    'pr-3401': since3401,
    'pr-3212': since3401,
    'pr-3518': since3401,
    current: since3401,
  },
};
