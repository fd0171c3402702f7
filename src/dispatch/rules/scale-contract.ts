import type { ScaleState } from '../kernels.ts';
import type { DecisionTable, Rule } from '../rule.ts';
import type { ScaleHelper } from '../scale-helpers.ts';
import type { HipVersion } from '../versions.ts';
import type { LinearFp8BlockChoice } from './linear-fp8-block.ts';

/** What decides what SGLang does to an activation scale that a fused producer made. */
export interface GivenScaleFacts {
  readonly kernel: LinearFp8BlockChoice;
  readonly gfx95: boolean;
  readonly rocm: string;
}

type G = Rule<GivenScaleFacts, ScaleHelper>;

const LINEAR = 'SGLang fp8_utils.py aiter_w8a8_block_fp8_linear';

const bpre = (choice: ScaleHelper, reason: string, origin: string): G => ({
  id: `bpreshuffle-${choice}`,
  when: [{ fact: 'kernel', is: 'aiter-bpreshuffle' }],
  choice,
  reason,
  origin,
});

const asIs: G = {
  id: 'as-is',
  when: [],
  choice: 'none',
  reason: 'the scale goes to the kernel as it came',
  origin: LINEAR,
};

const transposeForBpreshuffle: readonly G[] = [
  bpre('T', 'the producer wrote row-major; the kernel reads column by column: about 4.2 us a call', 'SGLang PR 23319'),
  asIs,
];

/** What the consumer does with a scale it is given. */
export const givenScale: DecisionTable<GivenScaleFacts, ScaleHelper, HipVersion> = {
  id: 'x-scale.given',
  question: 'What does SGLang do to an activation scale that a fused producer hands to the layer?',
  choices: {
    none: 'nothing',
    T: 's.transpose(-1, -2).contiguous().view(*s.shape): right for RM, scrambles TV',
    'T-inverse': 's.view(G, M).transpose(0, 1).contiguous(): right for TV',
    materialize: 's.t().contiguous().t(): right for RM, free for CM, scrambles TV',
    'as-strided': 's.as_strided(s.shape, (1, M)): free, right for TV and CM, scrambles RM',
  },
  notes: [
    'None of the helpers can see in which state a scale is: TV has the metadata of RM. Each version is right only with the producers of the same version.',
    'A scale that is scrambled keeps all its values: mean, maximum and histogram do not change.',
  ],
  versions: {
    'dec-2025': [asIs],
    'pr-23319': transposeForBpreshuffle,
    'pr-23671': transposeForBpreshuffle,
    'pr-27289': [
      {
        id: 'triton-as-strided',
        when: [{ fact: 'kernel', is: 'aiter-triton' }],
        choice: 'as-strided',
        reason: 'the producer wrote TV; Triton needs honest strides',
        origin: 'SGLang PR 27289',
      },
      { ...asIs, reason: 'the producer wrote TV, which is what the preshuffled kernel reads' },
    ],
    'v0.5.15': [bpre('materialize', 'the producer wrote row-major', 'SGLang PR 29275, 30724'), asIs],
    current: [
      bpre('materialize', 'free when the producer wrote column-major, a copy when it wrote row-major', LINEAR),
      {
        id: 'triton-as-strided',
        when: [
          { fact: 'kernel', is: 'aiter-triton' },
          { fact: 'gfx95', is: true },
          { fact: 'rocm', versionAtLeast: '7.2' },
        ],
        choice: 'as-strided',
        reason: 'assumes that the producer wrote TV; an honest row-major scale would be scrambled',
        origin: LINEAR,
      },
      asIs,
    ],
  },
};

/** What decides how an activation scale is written. */
export interface ProducedScaleFacts {
  readonly kernel: LinearFp8BlockChoice;
  /** `linear`: the layer quantises its own input. `fused`: a norm, flatten or activation kernel does. */
  readonly producer: 'linear' | 'fused';
  readonly m: number;
}

type P = Rule<ProducedScaleFacts, ScaleState>;

const rowMajor: P = { id: 'row-major', when: [], choice: 'RM', reason: 'transpose_scale=False', origin: LINEAR };

const fused = (choice: ScaleState, reason: string, origin: string): P => ({
  id: `fused-${choice}`,
  when: [{ fact: 'producer', is: 'fused' }],
  choice,
  reason,
  origin,
});

const transposedByLinear: readonly P[] = [
  {
    id: 'linear-transposed',
    when: [
      { fact: 'producer', is: 'linear' },
      { fact: 'kernel', is: 'aiter-bpreshuffle' },
    ],
    choice: 'TV',
    reason: 'transpose_scale = not use_triton: what the kernel reads, without a copy',
    origin: 'SGLang PR 23319',
  },
  rowMajor,
];

/** In which state a scale is produced. */
export const producedScale: DecisionTable<ProducedScaleFacts, ScaleState, HipVersion> = {
  id: 'x-scale.produced',
  question: 'In which state does SGLang produce an activation scale?',
  choices: {
    RM: 'row-major',
    TV: 'column by column under row-major metadata (transpose_scale=True)',
    CM: 'column-major with honest strides (transpose_scale=True, is_x_scale_strided=True, or relabelled at once)',
  },
  notes: [
    'transpose_scale=True gives TV in fused_rms_fp8_group_quant and per_group_quant_hip, but CM in fused_flatten_fp8_group_quant: one fix-up for both scrambles one.',
    'PR 31490 left one producer on TV after the others had changed: GSM8K .925 to .912.',
  ],
  versions: {
    'dec-2025': [rowMajor],
    'pr-23319': transposedByLinear,
    'pr-23671': transposedByLinear,
    'pr-27289': [fused('TV', 'transpose_scale=True in all fused producers', 'SGLang PR 27289'), ...transposedByLinear],
    'v0.5.15': [rowMajor],
    current: [
      {
        id: 'linear-column-major',
        when: [
          { fact: 'producer', is: 'linear' },
          { fact: 'kernel', is: 'aiter-bpreshuffle' },
          { fact: 'm', atLeast: 2 },
        ],
        choice: 'CM',
        reason: 'quantised with transpose_scale=True and relabelled at once: no copy',
        origin: `${LINEAR}, emit_transposed_bpreshuffle_scale`,
      },
      {
        id: 'fused-column-major',
        when: [
          { fact: 'producer', is: 'fused' },
          { fact: 'kernel', is: 'aiter-bpreshuffle' },
          { fact: 'm', atLeast: 2 },
        ],
        choice: 'CM',
        reason: 'zero-copy column-major scales of the fused kernels',
        origin: 'SGLang PR 33165, 33021, 34589',
      },
      {
        id: 'fused-transposed-for-triton',
        when: [
          { fact: 'producer', is: 'fused' },
          { fact: 'kernel', is: 'aiter-triton' },
          { fact: 'm', atLeast: 2 },
        ],
        choice: 'TV',
        reason: 'what the consumer relabels with as_strided',
        origin: LINEAR,
      },
      rowMajor,
    ],
  },
};
