import { ParameterError } from '../errors.ts';
import type { Layout } from './layout.ts';
import { bindPattern, parsePattern } from './notation.ts';

const COLUMNS = 'g=(g0 g1:2 g2:4 | pad 8)';

/**
 * AITER `shuffle_scale` (`e8m0_shuffle`), gate and up separated: one dword of a lane holds the scales of two 16-row blocks by
 * two 128-column slices. Rows are padded to 256 and columns to 8; the source leaves the padding undefined.
 *
 * @param shape `[rows, G]`, rows over all experts, G = K / 32
 */
export function shuffleScale(shape: readonly number[]): Layout<'shuffle_scale'> {
  const pattern = parsePattern(`m=(m0 m1:2 m2:16 | pad 256) ${COLUMNS} -> m0 g0 g2 m2 g1 m1`);
  return bindPattern(pattern, shape, { id: 'shuffle_scale' });
}

export interface GroupedScaleOptions {
  /** Experts whose rows are stacked in dimension 0. */
  readonly experts: number;
  /** Rows hold gate and up; the layout puts them side by side. */
  readonly gateUp: boolean;
}

export type ShuffleScaleGuinterleaveId = 'shuffle_scale(guinterleave,gate_up)' | 'shuffle_scale(guinterleave)';

/**
 * AITER `shuffle_scale(is_guinterleave=True)` = `shuffle_scale_a16w4`: a dword holds gate and up scales of the same rows.
 * Columns are padded to 8 with 0x7f (1.0); rows are not padded.
 *
 * @param shape `[experts * rows, G]`
 * @throws ShapeRejectedError unless the rows of an expert are a multiple of 32
 */
export function shuffleScaleGuinterleave(
  shape: readonly number[],
  options: GroupedScaleOptions,
): Layout<ShuffleScaleGuinterleaveId> {
  const { gateUp } = options;
  const experts = requireExperts('shuffle_scale(guinterleave)', options.experts);
  return gateUp
    ? bindPattern(parsePattern(`m=(e:${experts} gu:2 m0 m2:16) ${COLUMNS} -> e m0 g0 g2 m2 g1 gu`), shape, {
        id: 'shuffle_scale(guinterleave,gate_up)',
      })
    : bindPattern(parsePattern(`m=(e:${experts} m0 m1:2 m2:16) ${COLUMNS} -> e m0 g0 g2 m2 g1 m1`), shape, {
        id: 'shuffle_scale(guinterleave)',
      });
}

export type ShuffleScaleN32K4Id = 'shuffle_scale_n32k4(gate_up)' | 'shuffle_scale_n32k4';

/**
 * AITER `shuffle_scale_n32k4` (gfx1250): blocks of 32 rows by 4 columns. With `gateUp`, gate and up rows alternate first.
 *
 * @param shape `[experts * rows, G]`
 * @throws ShapeRejectedError unless the rows of an expert are a multiple of 32 and G of 4
 */
export function shuffleScaleN32K4(shape: readonly number[], options: GroupedScaleOptions): Layout<ShuffleScaleN32K4Id> {
  const { gateUp } = options;
  const experts = requireExperts('shuffle_scale_n32k4', options.experts);
  const [rows = 0, columns = 0] = shape;
  const storageShape = [experts, rows / experts / 32, 32 * columns];
  return gateUp
    ? bindPattern(parsePattern(`m=(e:${experts} gu:2 m0 m1:16) g=(g0 g1:4) -> e m0 g0 m1 gu g1`), shape, {
        id: 'shuffle_scale_n32k4(gate_up)',
        storageShape,
      })
    : bindPattern(parsePattern(`m=(e:${experts} m0 m1:32) g=(g0 g1:4) -> e m0 g0 m1 g1`), shape, {
        id: 'shuffle_scale_n32k4',
        storageShape,
      });
}

function requireExperts(where: string, experts: number): number {
  if (Number.isSafeInteger(experts) && experts > 0) return experts;
  throw new ParameterError(
    where,
    'experts',
    `is ${experts}, expected the number of experts; the source requires experts_cnt here.`,
  );
}
