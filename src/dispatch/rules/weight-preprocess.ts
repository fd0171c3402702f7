import type { Condition } from '../condition.ts';
import type { DecisionTable, Rule } from '../rule.ts';
import { TRITON_TUNED_GFX950 } from '../tables.ts';
import type { HipVersion } from '../versions.ts';
import { BPRESHUFFLE_GFX95 } from './linear-fp8-block.ts';

/** What decides what happens to a block-scaled fp8 weight when it is loaded on AMD. */
export interface WeightPreprocessFacts {
  readonly useAiter: boolean;
  readonly arch: string;
  readonly gfx95: boolean;
  readonly rocm: string;
  readonly n: number;
  readonly k: number;
  /** As it is at load time. */
  readonly forceCk: boolean;
  /** `layer.keep_plain_weight_layout`: someone else reads the raw weight, e.g. the absorbed w_kc and w_vc of MLA. */
  readonly keepPlain: boolean;
  readonly bpreshuffleGfx942: boolean;
}

export type WeightPreprocessChoice = 'plain' | 'shuffle' | 'normalize-fnuz' | 'normalize-fnuz-and-shuffle';

type F = WeightPreprocessFacts;
type R = Rule<F, WeightPreprocessChoice>;

const LOAD = 'SGLang fp8.py process_weights_after_loading_block_quant';

const fnuz: R = {
  id: 'fnuz',
  when: [{ fact: 'arch', is: 'gfx942' }],
  choice: 'normalize-fnuz',
  reason: 'gfx942 computes with e4m3fnuz: the same byte is half the value, so -0 becomes 0 and the scale doubles',
  origin: `${LOAD}, normalize_e4m3fn_to_e4m3fnuz`,
};

const fnuzAndShuffle: R = {
  id: 'fnuz-and-shuffle',
  when: [
    { fact: 'arch', is: 'gfx942' },
    { fact: 'useAiter', is: true },
    { fact: 'bpreshuffleGfx942', is: true },
    { fact: 'keepPlain', is: false },
  ],
  choice: 'normalize-fnuz-and-shuffle',
  reason: 'as fnuz; both steps commute, and the run-time path will read shuffled weights',
  origin: 'SGLang PR 32516',
};

const keepPlain: R = {
  id: 'keep-plain',
  when: [{ fact: 'keepPlain', is: true }],
  choice: 'plain',
  reason: 'the raw weight is read elsewhere; shuffled bytes would be misread there without an error',
  origin: `${LOAD}, layer.keep_plain_weight_layout`,
};

const shuffle = (availability: readonly Condition<F>[], origin: string): R => ({
  id: 'shuffle',
  when: [
    { fact: 'useAiter', is: true },
    ...availability,
    { any: [{ not: { shapeIn: TRITON_TUNED_GFX950 } }, { fact: 'forceCk', is: true }] },
  ],
  choice: 'shuffle',
  reason: 'the run-time path will take the preshuffled kernel: shuffle_weight(w, (16, 16)) once, in place',
  origin,
});

const plain: R = {
  id: 'plain',
  when: [],
  choice: 'plain',
  reason: 'the kernel of this shape reads plain weights',
  origin: LOAD,
};

const GFX95: readonly Condition<F>[] = [{ fact: 'gfx95', is: true }];

const since23671: readonly R[] = [fnuz, keepPlain, shuffle(BPRESHUFFLE_GFX95, LOAD), plain];

export const weightPreprocess: DecisionTable<F, WeightPreprocessChoice, HipVersion> = {
  id: 'weight.preprocess',
  question: 'What happens to a block-scaled fp8 weight at load on AMD?',
  choices: {
    plain: 'the weight stays as the checkpoint has it',
    shuffle: 'shuffle_weight(w, (16, 16)), copied into the same parameter',
    'normalize-fnuz': 'e4m3fn to e4m3fnuz, scales doubled',
    'normalize-fnuz-and-shuffle': 'e4m3fn to e4m3fnuz with doubled scales, then shuffle_weight',
  },
  notes: [
    'The table function is evaluated here and again at every call. Nothing compares the two answers.',
    'As of PR 23319 nothing on the layer records that the weight was shuffled; later the parameter gets is_shuffled and the layer aiter_bpreshuffled. A second load shuffles twice, which is not the identity.',
    'NaN codes 0x7f and 0xff silently become +-240 when a weight is normalised to e4m3fnuz.',
    'weight_scale_inv starts as the smallest float32: a scale that is missing in the checkpoint shows as huge negative outputs.',
  ],
  versions: {
    'dec-2025': [fnuz, plain],
    'pr-23319': [fnuz, shuffle(GFX95, 'SGLang PR 23319'), plain],
    'pr-23671': since23671,
    'pr-27289': since23671,
    'v0.5.15': since23671,
    current: [fnuzAndShuffle, ...since23671],
  },
};
