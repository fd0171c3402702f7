import { ParameterError } from '../errors.ts';
import { moveDown, moveGateUp } from './channels.ts';
import { type DownParts, downFacts, type ExpertWeights, type GateUpParts, gateUpFacts } from './expert-weights.ts';

export interface MoePaddingInput {
  /** H of the model. */
  readonly hidden: number;
  /** I of the model, over all ranks. */
  readonly inter: number;
  /** Ranks of tensor parallelism. */
  readonly tp: number;
  /** Sizes are padded to multiples of this. Default 256, as SGLang's and ATOM's AITER paths. */
  readonly align?: number;
}

/** The sizes of one rank. */
export interface MoePadding {
  readonly tp: number;
  /** I / tp. */
  readonly rankInter: number;
  readonly paddedInter: number;
  /** `intermediate_pad`: paddedInter - rankInter. Recompute it for each TP size. */
  readonly intermediatePad: number;
  readonly hidden: number;
  readonly paddedHidden: number;
  /** `hidden_pad`. */
  readonly hiddenPad: number;
}

/**
 * Per-rank sizes that SGLang and ATOM allocate and declare to AITER: I = 2880 gives pads 192, 96, 48, 152 for TP 1, 2, 4, 8.
 * @throws ParameterError for sizes that are no positive integers, and a TP size that does not divide I
 */
export function moePadding(input: MoePaddingInput): MoePadding {
  const { hidden, inter, tp, align = 256 } = input;
  for (const [name, value] of Object.entries({ hidden, inter, tp, align })) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new ParameterError('moePadding', name, `is ${value}, expected a positive integer.`);
  }
  if (inter % tp !== 0) {
    throw new ParameterError(
      'moePadding',
      'tp',
      `is ${tp}, which does not divide I = ${inter} (${inter} % ${tp} == ${inter % tp}). Choose a TP size that does.`,
    );
  }
  const rankInter = inter / tp;
  const paddedInter = Math.ceil(rankInter / align) * align;
  const paddedHidden = Math.ceil(hidden / align) * align;
  return {
    tp,
    rankInter,
    paddedInter,
    intermediatePad: paddedInter - rankInter,
    hidden,
    paddedHidden,
    hiddenPad: paddedHidden - hidden,
  };
}

export interface PadTarget {
  /** I after padding. */
  readonly inter: number;
  /** H after padding. */
  readonly hidden: number;
  /** Scale byte of the padding: 0x00 (default; SGLang, ATOM) or 0x01 (SGLang with Quark). The weight there is 0, so both read as 0. */
  readonly scaleFill?: number;
}

/**
 * Pads w13, its scales and bias with zeros. Interleaved rows (L0) are padded at their end, separated rows (L1) at the end of each
 * half; de-interleaving before or after gives the same bytes.
 *
 * @throws ExpertStateError for shuffled weights: pad before the shuffle
 * @throws ParameterError for a target that is smaller or no multiple of 32
 */
export function padGateUp<T extends GateUpParts>(parts: T, target: PadTarget): T {
  const { inter, hidden } = gateUpFacts('padGateUp', parts);
  requireTarget('padGateUp', { inter, hidden }, target);
  const { scaleFill = 0 } = target;
  return { ...parts, ...moveGateUp('padGateUp', parts, { start: 0, count: inter, ...target, scaleFill }) };
}

/**
 * Pads w2, its scales and bias with zeros: columns to I, rows to H.
 * @throws ExpertStateError, ParameterError as `padGateUp`
 */
export function padDown<T extends DownParts>(parts: T, target: PadTarget): T {
  const { inter, hidden } = downFacts('padDown', parts);
  requireTarget('padDown', { inter, hidden }, target);
  const { scaleFill = 0 } = target;
  return { ...parts, ...moveDown('padDown', parts, { start: 0, count: inter, ...target, scaleFill }) };
}

/**
 * Pads a whole layer with zeros. `moePadding` gives the sizes.
 * @throws ExpertStateError, ParameterError as `padGateUp`
 */
export function padExperts(weights: ExpertWeights, target: PadTarget): ExpertWeights {
  return padDown(padGateUp(weights, target), target);
}

function requireTarget(
  where: string,
  given: { readonly inter: number; readonly hidden: number },
  target: PadTarget,
): void {
  for (const name of ['inter', 'hidden'] as const) {
    const [size, wanted] = [given[name], target[name]];
    if (Number.isSafeInteger(wanted) && wanted >= size && wanted % 32 === 0) continue;
    throw new ParameterError(
      where,
      name,
      `is ${wanted}, but the weights have ${size}; expected at least that, in multiples of 32.`,
    );
  }
}

/** Rows and columns that CK-Tile leaves out for a declared pad. */
export interface CkTilePads {
  /** Stage 1: trailing rows of w13 (gate and up). */
  readonly stage1Rows: number;
  /** Stage 1: trailing columns of w13. */
  readonly stage1Columns: number;
  /** Stage 2: trailing rows of w2. */
  readonly stage2Rows: number;
  /** Stage 2: trailing columns of w2. */
  readonly stage2Columns: number;
}

/**
 * How CK-Tile rounds pads down: `n_pad_zeros` to 64, `k_pad_zeros` to 128. A pad that is declared a little too small or too large
 * often does no harm for that reason.
 * Source: AITER aiter/fused_moe.py cktile_moe_stage1, cktile_moe_stage2.
 */
export function ckTilePads(pads: Pick<MoePadding, 'intermediatePad' | 'hiddenPad'>): CkTilePads {
  const down = (value: number, step: number): number => Math.floor(value / step) * step;
  return {
    stage1Rows: 2 * down(pads.intermediatePad, 64),
    stage1Columns: down(pads.hiddenPad, 128),
    stage2Rows: down(pads.hiddenPad, 64),
    stage2Columns: down(pads.intermediatePad, 128),
  };
}
