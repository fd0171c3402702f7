import type { Condition } from '../condition.ts';
import type { DecisionTable, Rule } from '../rule.ts';
import { CK_MAX_SAFE_M, TRITON_TUNED_GFX950 } from '../tables.ts';
import type { HipVersion } from '../versions.ts';

/** What decides which kernel multiplies a block-scaled fp8 layer on AMD. */
export interface LinearFp8BlockFacts {
  /** `SGLANG_USE_AITER=1`. */
  readonly useAiter: boolean;
  readonly arch: string;
  readonly gfx95: boolean;
  /** HIP version, e.g. `7.2`. */
  readonly rocm: string;
  /** Rows and columns of the weight on this rank, after tensor parallelism. */
  readonly n: number;
  readonly k: number;
  /** Tokens. */
  readonly m: number;
  /** `SGLANG_FORCE_CK_W8A8=1`, or `set_force_ck_w8a8(True)` as DeepSeek-V4 does. */
  readonly forceCk: boolean;
  /** `SGLANG_USE_AITER_W8A8_BLOCK_BPRESHUFFLE` (PR 32516): gfx942 only. */
  readonly bpreshuffleGfx942: boolean;
}

export type LinearFp8BlockChoice = 'aiter-bpreshuffle' | 'aiter-ck' | 'aiter-triton' | 'sglang-triton';

type F = LinearFp8BlockFacts;
type R = Rule<F, LinearFp8BlockChoice>;

const LINEAR = 'SGLang fp8_utils.py aiter_w8a8_block_fp8_linear';

/** What `_use_aiter_bpreshuffle_gfx95` tests since PR 23671. */
export const BPRESHUFFLE_GFX95: readonly Condition<Pick<F, 'gfx95' | 'rocm'>>[] = [
  { fact: 'gfx95', is: true },
  { fact: 'rocm', versionAtLeast: '7.2' },
];

const inTritonTable: readonly Condition<F>[] = [{ shapeIn: TRITON_TUNED_GFX950 }, { fact: 'forceCk', is: false }];

const noAiter: R = {
  id: 'aiter-off',
  when: [{ fact: 'useAiter', is: false }],
  choice: 'sglang-triton',
  reason: 'without SGLANG_USE_AITER the Triton kernel of SGLang multiplies',
  origin: 'SGLang fp8_utils.py dispatch_w8a8_block_fp8_linear',
};

const gfx1250: R = {
  id: 'aiter-off-gfx1250',
  when: [{ fact: 'arch', is: 'gfx1250' }],
  choice: 'sglang-triton',
  reason: 'the newest code leaves gfx1250 out of _use_aiter',
  origin: 'SGLang fp8_utils.py _use_aiter',
};

/** The plain Triton kernel of AITER for the tuned shapes, as long as nothing forces CK. */
const tunedForTriton = (availability: readonly Condition<F>[], id: string): R => ({
  id,
  when: [...availability, ...inTritonTable],
  choice: 'aiter-triton',
  reason: 'this shape was measured to be faster with Triton; its weight stays plain',
  origin: 'SGLang fp8_utils.py use_aiter_triton_gemm_w8a8_tuned_gfx950',
});

const bpreshuffle = (availability: readonly Condition<F>[], origin: string): R => ({
  id: 'bpreshuffle',
  when: availability,
  choice: 'aiter-bpreshuffle',
  reason:
    'the preshuffled kernel is there and the shape is not in the Triton table: about 10 % more throughput than plain CK',
  origin,
});

const GFX95: readonly Condition<F>[] = [{ fact: 'gfx95', is: true }];

const otherwiseTriton = (reason: string): R => ({
  id: 'triton-fallback',
  when: [],
  choice: 'aiter-triton',
  reason,
  origin: LINEAR,
});

