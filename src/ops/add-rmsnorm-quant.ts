import { OperandError, ParameterError } from '../errors.ts';
import { encodeArray } from '../formats/encode.ts';
import { rowMajor } from '../layout/plain.ts';
import { shuffleScale } from '../layout/scales.ts';
import { requireOperand, requireType } from '../tensor/expect.ts';
import type { TensorSpec } from '../tensor/tensor.ts';
import type { OpDefinition, Operands } from './op.ts';
import { wordsOf } from './shared/amax.ts';
import { rowGroups } from './shared/groups.ts';
import { groupScaleLayout, storedAs } from './shared/groups-output.ts';
import { AMAX_FLOOR, FP8_FORMATS, type Fp8Format, groupRule, mxRule, requireChoice } from './shared/groups-rules.ts';
import { asE8m0, asTheyAre, type Quantisation, quantise } from './shared/quantisation.ts';
import type { OutputRounding } from './shared/round-output.ts';
import { type FloatSource, floatValues, type Rows, requireRows } from './shared/rows.ts';
import { requireNormGroup } from './shared/rows-norm-groups.ts';
import { requireEpsilon, requireNormWeight, requireResidual, residualSum } from './shared/rows-norm-operands.ts';
import { groupQuantBound, powerOfTwoQuantBound } from './shared/rows-quant-bound.ts';
import { type RmsNorm, rmsNorm, rmsNormBound } from './shared/rows-rms-norm.ts';

const OP = 'add_rmsnorm_quant';

/** Longest row of the kernel: 256 threads of 32 elements. */
const MOST_COLUMNS = 8192;

/** The kernel loads 16-bit numbers only, x and w as the same type. */
const SOURCES = ['bf16', 'f16'] as const;

/**
 * How the scales of groups lie in memory. `transposed-view` is AITER's `shuffle_scale=True`, bytes of [groups, rows] that are
 * labelled [rows, groups]; `shuffled` is what the same flag does to e8m0 scales of groups of 32: the tile order of MX kernels.
 */
export type NormScaleStore = 'row-major' | 'transposed-view' | 'shuffled';

/** Every `NormScaleStore`. */
export const NORM_SCALE_STORES: readonly NormScaleStore[] = ['row-major', 'transposed-view', 'shuffled'];

/** Float32, or powers of two as bytes (e8m0), rounded up. */
export type NormScaleType = 'f32' | 'e8m0';

const SCALE_TYPES: readonly NormScaleType[] = ['f32', 'e8m0'];
const ROUNDINGS: readonly OutputRounding[] = ['nearest-even', 'truncate'];

export interface AddRmsnormQuantParams {
  /** Added to the mean square. Default 1e-6. */
  readonly eps?: number;
  /** Elements that share a scale. Default 0: all elements of a row do. */
  readonly group?: number;
  /** Default `e4m3fn`. */
  readonly format?: Fp8Format;
  /** Multiply by `w + 1`. Default false. */
  readonly gemmaNorm?: boolean;
  /** Default `row-major`; anything else needs a group. */
  readonly scaleStore?: NormScaleStore;
  /** Default `f32`; `e8m0` needs a group. */
  readonly scaleType?: NormScaleType;
  /** How res_out becomes bf16. Default `nearest-even`; AITER's kernel truncates on gfx942. */
  readonly residualRounding?: OutputRounding;
}

type Inputs = Operands<'x' | 'w', 'r'>;

/**
 * RMSNorm and fp8 quantisation in one kernel, one scale for each row or for each group of a row, optionally after adding a
 * residual: AITER's `add_rmsnorm_quant`, and without r its `rmsnorm_quant`.
 *
 * x [..., K] and the residual r (same type and shape) are bf16 or f16, K at most 8192; w [K] has the type of x. Outputs: y
 * fp8 [..., K]; scale [..., 1] f32, or [..., K / group] f32 or e8m0; with a residual res_out, `x + r` in the type of x. What is
 * quantised is the float32 row: neither the sum nor the norm is rounded first. amax is at least 1e-10; NaNs do not count in
 * it and become -max.
 */
export const addRmsnormQuant: OpDefinition<AddRmsnormQuantParams, 'x' | 'w', 'y' | 'scale', 'r', 'res_out'> = {
  name: OP,
  summary: 'residual add, RMSNorm and fp8 quantisation, one scale for each token or group',
  source: 'AITER csrc/kernels/rmsnorm_quant_kernels.cu add_rmsnorm_quant, rmsnorm_quant',
  inputs: ['x', 'w'],
  optional: ['r'],
  outputs: ['y', 'scale'],
  optionalOutputs: ['res_out'],
  plan(params, operands) {
    const settings = checked(params);
    const type = requireType(OP, requireOperand(OP, operands, 'x'), ...SOURCES);
    const rows = requireRows(OP, operands, 'x');
    requireNormWeight(OP, operands, 'w', rows, [type]);
    requireResidual(OP, operands, rows);
    requireColumns(rows);
    if (settings.group > 0) requireNormGroup(OP, settings.group, rows.columns, operands.r !== undefined);
    if (settings.residualRounding === 'truncate' && type !== 'bf16') {
      throw new ParameterError(OP, 'residualRounding', `is truncate, which exists for bf16 only, but x is ${type}.`);
    }
    const spec = {
      y: { name: 'y', type: settings.format, layout: rowMajor(rows.shape) },
      scale: scaleSpec(settings, rows),
    };
    if (operands.r === undefined) return spec;
    return { ...spec, res_out: { name: 'res_out', type, layout: rowMajor(rows.shape) } };
  },
  reference(params, operands) {
    const spec = addRmsnormQuant.plan(params, operands);
    const { residualRounding } = checked(params);
    const source = addRmsnormSource(params, operands);
    const quantised = quantise(spec, addRmsnormQuantisation(params, operands, source));
    if (spec.res_out === undefined) return quantised;
    const sums =
      residualRounding === 'truncate' ? upperHalves(source.x) : encodeArray(spec.res_out.type as FloatSource, source.x);
    return { ...quantised, res_out: storedAs(spec.res_out, sums) };
  },
  bound(params, operands) {
    addRmsnormQuant.plan(params, operands);
    const { format, group, scaleType } = checked(params);
    const normed = rmsNormBound(addRmsnormSource(params, operands));
    const limits = { group: group || normed.columns, floor: AMAX_FLOOR, format, limit: 'med3' } as const;
    return scaleType === 'e8m0' ? powerOfTwoQuantBound(normed, limits) : groupQuantBound(normed, limits);
  },
};

