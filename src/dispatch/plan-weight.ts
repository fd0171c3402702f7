import { OperandError } from '../errors.ts';
import { shuffleWeight } from '../layout/catalog.ts';
import { rowMajor } from '../layout/plain.ts';
import type { ResolvedLinear } from './linear-spec.ts';
import type { PlanBuilder } from './plan-builder.ts';
import type { WeightPreprocessChoice } from './rules/weight-preprocess.ts';

/** Names of the weight and its scale in a plan. */
export interface PreparedWeight {
  readonly w: string;
  readonly scale: string;
}

/** Declares the checkpoint's weight [N, K] and its scale of this shape. */
export function addWeightOperands(
  builder: PlanBuilder,
  { n, k }: ResolvedLinear,
  scaleShape: readonly number[],
): PreparedWeight {
  builder.operand('load', { name: 'weight', type: 'e4m3fn', layout: rowMajor([n, k]) });
  builder.operand('load', { name: 'weight_scale', type: 'f32', layout: rowMajor(scaleShape), scaling: 'f32' });
  return { w: 'weight', scale: 'weight_scale' };
}

/** Appends what the loader does. */
export function addWeightPreprocess(
  builder: PlanBuilder,
  linear: ResolvedLinear,
  given: PreparedWeight,
  choice: WeightPreprocessChoice,
): PreparedWeight {
  let { w, scale } = given;
  if (choice === 'normalize-fnuz' || choice === 'normalize-fnuz-and-shuffle') {
    builder.op(
      'normalize_e4m3fn_to_e4m3fnuz',
      {},
      { w, scale },
      { y: 'weight_fnuz', scale: 'weight_scale_fnuz' },
      {
        kind: 'normalise',
        when: 'load',
        reason: `${linear.arch.id} computes with e4m3fnuz`,
        upstream: 'SGLang normalize_e4m3fn_to_e4m3fnuz',
      },
    );
    w = 'weight_fnuz';
    scale = 'weight_scale_fnuz';
  }
  if (choice === 'shuffle' || choice === 'normalize-fnuz-and-shuffle') {
    requireShuffleable(linear);
    builder.op(
      'permute',
      { to: shuffleWeight([linear.n, linear.k], { bits: 8 }) },
      { x: w },
      { y: 'weight_shuffled' },
      {
        kind: 'permute-weight',
        when: 'load',
        reason: 'the kernel loads 16 bytes of a row a lane, straight into registers',
        upstream: 'AITER shuffle_weight(w, (16, 16))',
      },
    );
    w = 'weight_shuffled';
  }
  return { w, scale };
}

/** @throws OperandError for a weight that shuffle_weight refuses, or that CK misreads after it */
function requireShuffleable({ layer, n, k }: ResolvedLinear): void {
  const where = `plan of ${layer}`;
  if (n % 16 !== 0) {
    throw new OperandError(
      where,
      'weight',
      `has ${n} rows [${n}, ${k}], and shuffle_weight asserts "${n} % 16 == ${n % 16}". Pad the rows with zeros to ` +
        `${Math.ceil(n / 16) * 16}, or keep the weight plain and multiply with Triton.`,
    );
  }
  if (k % 64 !== 0) {
    throw new OperandError(
      where,
      'weight',
      `has rows of ${k} bytes [${n}, ${k}], expected a multiple of 64: ` +
        (k % 32 === 0
          ? `shuffle_weight accepts ${k}, but CK steps ${Math.ceil(k / 64) * 1024} bytes from one 16-row block to the next where ${k * 16} ` +
            'are stored, so every row from 16 on is misread. '
          : `shuffle_weight asserts "${k} % 32 == ${k % 32}". `) +
        `Pad K with zeros to ${Math.ceil(k / 64) * 64}.`,
    );
  }
}
