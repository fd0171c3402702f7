import type { AiterVersion } from '../moe/versions.ts';
import type { DecisionTable, Rule } from '../rule.ts';

/** What decides how a block's scale is rounded to a power of two. */
export interface ScaleRoundingFacts {
  /** Who quantises: `hip`, `torch-fp4`, `triton-fp4`, `triton-fp8`, `flydsl-epilogue`, `flydsl-silu`, `mxmoe`. */
  readonly path: string;
  readonly format: 'fp4' | 'fp8';
}

export type ScaleRoundingChoice = 'RoundUp' | 'Even' | 'Legacy' | 'half-up';

type R = Rule<ScaleRoundingFacts, ScaleRoundingChoice>;

const rule = (id: string, when: R['when'], choice: ScaleRoundingChoice, reason: string, origin: string): R => ({
  id,
  when,
  choice,
  reason,
  origin,
});

const triton: R = rule(
  'triton-fp4',
  [{ fact: 'path', oneOf: ['torch-fp4', 'triton-fp4'] }],
  'Even',
  'add 0x200000, keep the exponent, less 2',
  'AITER fp4_utils.dynamic_mxfp4_quant, aiter/ops/triton/quant/quant.py',
);

const tritonFp8: R = rule(
  'triton-fp8',
  [{ fact: 'path', is: 'triton-fp8' }],
  'half-up',
  'adds 0x200000 for fp8, too: up from a mantissa of 1.75 on',
  'AITER aiter/ops/triton/quant/quant.py',
);

const epilogue: readonly R[] = [
  rule(
    'epilogue-fp4',
    [
      { fact: 'path', is: 'flydsl-epilogue' },
      { fact: 'format', is: 'fp4' },
    ],
    'Legacy',
    'adds 0x400000: up from a mantissa of 1.5 on',
    'AITER aiter/ops/flydsl/kernels/mixed_moe_gemm_2stage_common.py',
  ),
  rule(
    'epilogue-fp8',
    [{ fact: 'path', is: 'flydsl-epilogue' }],
    'half-up',
    'adds 0x400000 for fp8, too: not what the separate quantiser writes for a quarter of the mantissas',
    'AITER aiter/ops/flydsl/kernels/mixed_moe_gemm_2stage_common.py',
  ),
];

const roundUp: R = rule(
  'round-up',
  [],
  'RoundUp',
  'the smallest power of two that lets nothing saturate',
  'AITER csrc/include/mx_quant_utils.h, PR 3212',
);

const legacy: R = rule(
  'hip-legacy',
  [
    { fact: 'path', is: 'hip' },
    { fact: 'format', is: 'fp4' },
  ],
  'Legacy',
  'f32_to_e8m0(amax / 4): up from a mantissa of 1.5 on',
  'AITER before PR 3212',
);

const before3212: readonly R[] = [triton, tritonFp8, ...epilogue, legacy, roundUp];
const since3212: readonly R[] = [triton, tritonFp8, ...epilogue, roundUp];

export const moeScaleRounding: DecisionTable<ScaleRoundingFacts, ScaleRoundingChoice, AiterVersion> = {
  id: 'moe.scale-rounding',
  question: 'How is the scale of a block of 32 activations rounded to a power of two?',
  choices: {
    RoundUp: 'the smallest power of two at least amax / max (6 or 448)',
    Even: 'amax rounded to the precision of the format, then its exponent',
    Legacy: 'the exponent of amax / 4, one more from a mantissa of 1.5 on',
    'half-up': 'the exponent of amax / 256, one more from a mantissa of 1.5 (FlyDSL) or 1.75 (Triton) on',
  },
  notes: [
    'Three rules live side by side: outputs of two paths differ in a quarter of the blocks, and that is no mistake.',
    'Legacy and RoundUp differ only at a mantissa of exactly 1.5.',
  ],
  versions: {
    'before-3123': before3212,
    'pr-3123': before3212,
    'pr-3401': before3212,
    'pr-3212': since3212,
    'pr-3518': since3212,
    current: since3212,
  },
};
