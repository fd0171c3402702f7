import { ckTilePads, moePadding } from '../../moe/padding.ts';

/** Channels of gate (and as many of up) of one rank, in order. */
export interface StalePad {
  readonly inter: number;
  /** TP size of the ranks, and the one that the pad was computed for. */
  readonly tp: number;
  readonly staleTp: number;
  /** Channels that the rank has in storage, padding included. */
  readonly stored: number;
  /** Channels that hold weights. */
  readonly real: number;
  /** The pad of this TP size, and the one that is declared. */
  readonly pad: number;
  readonly declared: number;
  /** Channels that a kernel computes which trusts the declared pad. */
  readonly computed: number;
  /** Channels with weights that it leaves out. */
  readonly lost: number;
}

/** GPT-OSS with its pad of one rank declared on eight. */
export function stalePad(): StalePad {
  const [inter, tp, staleTp] = [2880, 8, 1];
  const own = moePadding({ hidden: 2880, inter, tp });
  const stale = moePadding({ hidden: 2880, inter, tp: staleTp });
  const declared = stale.intermediatePad;
  const computed = own.paddedInter - ckTilePads({ intermediatePad: declared, hiddenPad: own.hiddenPad }).stage1Rows / 2;
  return {
    inter,
    tp,
    staleTp,
    stored: own.paddedInter,
    real: own.rankInter,
    pad: own.intermediatePad,
    declared,
    computed,
    lost: own.rankInter - computed,
  };
}
