import type { GateMode, MoeActivation, MoeActivationType, MoeWeightType } from '../moe/facts.ts';
import type { TunedKind } from '../moe/flydsl-name.ts';
import type { AiterVersion } from '../moe/versions.ts';
import type { DecisionTable, Rule } from '../rule.ts';

/** What decides which kernels run a fused mixture of experts with a scale for each 1x32 block (QuantType.per_1x32). */
export interface MoeKernelFacts {
  readonly arch: string;
  /** Type of the model: of x before quantisation and of the result. */
  readonly dtype: 'bf16' | 'f16';
  readonly activation: MoeActivation;
  readonly gateMode: GateMode;
  /** As `moe.activation-type` decides. */
  readonly activationType: MoeActivationType;
  readonly weights: MoeWeightType;
  /** is_shuffled of w13 OR of w2. */
  readonly flagged: boolean;
  /** is_shuffled of both; opus asks for that. */
  readonly bothFlagged: boolean;
  /** What the tuned configuration names for stage 1, and whether stage 2 is a FlyDSL kernel. */
  readonly tuned: TunedKind;
  readonly tunedStage2Flydsl: boolean;
  /** The tuned row asks for one assembly kernel for both stages. */
  readonly run1stage: boolean;
  /** 0 or 1: K is not split. */
  readonly ksplit: number;
  /** Gate and up are in one weight. */
  readonly g1u1: boolean;
  /** Routing weights are applied in stage 1. */
  readonly doweightStage1: boolean;
  /** FlyDSL is installed. */
  readonly flydsl: boolean;
  /** AITER_FLYDSL_FORCE. */
  readonly flydslForce: boolean;
  readonly hasBias: boolean;
  readonly hasExpertMask: boolean;
}

export type MoeKernelChoice =
  | 'not-implemented'
  | 'grouped-gfx1250'
  | 'mxmoe'
  | 'asm-1-stage'
  | 'opus'
  | 'flydsl-tuned'
  | 'cktile-fused'
  | 'flydsl-a16wi4'
  | 'flydsl'
  | 'cktile-split-k-standard'
  | 'cktile-split-k-auto'
  | 'ck2stages'
  | 'asm-2-stage';

type K = Rule<MoeKernelFacts, MoeKernelChoice>;
type When = K['when'];

const ORIGIN = 'AITER aiter/fused_moe.py get_2stage_cfgs';

const rule = (id: string, when: When, choice: MoeKernelChoice, reason: string, origin = ORIGIN): K => ({
  id,
  when,
  choice,
  reason,
  origin,
});

const SWIGLU = { fact: 'activation', is: 'Swiglu' } as const;
const SITUV2_BF16: When = [
  { fact: 'activation', is: 'Situv2' },
  { fact: 'activationType', is: 'bf16' },
];

const situv2: K = rule(
  'situv2',
  [
    ...SITUV2_BF16,
    {
      any: [
        { fact: 'flydsl', is: false },
        { not: { fact: 'arch', oneOf: ['gfx942', 'gfx950'] } },
        { fact: 'hasBias', is: true },
        { fact: 'hasExpertMask', is: true },
        { fact: 'flagged', is: false },
        { fact: 'g1u1', is: false },
        { fact: 'doweightStage1', is: true },
      ],
    },
  ],
  'not-implemented',
  'unquantised Situv2 exists in FlyDSL only: shuffled weights, no bias, no expert mask',
  'AITER aiter/fused_moe.py _fused_moe_impl',
);

const byName: readonly K[] = [
  rule(
    'gfx1250',
    [
      { fact: 'arch', is: 'gfx1250' },
      { fact: 'gateMode', is: 'INTERLEAVE' },
    ],
    'grouped-gfx1250',
    'gfx1250 has its own kernel for INTERLEAVE',
    'AITER grouped_gemm_gfx1250_a8w4',
  ),
  rule('mxmoe', [{ fact: 'tuned', is: 'mxmoe' }], 'mxmoe', 'the tuned row names it'),
  rule('asm-1-stage', [{ fact: 'run1stage', is: true }], 'asm-1-stage', 'the tuned row asks for one stage'),
  rule(
    'opus',
    [
      { fact: 'tuned', is: 'opus' },
      { fact: 'bothFlagged', is: true },
    ],
    'opus',
    'the tuned row names it; without both flags the row is discarded',
  ),
  rule(
    'flydsl-tuned',
    [
      {
        any: [
          { fact: 'tuned', is: 'flydsl' },
          { fact: 'tunedStage2Flydsl', is: true },
        ],
      },
    ],
    'flydsl-tuned',
    'the tuned row names it; is_shuffled=False only warns',
  ),
];

const P: When = [{ fact: 'dtype', oneOf: ['bf16', 'f16'] }];
const FUSED: When = [...P, SWIGLU, { not: { fact: 'weights', is: 'fp8' } }];

const fused = (gate: When): K =>
  rule(
    'cktile-fused',
    [...gate, ...FUSED],
    'cktile-fused',
    'Swiglu on weights side by side: gate and up tiles meet in the epilogue; the flag is not asked',
  );

const heuristic = (when: When, id: string, reason: string): K =>
  rule(
    id,
    [
      ...P,
      ...when,
      { fact: 'weights', oneOf: ['fp4x2', 'fp8'] },
      { fact: 'flagged', is: true },
      { fact: 'g1u1', is: true },
      { fact: 'doweightStage1', is: false },
      { fact: 'flydsl', is: true },
    ],
    'flydsl',
    reason,
  );

