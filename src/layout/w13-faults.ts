import { ParameterError } from '../errors.ts';
import type { Layout } from './layout.ts';
import { bindTrailing } from './leading.ts';
import { bindPattern, parsePattern, ShapeRejectedError } from './notation.ts';

/*
 * Orders that gate_up weights get into by mistake. Each is the composition of what was applied, in logical coordinates: rows are
 * in separated order (all gate rows, then all up rows), as everywhere. `gu` is 0 for gate and 1 for up, i the row inside a half.
 */

/** Which shuffle was applied to rows that were not in separated order. */
export type W13Shuffle = 'separated' | 'interleave';

export type ShuffledCheckpointId =
  | 'gate_up_interleaved+shuffle_weight(16,16)'
  | 'gate_up_interleaved+shuffle_weight(guinterleave,gate_up)';

/**
 * L4 (`separated`) and L5 (`interleave`): checkpoint rows g0, u0, g1, u1, … shuffled without the de-interleave. Stored row
 * r = 2 i + gu takes the place that the shuffle gives to separated row r. L4 has the bytes of `moe_shuffle_weight` on gfx1250.
 *
 * @param shape `[E, 2 I, K]` in elements
 * @throws ShapeRejectedError unless I is a multiple of 8 (L4) or 16 (L5) and K of two (L4) or four (L5) pieces of 16 bytes
 */
export function shuffledCheckpoint(
  shape: readonly number[],
  options: { readonly bits?: number; readonly shuffle: W13Shuffle },
): Layout<ShuffledCheckpointId> {
  const { bits = 8, shuffle } = options;
  const piece = pieceOf('shuffledCheckpoint', bits);
  if (shuffle === 'separated') {
    const id = 'gate_up_interleaved+shuffle_weight(16,16)';
    return bindTrailing(id, `n=(gu:2 i0 i1:8) k=(k0 k1:2 k2:${piece})`, 'i0 k0 k1 i1 gu k2', 2, threeDims(id, shape));
  }
  // The shuffle takes the first I stored rows for gate rows: h tells the halves of i, which is what decides that.
  const id = 'gate_up_interleaved+shuffle_weight(guinterleave,gate_up)';
  const dims = `n=(gu:2 h:2 i0 i1:8) k=(k0 k1:4 k2:${piece})`;
  return bindTrailing(id, dims, 'i0 h k0 k1 i1 gu k2', 2, threeDims(id, shape));
}

export type SplitTwiceId =
  | 'gate_up_split_twice'
  | 'gate_up_split_twice+shuffle_weight(16,16)'
  | 'gate_up_split_twice+shuffle_weight(guinterleave,gate_up)';

/**
 * L6: the de-interleave applied to rows that already were separated, then perhaps a shuffle. The first half then holds the even
 * gate rows and the even up rows, the second half the odd ones.
 *
 * @param shape `[E, 2 I, …]` without a shuffle, `[E, 2 I, K]` in elements with one
 * @throws ShapeRejectedError unless I is even, and a multiple of 32 with a shuffle
 */
export function gateUpSplitTwice(
  shape: readonly number[],
  options: { readonly bits?: number; readonly shuffle: W13Shuffle | 'none' },
): Layout<SplitTwiceId> {
  const { bits = 8, shuffle } = options;
  if (shuffle === 'none') return splitTwicePlain(shape);
  const piece = pieceOf('gateUpSplitTwice', bits);
  if (shuffle === 'separated') {
    const id = 'gate_up_split_twice+shuffle_weight(16,16)';
    const dims = `n=(gu:2 i0 i1:16 odd:2) k=(k0 k1:2 k2:${piece})`;
    return bindTrailing(id, dims, 'odd gu i0 k0 k1 i1 k2', 2, threeDims(id, shape));
  }
  const id = 'gate_up_split_twice+shuffle_weight(guinterleave,gate_up)';
  const dims = `n=(gu:2 i0 i1:16 odd:2) k=(k0 k1:4 k2:${piece})`;
  return bindTrailing(id, dims, 'gu i0 odd k0 k1 i1 k2', 2, threeDims(id, shape));
}

