import { ParameterError } from '../../errors.ts';

/*
 * Numbers that AITER computes when no tuned configuration gives them. Source: aiter/fused_moe.py.
 */

/** Compute units of an MI355X. */
export const GFX950_CU = 256;

/** What the sizes of a launch depend on. */
export interface MoeProblem {
  /** T: tokens, not padded. */
  readonly tokens: number;
  readonly topk: number;
  readonly experts: number;
  /** I of this rank, padded: it is taken from the shape of w2. */
  readonly inter: number;
  /** H, padded. */
  readonly hidden: number;
  /** Compute units. */
  readonly cu: number;
}

/** Token count under which a tuned configuration is looked up: the next power of two, 32768 from there on, 131072 from there. */
export function tunedTokenKey(tokens: number): number {
  requireTokens(tokens);
  if (tokens < 32768) return 2 ** Math.ceil(Math.log2(Math.max(1, tokens)));
  return tokens >= 131072 ? 131072 : 32768;
}

/** Rows of a block of sorted tokens for CK-Tile with its fused epilogue. */
export function ckTileBlockM(activations: 'bf16' | 'fp8', tokens: number): 16 | 32 | 64 {
  requireTokens(tokens);
  if (activations === 'fp8') return 32;
  if (tokens < 2048) return 16;
  return tokens < 16384 ? 32 : 64;
}

/** Kernel names that FlyDSL's heuristic makes, and their block. */
export interface FlydslHeuristic {
  readonly blockM: 32 | 64 | 128;
  readonly stage1: string;
  readonly stage2: string;
}

/** FlyDSL without a tuned row. fp8 activations get the interleaved kernel (`_gui`), fp4 and bf16 the separated one. */
export function flydslHeuristic(activations: 'fp4' | 'fp8' | 'bf16', tokens: number): FlydslHeuristic {
  requireTokens(tokens);
  const [blockM, suffix] = flydslTile(tokens);
  const name = (stage: 1 | 2): string => `flydsl_moe${stage}_a${activations}_wfp4_bf16_t${blockM}x128x256`;
  return {
    blockM,
    stage1: `${name(1)}${suffix}${activations === 'fp8' ? '_gui' : ''}`,
    stage2: `${name(2)}_atomic${tokens < 2048 ? `${suffix}_bnt2` : suffix}`,
  };
}

function flydslTile(tokens: number): readonly [32 | 64 | 128, string] {
  if (tokens < 2048) return [32, '_w2'];
  if (tokens < 4096) return [64, '_w3_bnt0'];
  return tokens < 16384 ? [128, '_w2_bnt0'] : [64, '_w4_bnt0'];
}

/**
 * `get_block_size_M`: the block of 32, 64 or 128 rows with the fewest rounds over the compute units, then the fewest idle units.
 * The source multiplies before it divides; here too.
 */
export function blockSizeM({ tokens, topk, experts, inter, cu }: MoeProblem): 32 | 64 | 128 {
  const tilesN = Math.ceil(inter / 128);
  let best: { readonly blockM: 32 | 64 | 128; readonly rounds: number; readonly empty: number } | undefined;
  for (const blockM of [32, 64, 128] as const) {
    const groups = Math.floor((tilesN * (tokens * topk + experts * blockM - topk + blockM - 1)) / blockM);
    const [rounds, empty] = [Math.ceil(groups / cu), cu - (groups % cu)];
    if (best === undefined || rounds < best.rounds || (rounds === best.rounds && empty < best.empty)) {
      best = { blockM, rounds, empty };
    }
  }
  return (best as { readonly blockM: 32 | 64 | 128 }).blockM;
}

/**
 * `get_ksplit`: into how many parts K is cut so that a small batch fills the device; 0: not at all.
 * Only where no expert can get two tokens, and only into whole pieces of 256.
 */
export function kSplit({ tokens, topk, experts, inter, hidden, cu }: MoeProblem): number {
  if (tokens * topk > experts) return 0;
  const tiles = Math.ceil(inter / 128) * tokens * topk;
  if (tiles >= cu) return 0;
  for (let parts = Math.ceil(cu / tiles); parts >= 2; parts -= 1) {
    if (hidden % parts === 0 && (hidden / parts) % 256 === 0) return parts;
  }
  return 0;
}

/**
 * The split that is used: AITER_KSPLIT before the tuned row before the heuristic. -1 leaves the tuned one out.
 * @throws ParameterError for an AITER_KSPLIT below -1
 */
export function usedKSplit(problem: MoeProblem, env: number | undefined, tuned: number | undefined): number {
  if (env !== undefined && env < -1)
    throw new ParameterError('planMoe', 'AITER_KSPLIT', `is ${env}, expected -1 or more.`);
  if (env !== undefined && env >= 0) return env;
  return (env === -1 ? undefined : tuned) ?? kSplit(problem);
}

/**
 * Real up rows that CK-Tile would cut off separated weights (L2): it leaves out the last `2 * floor(pad / 64) * 64` of the 2 I
 * rows, and only `pad` of them are padding. Derived from the source, seen on no device.
 */
export function trimmedUpRows(intermediatePad: number): number {
  return Math.max(0, 2 * Math.floor(intermediatePad / 64) * 64 - intermediatePad);
}

function requireTokens(tokens: number): void {
  if (Number.isSafeInteger(tokens) && tokens > 0) return;
  throw new ParameterError('planMoe', 'm', `is ${tokens}, expected a positive integer.`);
}
