import type { MoeQuantMethod } from '../moe/facts.ts';
import type { MoeLoaderVersion } from '../moe/versions.ts';
import type { DecisionTable, Rule } from '../rule.ts';

/** What decides how w13 is shuffled when it is loaded. */
export interface MoeShuffleFacts {
  readonly quant: MoeQuantMethod;
  /** SGLang: the effective SGLANG_USE_AITER_MOE_GU_ITLV. ATOM: ATOM_MOE_GU_ITLV. */
  readonly guItlv: boolean;
}

export type MoeShuffleChoice = 'separated' | 'interleave';

type S = Rule<MoeShuffleFacts, MoeShuffleChoice>;

const SGLANG = 'SGLang layers/quantization/mxfp4.py Mxfp4MoEMethod.process_weights_after_loading';

const byVariable = (variable: string, origin: string): readonly S[] => [
  {
    id: 'interleave',
    when: [{ fact: 'guItlv', is: true }],
    choice: 'interleave',
    reason: `${variable} is on`,
    origin,
  },
  { id: 'separated', when: [], choice: 'separated', reason: `${variable} is off`, origin },
];

const VARIABLE = 'SGLANG_USE_AITER_MOE_GU_ITLV';

const others: readonly S[] = byVariable(
  VARIABLE,
  'SGLang Quark W4A8 and FP8 with FP4 experts: process_weights_after_loading',
);

const since27201: readonly S[] = byVariable(VARIABLE, `${SGLANG}, PR 27201 (inferred)`);

export const moeShuffle: DecisionTable<MoeShuffleFacts, MoeShuffleChoice, MoeLoaderVersion> = {
  id: 'moe.shuffle',
  question: 'How are w13 and its scales shuffled when they are loaded?',
  choices: {
    separated: 'shuffle_weight(w, (16, 16)) and shuffle_scale: L2, which kernels of GateMode SEPARATED read',
    interleave:
      'shuffle_weight(w, is_guinterleave, gate_up) = shuffle_weight_a16w4(w, 16, True): L3, which INTERLEAVE reads',
  },
  notes: [
    'w2 gets the separated shuffle in every case; shuffle_weight_a16w4(w2, 16, False) writes the same bytes.',
    'gate_up=True without is_guinterleave is ignored: SGLang passes it, and gets L2.',
    'The state after PR 27201 is inferred from the default of the variable; the text of mxfp4.py then was not read.',
  ],
  versions: {
    'before-26884': [
      {
        id: 'a16w4',
        when: [{ fact: 'quant', is: 'mxfp4' }],
        choice: 'interleave',
        reason: 'shuffle_weight_a16w4(w13, 16, True), which its name does not say: gate and up side by side',
        origin: `${SGLANG} before PR 26884`,
      },
      ...others,
    ],
    'pr-26884': [
      {
        id: 'hard-wired',
        when: [{ fact: 'quant', is: 'mxfp4' }],
        choice: 'separated',
        reason: 'is_guinterleave=False is written into the code, whatever the variable says',
        origin: `${SGLANG}, PR 26884`,
      },
      ...others,
    ],
    'pr-27201': since27201,
    current: since27201,
    atom: byVariable('ATOM_MOE_GU_ITLV', 'ATOM atom/model_ops/moe.py Mxfp4MoEMethod, moe_shuffle_weight'),
  },
};

/** What decides whether rows of w13 are put into separated order first. */
export interface DeinterleaveFacts {
  /** Order of the checkpoint's rows: g0, u0, g1, u1, … or all gate rows first. */
  readonly checkpoint: 'interleaved' | 'separated';
}

export type DeinterleaveChoice = 'de-interleave' | 'leave';

const leave = (origin: string): Rule<DeinterleaveFacts, DeinterleaveChoice> => ({
  id: 'separated',
  when: [{ fact: 'checkpoint', is: 'separated' }],
  choice: 'leave',
  reason: 'the checkpoint has all gate rows first: taking pairs apart would mix gate and up (L6)',
  origin,
});

const pairs = (origin: string): Rule<DeinterleaveFacts, DeinterleaveChoice> => ({
  id: 'interleaved',
  when: [],
  choice: 'de-interleave',
  reason: 'rows g0, u0, g1, u1, … become all gate rows, then all up rows; scales and bias with them',
  origin,
});

const ofSglang = [leave(SGLANG), pairs('SGLang mxfp4.py')];
const ATOM_ORIGIN = 'ATOM atom/models/gpt_oss.py _interleave_swiglu_weights (which de-interleaves)';

export const moeDeinterleave: DecisionTable<DeinterleaveFacts, DeinterleaveChoice, MoeLoaderVersion> = {
  id: 'moe.de-interleave',
  question: 'Are the rows of w13 put into separated order when they are loaded?',
  choices: { 'de-interleave': 'weight, scale and bias together', leave: 'they are in that order already' },
  notes: [
    'Interleaved: GPT-OSS from OpenAI and Hugging Face. Separated: Quark GPT-OSS, DeepSeek, Kimi, Qwen.',
    'Doing it twice raises no error (ATOM with DeepSeek-V4: GSM8K 0.45 to 0.00).',
  ],
  versions: {
    'before-26884': ofSglang,
    'pr-26884': ofSglang,
    'pr-27201': ofSglang,
    current: ofSglang,
    atom: [leave(ATOM_ORIGIN), pairs(ATOM_ORIGIN)],
  },
};

/** What decides whether `is_shuffled` reaches AITER. */
export interface MoeFlagFacts {
  /** How the shuffled tensor becomes the parameter, by what the source does. */
  readonly quant: MoeQuantMethod;
}

export type MoeFlagChoice = 'kept' | 'lost';

type F = Rule<MoeFlagFacts, MoeFlagChoice>;

const kept = (reason: string, origin: string): readonly F[] => [
  { id: 'set', when: [], choice: 'kept', reason, origin },
];

const since26884 = kept(
  'it is set on both parameters after the assignment, and again after .view(fp4x2)',
  'SGLang PR 26884 mxfp4.py',
);

export const moeFlag: DecisionTable<MoeFlagFacts, MoeFlagChoice, MoeLoaderVersion> = {
  id: 'moe.is-shuffled',
  question: 'Does is_shuffled, which shuffle_weight sets on its result, reach fused_moe?',
  choices: { kept: 'w13 and w2 both carry it', lost: 'both come without: AITER takes them for unshuffled' },
  notes: [
    'It is a plain attribute: param.data = t, .view(), slicing, .to(), a new nn.Parameter, serialisation and torch.compile lose it; copy_ keeps the old value.',
    'The dispatcher takes w1 OR w2; CK stage 1 looks at w1 only, stage 2 at w2 only; opus wants both. Set on unshuffled weights it is as silent as lost.',
    'The flag does not tell L2 from L3.',
  ],
  versions: {
    'before-26884': [
      {
        id: 'lost',
        when: [{ fact: 'quant', is: 'mxfp4' }],
        choice: 'lost',
        reason:
          '"param.data = shuffled" leaves it on the right-hand side, and .view(fp4x2) in apply() makes a new tensor',
        origin: 'SGLang issues 26216, 26916; mxfp4.py before PR 26884',
      },
      ...kept('other methods set it; not read in that state', 'SGLang Quark W4A8'),
    ],
    'pr-26884': since26884,
    'pr-27201': since26884,
    current: since26884,
    atom: kept('it is set on both Parameters after .data =', 'ATOM atom/model_ops/moe.py Mxfp4MoEMethod'),
  },
};