function splitTwicePlain(shape: readonly number[]): Layout<'gate_up_split_twice'> {
  const id = 'gate_up_split_twice';
  if (shape.length < 2)
    throw new ShapeRejectedError(id, shape, 'it has no dimension 1 for gate and up rows; expected [E, 2 I, …].');
  const names = shape.map((_, axis) => (axis === 1 ? 'n' : `d${axis}`));
  const dims = names.map((name) => (name === 'n' ? 'n=(gu:2 i odd:2)' : `(${name})`));
  const order = names.flatMap((name) => (name === 'n' ? ['odd', 'gu', 'i'] : [name]));
  return bindPattern(parsePattern(`${dims.join(' ')} -> ${order.join(' ')}`), shape, { id });
}

export type W13ScaleFaultId =
  | 'gate_up_interleaved+shuffle_scale'
  | 'gate_up_interleaved+shuffle_scale(guinterleave,gate_up)'
  | 'gate_up_split_twice+shuffle_scale'
  | 'gate_up_split_twice+shuffle_scale(guinterleave,gate_up)';

export interface W13ScaleFaultOptions {
  readonly experts: number;
  /** What the rows were when they were shuffled: checkpoint order (L4, L5) or de-interleaved twice (L6). */
  readonly rows: 'gate_up_interleaved' | 'gate_up_split_twice';
  readonly shuffle: W13Shuffle;
}

const COLUMNS = 'g=(g0 g1:2 g2:4 | pad 8)';

/**
 * The e8m0 scales that go with L4, L5 and the shuffled L6.
 *
 * `shuffle_scale` pads the rows of all experts together to 256; that padding has no digits of its own here, so the number of
 * rows must be a multiple of 256 already.
 *
 * @param shape `[E * 2 I, G]`
 * @throws ShapeRejectedError when the rows do not divide into whole groups of the shuffle
 */
export function w13ScaleFault(shape: readonly number[], options: W13ScaleFaultOptions): Layout<W13ScaleFaultId> {
  const { experts, rows, shuffle } = options;
  if (!Number.isSafeInteger(experts) || experts < 1)
    throw new ParameterError('w13ScaleFault', 'experts', `is ${experts}, expected the number of experts.`);
  const suffix = shuffle === 'separated' ? 'shuffle_scale' : 'shuffle_scale(guinterleave,gate_up)';
  const id: W13ScaleFaultId = `${rows}+${suffix}`;
  const [total = 0] = shape;
  if (shuffle === 'separated' && total % 256 !== 0)
    throw new ShapeRejectedError(
      id,
      shape,
      `${total} rows over all experts are no multiple of 256 (${total} % 256 == ${total % 256}); pad the experts first.`,
    );
  const [digits, order] = SCALE_DIGITS[rows][shuffle];
  return bindPattern(parsePattern(`m=(e:${experts} gu:2 ${digits}) ${COLUMNS} -> e ${order}`), shape, { id });
}

const SCALE_DIGITS = {
  gate_up_interleaved: {
    separated: ['i0 i1:2 i2:8', 'i0 g0 g2 i2 gu g1 i1'],
    interleave: ['h:2 i0 i2:8', 'i0 g0 g2 i2 gu g1 h'],
  },
  gate_up_split_twice: {
    separated: ['i0 i1:2 i2:16 odd:2', 'odd gu i0 g0 g2 i2 g1 i1'],
    interleave: ['i0 i2:16 odd:2', 'gu i0 g0 g2 i2 g1 odd'],
  },
} as const;

/** Elements in 16 bytes, the piece that every weight shuffle moves. */
function pieceOf(where: string, bits: number): number {
  if (bits === 4 || bits === 8 || bits === 16) return 128 / bits;
  throw new ParameterError(where, 'bits', `is ${bits}, expected 4 (fp4), 8 or 16.`);
}

function threeDims(id: string, shape: readonly number[]): readonly number[] {
  if (shape.length === 3) return shape;
  throw new ShapeRejectedError(id, shape, `it has ${shape.length} dimensions, expected 3 (experts, rows, columns).`);
}