const middle: readonly K[] = [
  rule('int4', [{ fact: 'weights', is: 'i4x2' }], 'flydsl-a16wi4', 'int4 weights have this kernel only'),
  heuristic(SITUV2_BF16, 'flydsl-situv2', 'unquantised Situv2'),
  heuristic(
    [
      { fact: 'activationType', oneOf: ['fp4x2', 'fp8'] },
      {
        any: [
          { fact: 'activation', oneOf: ['Swiglu', 'Situv2'] },
          { fact: 'flydslForce', is: true },
        ],
      },
    ],
    'flydsl',
    'quantised activations on shuffled weights: FlyDSL with heuristic tiles',
  ),
  rule(
    'cktile-standard',
    [
      ...P,
      { fact: 'weights', is: 'fp4x2' },
      { fact: 'flagged', is: true },
      SWIGLU,
      { fact: 'activationType', is: 'bf16' },
    ],
    'cktile-split-k-standard',
    'unquantised Swiglu: K split at least in two, gate columns before up columns in the workspace',
  ),
  rule(
    'cktile-auto',
    [
      ...P,
      { fact: 'weights', is: 'fp4x2' },
      { fact: 'flagged', is: true },
      { any: [{ not: SWIGLU }, { not: { fact: 'activationType', is: 'fp4x2' } }] },
      { fact: 'ksplit', atLeast: 2 },
    ],
    'cktile-split-k-auto',
    'K is split; the workspace is taken to alternate 16 gate and 16 up columns',
  ),
];

const SWIGLU_LEFT: When = [SWIGLU, { fact: 'weights', is: 'fp4x2' }, ...P];

const cktileLeft: K = rule(
  'cktile-auto-swiglu',
  [...SWIGLU_LEFT, { fact: 'tuned', oneOf: ['none', 'opus'] }],
  'cktile-split-k-auto',
  'Swiglu that no rule took, the flag lost or FlyDSL missing: CK-Tile, which reads shuffled weights all the same',
  'AITER PR 3518',
);

const ckLeft: K = rule(
  'ck2stages-swiglu',
  SWIGLU_LEFT,
  'ck2stages',
  'Swiglu that no rule took, the flag lost or FlyDSL missing: CK, compiled at the first call',
  'AITER before PR 3518; SGLang issues 26216, 26916',
);

const last: readonly K[] = [
  rule('ck2stages-tuned', [{ fact: 'tuned', is: 'ck2stages' }], 'ck2stages', 'the tuned row names it'),
  rule(
    'ck2stages',
    [
      { fact: 'tuned', oneOf: ['none', 'opus'] },
      { fact: 'weights', oneOf: ['fp4x2', 'fp8'] },
    ],
    'ck2stages',
    'no kernel is named: CK, preshuffled or not by the flag of each weight',
  ),
  rule('asm-2-stage', [], 'asm-2-stage', 'whatever name is left is looked up among the assembly kernels'),
];

const separatedOnly: When = [{ not: { fact: 'gateMode', is: 'SEPARATED' } }];

const since3123: readonly K[] = [situv2, ...byName, fused(separatedOnly), ...middle, ckLeft, ...last];
const since3518: readonly K[] = [situv2, ...byName, fused(separatedOnly), ...middle, cktileLeft, ...last];

export const moeKernel: DecisionTable<MoeKernelFacts, MoeKernelChoice, AiterVersion> = {
  id: 'moe.kernel',
  question: 'Which kernels run an MXFP4 mixture of experts?',
  choices: {
    'not-implemented': 'NotImplementedError',
    'grouped-gfx1250': 'grouped_gemm_gfx1250_a8w4',
    mxmoe: 'the mxmoe port: reads L2 or L3 as gate_mode says',
    'asm-1-stage': 'one assembly kernel for both stages',
    opus: 'opus',
    'flydsl-tuned': 'FlyDSL by name: `_gui` reads L3, every other name L2',
    'cktile-fused': 'CK-Tile, split_k=1, activation in the epilogue: reads L3',
    'flydsl-a16wi4': 'FlyDSL for int4 weights',
    flydsl: 'FlyDSL, heuristic tiles: fp8 activations read L3 (`_gui`), fp4 and bf16 L2',
    'cktile-split-k-standard': 'CK-Tile, K split, activation in a second kernel: reads L2',
    'cktile-split-k-auto': 'CK-Tile, K split, workspace in blocks of 16 gate and 16 up columns: reads L3',
    ck2stages: 'CK: reads L2 with is_shuffled, L1 without (stage 1 asks w1, stage 2 asks w2); scales always shuffled',
    'asm-2-stage': 'assembly kernels by name',
  },
  notes: [
    'Weights and kernel fit when the storage is L3 and the kernel interleaves, or L2 and it does not. The kernels that interleave: CK-Tile with split_k=1, CK-Tile "auto", FlyDSL names with _gui, mxmoe under INTERLEAVE.',
    'A kernel may be wrong on right weights: FlyDSL with fp4 activations was, for GPT-OSS on 2, 4 and 8 ranks (SGLang PR 27201, ATOM issue 1521).',
    'FlyDSL and CK-Tile never look at is_shuffled. CK-Tile has no kernel for unshuffled weights.',
    'The rules before PR 3123 are derived from AITER issue 3586, not read.',
    'A rule of an older version that a tuned FlyDSL row comes before is taken to have come before it then, too.',
  ],
  versions: {
    'before-3123': [situv2, ...byName, fused([]), ...middle, ckLeft, ...last],
    'pr-3123': since3123,
    'pr-3401': since3123,
    'pr-3212': since3123,
    'pr-3518': since3518,
    current: since3518,
  },
};
