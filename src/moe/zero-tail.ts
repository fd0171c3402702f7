import { rowMajor } from '../layout/plain.ts';
import { w13Layout } from '../layout/w13.ts';
import { storedIn } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { downFacts, type ExpertWeights, gateUpFacts } from './expert-weights.ts';
import { ckTilePads, type MoePadding } from './padding.ts';

/** Trailing zeros that all experts have in common. */
export interface ZeroTails {
  /** Channels whose gate and up rows of w13 are zero. */
  readonly w13Channels: number;
  /** Columns of w13. */
  readonly w13Columns: number;
  /** Columns of w2: channels. */
  readonly w2Channels: number;
  /** Rows of w2. */
  readonly w2Rows: number;
}

/**
 * Measures how much of a layer really is padding, in any layout. Shuffled weights are copied for it. A real channel of zeros
 * counts as padding, so a tail may be longer than what was added.
 *
 * @throws OperandError, ExpertStateError for weights that do not fit together
 */
export function measureZeroTails(weights: ExpertWeights): ZeroTails {
  const { experts, inter } = gateUpFacts('measureZeroTails', weights);
  const { hidden } = downFacts('measureZeroTails', weights);
  const separated = w13Layout({ deinterleaved: 1, shuffle: 'none' }, weights.w13.layout.shape);
  const w13 = storedIn(weights.w13, separated).bytes;
  const plainDown: Tensor = storedIn(weights.w2, rowMajor(weights.w2.layout.shape));
  const gate = tailOf(w13, { stacks: 2 * experts, rows: inter, columns: weights.w13.layout.shape[2] ?? 0 });
  const down = tailOf(plainDown.bytes, { stacks: experts, rows: hidden, columns: inter });
  return { w13Channels: gate.rows, w13Columns: gate.columns, w2Channels: down.columns, w2Rows: down.rows };
}

/** Zero rows at the end of every matrix of a stack, and zero columns at the end of every row. Codes are packed e2m1. */
function tailOf(
  bytes: Uint8Array,
  size: { readonly stacks: number; readonly rows: number; readonly columns: number },
): { readonly rows: number; readonly columns: number } {
  const { stacks, rows, columns } = size;
  const rowBytes = columns / 2;
  let lastRow = -1;
  let lastColumn = -1;
  for (let index = 0; index < stacks * rows; index += 1) {
    const start = index * rowBytes;
    let byte = rowBytes - 1;
    // Signs do not count: 0 and -0 are both zero.
    while (byte >= 0 && ((bytes[start + byte] as number) & 0x77) === 0) byte -= 1;
    if (byte < 0) continue;
    const isHigh = ((bytes[start + byte] as number) & 0x70) !== 0;
    lastColumn = Math.max(lastColumn, 2 * byte + (isHigh ? 1 : 0));
    lastRow = Math.max(lastRow, index % rows);
  }
  return { rows: rows - 1 - lastRow, columns: columns - 1 - lastColumn };
}

/** What a declared pad means for one matrix dimension. */
export interface PadFinding {
  readonly pad: 'intermediate_pad' | 'hidden_pad';
  readonly matrix: 'w13' | 'w2';
  readonly declared: number;
  /** Real zero tail. */
  readonly measured: number;
  /** What CK-Tile leaves out after rounding the declared pad down. */
  readonly leftOut: number;
  /** Real rows or columns among what is left out. */
  readonly lost: number;
  readonly verdict: 'exact' | 'harmless' | 'loses-data';
  readonly message: string;
}

/**
 * Compares declared pads with the real zero tails of a rank's weights.
 *
 * A declared pad below the real tail costs time only. Above it, a kernel that trusts it leaves out real data: vLLM issue 44679,
 * where a pad of another TP size took GSM8K from 0.896 to 0.684. CK-Tile rounds pads down, which hides small differences; FlyDSL
 * takes them exactly, but ignores them when a bias is given.
 */
export function comparePads(
  declared: Pick<MoePadding, 'intermediatePad' | 'hiddenPad'>,
  tails: ZeroTails,
): readonly PadFinding[] {
  const { intermediatePad, hiddenPad } = declared;
  const ckTile = ckTilePads(declared);
  return [
    finding('intermediate_pad', 'w13', intermediatePad, tails.w13Channels, ckTile.stage1Rows / 2),
    finding('intermediate_pad', 'w2', intermediatePad, tails.w2Channels, ckTile.stage2Columns),
    finding('hidden_pad', 'w13', hiddenPad, tails.w13Columns, ckTile.stage1Columns),
    finding('hidden_pad', 'w2', hiddenPad, tails.w2Rows, ckTile.stage2Rows),
  ];
}

function finding(
  pad: PadFinding['pad'],
  matrix: PadFinding['matrix'],
  declared: number,
  measured: number,
  leftOut: number,
): PadFinding {
  const lost = Math.max(0, leftOut - measured);
  const verdict = lost > 0 ? 'loses-data' : declared === measured ? 'exact' : 'harmless';
  const facts = `${pad} is declared ${declared}; ${matrix} ends in ${measured} zeros; CK-Tile leaves out ${leftOut}`;
  const message =
    verdict === 'loses-data'
      ? `${facts}, ${lost} of them real. Recompute the pad for this rank's sizes.`
      : verdict === 'exact'
        ? `${facts}.`
        : declared > measured
          ? `${facts}: right there by rounding only. A kernel that takes the pad exactly would lose ${declared - measured}.`
          : `${facts}: ${measured - declared} zeros are multiplied for nothing.`;
  return { pad, matrix, declared, measured, leftOut, lost, verdict, message };
}
