import type { GateMode, MoeActivation, MoeActivationType, MoeWeightType } from '../moe/facts.ts';
import type { AiterVersion } from '../moe/versions.ts';
import type { DecisionTable, Rule } from '../rule.ts';

/** What decides to which type activations are quantised. */
export interface ActivationTypeFacts {
  readonly arch: string;
  readonly weights: MoeWeightType;
  readonly activation: MoeActivation;
  readonly gateMode: GateMode;
  /** Tokens, not padded. */
  readonly m: number;
  /** GPTOSS_SWIGLU_MXFP4_BF16_BOUND, read when AITER is imported. */
  readonly swigluBf16Bound: number;
  /** AITER_BF16_FP8_MOE_BOUND, read at every call. */
  readonly bf16Fp8Bound: number;
  /** AITER_SITUV2_A8W4, AITER_SITUV2_A4W4. */
  readonly situv2A8w4: boolean;
  readonly situv2A4w4: boolean;
  /** AITER_FORCE_A8W4, on gfx1250. */
  readonly forceA8w4: boolean;
}

type R = Rule<ActivationTypeFacts, MoeActivationType>;

const ORIGIN = 'AITER aiter/fused_moe.py _fused_moe_impl';

const rule = (id: string, when: R['when'], choice: MoeActivationType, reason: string): R => ({
  id,
  when,
  choice,
  reason,
  origin: ORIGIN,
});

const first: readonly R[] = [
  rule(
    'gfx1250-a8w4',
    [
      { fact: 'arch', is: 'gfx1250' },
      { fact: 'forceA8w4', is: true },
    ],
    'fp8',
    'AITER_FORCE_A8W4',
  ),
  rule('gfx1250', [{ fact: 'arch', is: 'gfx1250' }], 'fp4x2', 'gfx1250 quantises to fp4 whatever the activation'),
  rule('int4-weights', [{ fact: 'weights', is: 'i4x2' }], 'bf16', 'int4 weights are multiplied with bf16'),
  rule('fp8-weights', [{ fact: 'weights', is: 'fp8' }], 'fp8', 'fp8 weights are multiplied with fp8'),
  rule(
    'situv2-a8w4',
    [
      { fact: 'activation', is: 'Situv2' },
      { fact: 'situv2A8w4', is: true },
    ],
    'fp8',
    'AITER_SITUV2_A8W4',
  ),
  rule(
    'situv2-a4w4',
    [
      { fact: 'activation', is: 'Situv2' },
      { fact: 'situv2A4w4', is: true },
    ],
    'fp4x2',
    'AITER_SITUV2_A4W4',
  ),
  rule('situv2', [{ fact: 'activation', is: 'Situv2' }], 'bf16', 'Situv2 is not quantised unless asked for'),
];

const swigluSeparated: readonly R[] = [
  rule(
    'swiglu-separated-small',
    [
      { fact: 'activation', is: 'Swiglu' },
      { fact: 'gateMode', is: 'SEPARATED' },
      { fact: 'm', belowFact: 'swigluBf16Bound' },
    ],
    'bf16',
    'few tokens: quantising them costs more than it saves',
  ),
  rule(
    'swiglu-separated',
    [
      { fact: 'activation', is: 'Swiglu' },
      { fact: 'gateMode', is: 'SEPARATED' },
    ],
    'fp4x2',
    'many tokens: a4w4',
  ),
];

const eightBits = (scope: R['when'], of: string): readonly R[] => [
  rule(
    `${of}-other-arch`,
    [...scope, { not: { fact: 'arch', is: 'gfx950' } }],
    'bf16',
    'only gfx950 multiplies fp8 with fp4',
  ),
  rule(`${of}-small`, [...scope, { fact: 'm', belowFact: 'bf16Fp8Bound' }], 'bf16', 'few tokens: not quantised'),
  rule(of, scope, 'fp8', 'many tokens: a8w4'),
];

const rest = rule('default', [], 'fp4x2', 'Silu and Gelu on separated weights: a4w4 at every size');

const since3123: readonly R[] = [
  ...first,
  ...swigluSeparated,
  ...eightBits(
    [
      {
        any: [
          { fact: 'activation', is: 'Swiglu' },
          { fact: 'gateMode', is: 'INTERLEAVE' },
        ],
      },
    ],
    'interleave',
  ),
  rest,
];

const before3123: readonly R[] = [...first, ...eightBits([{ fact: 'activation', is: 'Swiglu' }], 'swiglu'), rest];

export const moeActivationType: DecisionTable<ActivationTypeFacts, MoeActivationType, AiterVersion> = {
  id: 'moe.activation-type',
  question: 'To which type are the activations of an MXFP4 mixture of experts quantised?',
  choices: {
    bf16: 'not at all: a16w4',
    fp8: 'mxfp8, e4m3fn with a scale for 32: a8w4',
    fp4x2: 'mxfp4, e2m1 with a scale for 32: a4w4',
  },
  notes: [
    'The number of tokens decides, and with it the kernel and what it reads: a wrong layout can be right while decoding and wrong in prefill.',
    'The rules before PR 3123 are derived from AITER issue 3586, not read.',
  ],
  versions: {
    'before-3123': before3123,
    'pr-3123': since3123,
    'pr-3401': since3123,
    'pr-3212': since3123,
    'pr-3518': since3123,
    current: since3123,
  },
};

/** What decides how the result of stage 1 goes into stage 2. */
export interface RequantFacts {
  readonly activationType: MoeActivationType;
  readonly activation: MoeActivation;
  /** 0 or 1: K is not split. */
  readonly ksplit: number;
  /** is_shuffled of w13 or of w2. */
  readonly flagged: boolean;
}

const REQUANT_ORIGIN = 'AITER aiter/fused_moe.py fused_moe_2stages';

export const moeRequant: DecisionTable<RequantFacts, MoeActivationType, 'current'> = {
  id: 'moe.requant',
  question: 'To which type is the result of stage 1 quantised for stage 2?',
  choices: { bf16: 'not at all', fp8: 'mxfp8', fp4x2: 'mxfp4' },
  versions: {
    current: [
      {
        id: 'split-k',
        when: [
          { fact: 'ksplit', atLeast: 2 },
          { fact: 'flagged', is: true },
        ],
        choice: 'bf16',
        reason: 'with K split on shuffled weights nothing is quantised',
        origin: REQUANT_ORIGIN,
      },
      {
        id: 'bf16',
        when: [
          { fact: 'activationType', is: 'bf16' },
          { fact: 'activation', oneOf: ['Swiglu', 'Situv2'] },
        ],
        choice: 'bf16',
        reason: 'what came unquantised stays so',
        origin: REQUANT_ORIGIN,
      },
      {
        id: 'fp8',
        when: [{ fact: 'activationType', is: 'fp8' }],
        choice: 'fp8',
        reason: 'as stage 1',
        origin: REQUANT_ORIGIN,
      },
      {
        id: 'fp4',
        when: [],
        choice: 'fp4x2',
        reason: 'as stage 1; Silu with a bf16 stage 1 ends here too, derived from the condition',
        origin: REQUANT_ORIGIN,
      },
    ],
  },
};