const before72: R[] = [
  tunedForTriton(GFX95, 'tuned-for-triton-before-7.2'),
  {
    id: 'ck-unsafe-m',
    when: [...GFX95, { fact: 'm', aboveLimitOf: CK_MAX_SAFE_M }],
    choice: 'aiter-triton',
    reason: 'with ROCm before 7.2 the plain CK kernel returns NaN for this shape above the limit',
    origin: 'SGLang PR 29918 _AITER_GFX95_CK_W8A8_MAX_SAFE_M',
  },
  {
    id: 'ck-plain',
    when: GFX95,
    choice: 'aiter-ck',
    reason: 'before ROCm 7.2 hipcc miscompiles the preshuffled kernel on gfx95, so the plain one multiplies',
    origin: LINEAR,
  },
];

export const linearFp8Block: DecisionTable<F, LinearFp8BlockChoice, HipVersion> = {
  id: 'linear.fp8-block',
  question: 'Which kernel multiplies a block-scaled fp8 layer on AMD?',
  choices: {
    'aiter-bpreshuffle': 'gemm_a8w8_blockscale_bpreshuffle: weight shuffled at load, activation scale column by column',
    'aiter-ck': 'gemm_a8w8_blockscale (CK): everything row-major',
    'aiter-triton': 'AITER Triton gemm_a8w8_blockscale: plain weight, scale by its strides',
    'sglang-triton': 'SGLang w8a8_block_fp8_matmul (Triton): plain weight, scale by its strides',
  },
  notes: [
    'n and k are those of the local weight, so tensor parallelism changes the answer: 7168 x 16384 is in the table, half of it is not.',
    'The summary that this table was first known by says it the wrong way round: members go to Triton, everything else to the preshuffled kernel.',
    'The choice is made at load (shuffle or not) and again at every call (which kernel). If forceCk changes in between, weights and kernel disagree and nothing says so.',
    'On gfx942 the preshuffled kernel is an opt-in of PR 32516; which shapes that leaves to Triton was not verified.',
  ],
  versions: {
    'dec-2025': [
      noAiter,
      {
        id: 'ck-always',
        when: [],
        choice: 'aiter-ck',
        reason: 'every shape goes to the plain kernel',
        origin: LINEAR,
      },
    ],
    'pr-23319': [
      noAiter,
      tunedForTriton(GFX95, 'tuned-for-triton'),
      bpreshuffle(GFX95, 'SGLang PR 23319'),
      otherwiseTriton('not gfx95: Triton for every shape'),
    ],
    'pr-23671': [
      noAiter,
      tunedForTriton(BPRESHUFFLE_GFX95, 'tuned-for-triton'),
      bpreshuffle(BPRESHUFFLE_GFX95, 'SGLang PR 23319, 23671'),
      otherwiseTriton('not gfx95, or ROCm before 7.2: Triton for every shape'),
    ],
    'pr-27289': [
      noAiter,
      tunedForTriton(BPRESHUFFLE_GFX95, 'tuned-for-triton'),
      bpreshuffle(BPRESHUFFLE_GFX95, 'SGLang PR 23319, 23671'),
      otherwiseTriton('not gfx95, or ROCm before 7.2: Triton for every shape'),
    ],
    'v0.5.15': [
      noAiter,
      tunedForTriton(BPRESHUFFLE_GFX95, 'tuned-for-triton'),
      bpreshuffle(BPRESHUFFLE_GFX95, 'SGLang PR 23319, 23671'),
      ...before72,
      otherwiseTriton('not gfx95: Triton for every shape'),
    ],
    current: [
      noAiter,
      gfx1250,
      tunedForTriton(BPRESHUFFLE_GFX95, 'tuned-for-triton'),
      bpreshuffle(BPRESHUFFLE_GFX95, LINEAR),
      ...before72,
      {
        id: 'bpreshuffle-gfx942',
        when: [
          { fact: 'arch', is: 'gfx942' },
          { fact: 'bpreshuffleGfx942', is: true },
        ],
        choice: 'aiter-bpreshuffle',
        reason: 'the environment asks for the preshuffled kernel on gfx942',
        origin: 'SGLang PR 32516',
      },
      otherwiseTriton('not gfx95: Triton for every shape'),
    ],
  },
};
