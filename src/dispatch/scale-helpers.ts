import type { ScaleState } from './kernels.ts';

/** What SGLang's helpers do to a scale. */
export type ScaleHelper = 'none' | 'T' | 'T-inverse' | 'materialize' | 'as-strided';

/** What comes out of a helper: a state, a scramble, or an exception. */
export type HelperResult = ScaleState | 'scrambled' | 'throws';

export interface ScaleHelperFacts {
  readonly id: ScaleHelper;
  readonly code: string;
  readonly source: string;
  readonly result: Readonly<Record<ScaleState, HelperResult>>;
  /** States for which bytes move. */
  readonly copies: readonly ScaleState[];
}

/** T is not its own inverse: applied to TV it scrambles, unless M == G, M == 1 or G == 1. */
export const SCALE_HELPERS: readonly ScaleHelperFacts[] = [
  {
    id: 'none',
    code: 's',
    source: '',
    result: { RM: 'RM', CM: 'CM', TV: 'TV' },
    copies: [],
  },
  {
    id: 'T',
    code: 's.transpose(-1, -2).contiguous().view(*s.shape)',
    source: 'SGLang PR 23319 aiter_w8a8_block_fp8_linear',
    result: { RM: 'TV', CM: 'TV', TV: 'scrambled' },
    copies: ['RM', 'TV'],
  },
  {
    id: 'T-inverse',
    code: 's.view(G, M).transpose(0, 1).contiguous()',
    source: 'SGLang PR 24476',
    result: { RM: 'scrambled', CM: 'throws', TV: 'RM' },
    copies: ['RM', 'TV'],
  },
  {
    id: 'materialize',
    code: 's.t().contiguous().t()',
    source: 'SGLang fp8_utils.py materialize_bpreshuffle_fp8_scale',
    result: { RM: 'CM', CM: 'CM', TV: 'scrambled' },
    copies: ['RM', 'TV'],
  },
  {
    id: 'as-strided',
    code: 's.as_strided(s.shape, (1, M))',
    source: 'SGLang fp8_utils.py view_aiter_fused_rms_transposed_fp8_scale',
    result: { RM: 'scrambled', CM: 'CM', TV: 'CM' },
    copies: [],
  },
];

export function scaleHelper(id: ScaleHelper): ScaleHelperFacts {
  return SCALE_HELPERS.find((helper) => helper.id === id) as ScaleHelperFacts;
}
