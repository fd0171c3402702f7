import type { DecisionTable, Rule } from '../rule.ts';

/** What decides the quant_format that a model hands to its attention norm. */
export interface QuantFormatFacts {
  readonly useAiter: boolean;
  readonly platform: 'hip' | 'cuda';
  /** Class of the quantisation scheme of qkv_proj. */
  readonly scheme: string;
  /** `tensor`, `channel`, `block` or `group`. */
  readonly strategy: string;
}

export type QuantFormatChoice = '' | 'fp8_per_token';

type Q = Rule<QuantFormatFacts, QuantFormatChoice>;

const noFormat: Q = {
  id: 'none',
  when: [],
  choice: '',
  reason: 'the norm returns a plain tensor and the layer quantises its own input',
  origin: 'SGLang models/glm4_moe.py _detect_attn_quant_format',
};

const perToken: Q = {
  id: 'fp8-per-token',
  when: [
    { fact: 'useAiter', is: true },
    { fact: 'platform', is: 'hip' },
    { fact: 'scheme', is: 'CompressedTensorsW8A8Fp8' },
    { fact: 'strategy', is: 'channel' },
  ],
  choice: 'fp8_per_token',
  reason: 'the weight has one scale a channel, so norm and per-token quantisation run as one kernel',
  origin: 'SGLang PR 21403 models/glm4_moe.py',
};

export const quantFormatDetection: DecisionTable<QuantFormatFacts, QuantFormatChoice, 'before-21403' | 'current'> = {
  id: 'norm.quant-format',
  question: 'Which quant_format does a GLM-4 layer ask of its attention norm?',
  choices: { '': 'no fused quantisation', fp8_per_token: 'RMSNorm and per-token fp8 quantisation in one kernel' },
  versions: { 'before-21403': [noFormat], current: [perToken, noFormat] },
};

/** What decides how the attention norm runs. */
export interface NormPathFacts {
  readonly quantFormat: string;
  /** gfx95 with AITER. */
  readonly gfx95Aiter: boolean;
  /** AITER on any architecture. */
  readonly useAiter: boolean;
  /** NSA and DSA attention also need the norm unquantised. */
  readonly needsUnquantised: boolean;
}

export type NormPathChoice =
  | 'rms-norm'
  | 'fused-rms-mxfp4-quant'
  | 'fused-rms-fp8-group-quant'
  | 'fused-rms-fp8-group-quant-and-norm'
  | 'fused-rms-fp8-per-token-quant';

type N = Rule<NormPathFacts, NormPathChoice>;

const NORM = 'SGLang layers/communicator.py LayerCommunicator.prepare_attn';

const mxfp4: N = {
  id: 'mxfp4',
  when: [
    { fact: 'quantFormat', contains: 'mxfp4' },
    { fact: 'gfx95Aiter', is: true },
  ],
  choice: 'fused-rms-mxfp4-quant',
  reason: 'the format contains mxfp4',
  origin: NORM,
};

const group = (match: Rule<NormPathFacts, string>['when'], how: string): readonly N[] => [
  {
    id: 'fp8-group-and-norm',
    when: [...match, { fact: 'gfx95Aiter', is: true }, { fact: 'needsUnquantised', is: true }],
    choice: 'fused-rms-fp8-group-quant-and-norm',
    reason: `${how}; the attention also reads the norm unquantised`,
    origin: NORM,
  },
  {
    id: 'fp8-group',
    when: [...match, { fact: 'gfx95Aiter', is: true }],
    choice: 'fused-rms-fp8-group-quant',
    reason: how,
    origin: NORM,
  },
];

const plain: N = {
  id: 'plain',
  when: [],
  choice: 'rms-norm',
  reason: 'no format that this machine fuses',
  origin: NORM,
};

export const normPath: DecisionTable<NormPathFacts, NormPathChoice, 'before-21403' | 'current'> = {
  id: 'norm.path',
  question: 'What does the attention norm run for a quant_format, and what does it return?',
  choices: {
    'rms-norm': 'residual add and RMSNorm: a bf16 tensor',
    'fused-rms-mxfp4-quant': 'a pair (fp4, scale)',
    'fused-rms-fp8-group-quant': 'fused_rms_fp8_group_quant, group 128: a pair (q, scale)',
    'fused-rms-fp8-group-quant-and-norm': 'the same with the unquantised norm: a triple (q, scale, bf16)',
    'fused-rms-fp8-per-token-quant': 'add_rmsnorm_quant: a pair (q, scale [M, 1])',
  },
  notes: [
    'prepare_mlp takes no quant_format in any version that was read; the summary of PR 21403 says it does.',
    'post_residual_addition is ignored by the mxfp4 and fp8 group paths and honoured by the per-token path.',
  ],
  versions: {
    'before-21403': [
      mxfp4,
      ...group(
        [{ fact: 'quantFormat', contains: 'fp8' }],
        'the format contains fp8: fp8_per_token would be caught here too',
      ),
      plain,
    ],
    current: [
      mxfp4,
      ...group([{ fact: 'quantFormat', is: 'fp8' }], 'the format is exactly fp8'),
      {
        id: 'fp8-per-token',
        when: [
          { fact: 'quantFormat', is: 'fp8_per_token' },
          { fact: 'useAiter', is: true },
        ],
        choice: 'fused-rms-fp8-per-token-quant',
        reason: 'the format is exactly fp8_per_token',
        origin: 'SGLang PR 21403 _fused_rmsnorm_fp8_per_token_quant',
      },
      plain,
    ],
  },
};

/** What decides what a layer without tokens returns. */
export interface EmptyBatchFacts {
  readonly rows: number;
  /** The hidden states came as a pair (q, scale). */
  readonly pair: boolean;
}

export type EmptyBatchChoice = 'compute' | 'return-tensor' | 'return-pair-as-output';

/** The pair must survive an early return as a tensor: whoever gets the attention output expects one. */
export const emptyBatch: DecisionTable<EmptyBatchFacts, EmptyBatchChoice, 'current'> = {
  id: 'norm.empty-batch',
  question: 'What does forward_prepare return for a batch without rows?',
  choices: {
    compute: 'the attention runs',
    'return-tensor': 'the empty tensor: right',
    'return-pair-as-output':
      'the pair (q, scale) where a tensor is expected: the scale is dropped or the next layer fails',
  },
  notes: [
    'prepare_attn skips quantisation for 0 rows, so the pair is only met when an empty rank already holds one (data-parallel attention with idle ranks). Return an empty bf16 tensor of the output shape.',
  ],
  versions: {
    current: [
      {
        id: 'rows',
        when: [{ fact: 'rows', atLeast: 1 }],
        choice: 'compute',
        reason: 'there are rows',
        origin: 'SGLang PR 21403 forward_prepare',
      },
      {
        id: 'pair-leaks',
        when: [{ fact: 'pair', is: true }],
        choice: 'return-pair-as-output',
        reason: 'the early return hands on what came in, and what came in was a pair',
        origin: 'SGLang PR 21403 forward_prepare',
      },
      {
        id: 'tensor',
        when: [],
        choice: 'return-tensor',
        reason: 'the early return hands on the empty tensor',
        origin: 'SGLang PR 21403 forward_prepare',
      },
    ],
  },
};