function scaleSpec({ group, scaleStore, scaleType }: Settings, rows: Rows): TensorSpec {
  const layout =
    scaleStore === 'shuffled'
      ? shuffleScale([rows.rows, rows.columns / group])
      : groupScaleLayout(rows, group || rows.columns, scaleStore);
  return { name: 'scale', type: scaleType, layout, scaling: scaleType };
}

/** The parts of a call that `plan` has checked. */
export function addRmsnormQuantisation(
  params: AddRmsnormQuantParams,
  operands: Inputs,
  source: RmsNorm = addRmsnormSource(params, operands),
): Quantisation {
  const { format, group, scaleType } = checked(params);
  const e8m0 = scaleType === 'e8m0';
  return {
    values: rmsNorm(source),
    grid: rowGroups(source.rows, source.columns, group || source.columns),
    rule: e8m0 ? mxRule('hip', format, 'RoundUp') : groupRule('hip', format),
    format,
    storeScales: e8m0 ? asE8m0 : asTheyAre,
  };
}

/** The rows to normalise: x, or the float32 sum of x and the residual. */
export function addRmsnormSource(params: AddRmsnormQuantParams, operands: Inputs): RmsNorm {
  const { rows, columns } = requireRows(OP, operands, 'x');
  const { eps, gemmaNorm } = checked(params);
  const weight = floatValues(operands.w);
  return {
    rows,
    columns,
    x: residualSum(operands.x, operands.r),
    weight: gemmaNorm ? weight.map((value) => value + 1) : weight,
    eps,
  };
}

/** bf16 by dropping the low half of a float32. */
function upperHalves(values: Float32Array): Uint16Array {
  return Uint16Array.from(wordsOf(values), (word) => word >>> 16);
}

function requireColumns({ tensor: x, columns, shape }: Rows): void {
  if (columns <= MOST_COLUMNS) return;
  throw new OperandError(
    OP,
    x.name,
    `has rows of ${columns} elements [${shape.join(', ')}], expected at most ${MOST_COLUMNS}: the kernel keeps a row in registers. ` +
      'Use fused_rms_fp8_group_quant for longer rows.',
  );
}

type Settings = Required<AddRmsnormQuantParams>;

function checked(params: AddRmsnormQuantParams): Settings {
  const { group = 0, gemmaNorm = false } = params;
  if (!Number.isSafeInteger(group) || group < 0) {
    throw new ParameterError(OP, 'group', `is ${group}, expected 0 (one scale a token) or a positive integer.`);
  }
  const scaleStore = requireChoice(OP, 'scaleStore', params.scaleStore ?? 'row-major', NORM_SCALE_STORES);
  const scaleType = requireChoice(OP, 'scaleType', params.scaleType ?? 'f32', SCALE_TYPES);
  requireScales(group, scaleStore, scaleType);
  return {
    eps: requireEpsilon(OP, 'eps', params.eps ?? 1e-6),
    group,
    format: requireChoice(OP, 'format', params.format ?? 'e4m3fn', FP8_FORMATS),
    gemmaNorm,
    scaleStore,
    scaleType,
    residualRounding: requireChoice(OP, 'residualRounding', params.residualRounding ?? 'nearest-even', ROUNDINGS),
  };
}

/** Which types and orders of scales the kernel writes for which groups. */
function requireScales(group: number, scaleStore: NormScaleStore, scaleType: NormScaleType): void {
  if (group === 0 && scaleType !== 'f32') {
    throw new ParameterError(OP, 'scaleType', 'is e8m0, but one scale a token is always f32. Give a group.');
  }
  if (group === 0 && scaleStore !== 'row-major') {
    throw new ParameterError(
      OP,
      'scaleStore',
      `is ${scaleStore}, but one scale a token has no order to choose. Leave it out, or give a group.`,
    );
  }
  const tiled = scaleType === 'e8m0' && group === 32;
  if (scaleStore === (tiled ? 'transposed-view' : 'shuffled')) {
    throw new ParameterError(
      OP,
      'scaleStore',
      `is ${scaleStore}, but shuffle_scale=True stores ${scaleType} scales of groups of ${group} ` +
        (tiled ? 'in MX tiles: use shuffled.' : 'transposed: use transposed-view.'),
    );
  }
}
