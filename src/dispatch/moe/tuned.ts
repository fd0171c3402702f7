import { tunedTokenKey } from './heuristics.ts';

/** Kernel names that a tuned configuration gives for the two stages. */
export interface TunedKernels {
  readonly stage1: string;
  readonly stage2: string;
}

/** Rows of a tuned configuration of AITER that share their kernels' family. */
export interface TunedRows {
  readonly file: string;
  /** Type of quantised activations that the rows are for. */
  readonly activations: 'bf16' | 'fp4' | 'fp8';
  readonly hidden: number;
  readonly inter: readonly number[];
  readonly experts: number;
  readonly topk: number;
  /** First and last token key; all powers of two between. */
  readonly tokens: readonly [number, number];
  /** Names with `*` where rows differ. */
  readonly kernels: TunedKernels;
  /** What of this is not written in the file's description that was read. */
  readonly inferred?: string;
}

const GPT_OSS_120B = { hidden: 3072, inter: [3072, 1536, 512], experts: 128, topk: 4 } as const;

/**
 * AITER's rows for GPT-OSS (aiter/configs/model_configs). Sizes are padded ones: I = 768 (four ranks) and 32 experts (20b) have
 * none, so those run what the heuristics choose.
 */
export const GPT_OSS_TUNED: readonly TunedRows[] = [
  {
    file: 'gptoss_fp4_tuned_fmoe.csv',
    activations: 'fp4',
    ...GPT_OSS_120B,
    tokens: [256, 32768],
    kernels: { stage1: 'flydsl_moe1_afp4_wfp4_bf16_t*x*x256', stage2: 'flydsl_moe2_afp4_wfp4_bf16_t*x*x256' },
    inferred: 'the names of stage 2',
  },
  {
    file: 'gptoss_fp8fp4_tuned_fmoe.csv',
    activations: 'fp8',
    ...GPT_OSS_120B,
    tokens: [256, 32768],
    kernels: { stage1: 'flydsl_moe1_afp8_wfp4_bf16_t*x*x256_gui_fp8', stage2: 'flydsl_moe2_afp8_wfp4_bf16_t*x*x256' },
    inferred: 'sizes and tokens, taken to be those of the fp4 file; some rows have cktile_a8w4_bm32 as stage 2',
  },
  {
    file: 'gptoss_a16w4_tuned_fmoe.csv',
    activations: 'bf16',
    ...GPT_OSS_120B,
    tokens: [1, 128],
    // Not the name of a kernel: the dispatcher takes it for a foreign one.
    kernels: { stage1: 'swiglu_mxfp4_bf16_cktile', stage2: 'swiglu_mxfp4_bf16_cktile' },
    inferred: 'sizes, taken to be those of the fp4 file',
  },
];

export interface TunedQuery {
  readonly activations: 'bf16' | 'fp4' | 'fp8';
  readonly tokens: number;
  readonly topk: number;
  readonly experts: number;
  /** Padded. */
  readonly inter: number;
  /** Padded. */
  readonly hidden: number;
}

/** The rows that AITER would find, if any. The activation is not part of the search: a miss is looked up again without it. */
export function tunedRows({ activations, tokens, topk, experts, inter, hidden }: TunedQuery): TunedRows | undefined {
  // Rows for 131072 tokens fall back to those for 32768.
  const key = Math.min(32768, tunedTokenKey(tokens));
  return GPT_OSS_TUNED.find(
    (rows) =>
      rows.activations === activations &&
      rows.hidden === hidden &&
      rows.inter.includes(inter) &&
      rows.experts === experts &&
      rows.topk === topk &&
      key >= rows.tokens[0] &&
      key <= rows.tokens[1],
  );
}
