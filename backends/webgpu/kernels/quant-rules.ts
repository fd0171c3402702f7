import { f32Bits } from '../../../src/formats/f32.ts';
import type { BlockGrid } from '../../../src/ops/shared/groups.ts';

/*
 * The numeric rules of the quantisers as data for quant_scale.wgsl and quant_encode.wgsl. The numbers of the enumerations
 * are those of the constants in the shaders. Float constants travel as binary32 bits.
 */

/** Number of a source type in the shaders. */
export const SOURCE: Readonly<Record<SourceType, number>> = { f32: 0, bf16: 1, f16: 2 };
export type SourceType = 'f32' | 'bf16' | 'f16';

/** Code formats that `quant_encode.wgsl` writes, by their number in the shader. */
const CODE_FORMAT: Readonly<Record<CodeFormat, number>> = {
  e4m3fn: 0,
  e4m3fnuz: 1,
  e5m2: 2,
  e5m2fnuz: 3,
  e2m1: 4,
};
type CodeFormat = 'e4m3fn' | 'e4m3fnuz' | 'e5m2' | 'e5m2fnuz' | 'e2m1';

const FACTOR = { none: 0, divide: 1, multiply: 2 } as const;
const ROUNDING = { none: 0, ue8m0: 1, 'e8m0-floor': 2, 'e8m0-ceil': 3, 'e8m0-even': 4 } as const;
const STEP = { scale: 0, inverse: 1, 'max-over-amax': 2 } as const;
const LIMIT = { none: 0, clamp: 1, med3: 2 } as const;

/** How the scale of a block follows from its largest magnitude. */
export interface ScaleRule {
  /** The amax is raised to this first. Default 0. */
  readonly floor?: number;
  /** fmaxf semantics: a NaN does not count. Default: it makes the scale NaN. */
  readonly ignoreNan?: boolean;
  /** How the factor is applied, in one rounding. Default `none`. */
  readonly by?: keyof typeof FACTOR;
  readonly factor?: number;
  readonly rounding?: keyof typeof ROUNDING;
  readonly zeroToOne?: boolean;
  /** Mantissa bits and largest exponent of the element type, for `e8m0-even`. */
  readonly mantissaBits?: number;
  readonly maxExponent?: number;
  /** Upper limit of an e8m0 byte. Default 255, which is NaN. */
  readonly byteCeiling?: number;
  /** Lower limit of the stored e8m0 byte; the elements are scaled by the unlimited one. */
  readonly byteFloor?: number;
  /** What elements are multiplied or divided by. Default `scale`. */
  readonly step?: keyof typeof STEP;
  /** Numerator of `max-over-amax`. */
  readonly stepMax?: number;
}

/** How an element becomes a code, given the step of its block. */
export interface EncodeRule {
  readonly format: CodeFormat;
  readonly by: 'divide' | 'multiply';
  readonly limit?: keyof typeof LIMIT;
  /** The limit of `clamp` and `med3`. */
  readonly max?: number;
}

/** Lanes of a workgroup of 256 that work on one block: 16 elements each, since a barrier costs more than a few loads. */
export function lanesFor(grid: BlockGrid): number {
  const elements = Math.min(grid.blockRows, grid.rows) * Math.min(grid.blockColumns, grid.columns);
  const wanted = Math.ceil(Math.log2(Math.max(1, elements / 16)));
  return Math.min(256, 2 ** wanted);
}

/** Words before the first element of each binding, which start at aligned offsets. */
export interface ScaleLeads {
  readonly x: number;
  readonly scale: number;
}

export interface EncodeLeads {
  readonly x: number;
  readonly step: number;
  readonly y: number;
}

/** The `Rule` struct of `quant_scale.wgsl`. */
export function scaleRuleWords(grid: BlockGrid, source: number, leads: ScaleLeads, rule: ScaleRule): Uint32Array {
  return Uint32Array.of(
    grid.rows,
    grid.columns,
    grid.blockRows,
    grid.blockColumns,
    leads.x,
    leads.scale,
    source,
    lanesFor(grid),
    rule.ignoreNan === true ? 1 : 0,
    f32Bits(rule.floor ?? 0),
    FACTOR[rule.by ?? 'none'],
    f32Bits(rule.factor ?? 1),
    ROUNDING[rule.rounding ?? 'none'],
    rule.zeroToOne === true ? 1 : 0,
    rule.mantissaBits ?? 0,
    rule.maxExponent ?? 0,
    rule.byteCeiling ?? 255,
    rule.byteFloor ?? 0,
    STEP[rule.step ?? 'scale'],
    f32Bits(rule.stepMax ?? 1),
  );
}

/** The `Rule` struct of `quant_encode.wgsl`. */
export function encodeRuleWords(grid: BlockGrid, source: number, leads: EncodeLeads, rule: EncodeRule): Uint32Array {
  return Uint32Array.of(
    grid.rows,
    grid.columns,
    grid.blockRows,
    grid.blockColumns,
    leads.x,
    leads.step,
    leads.y,
    source,
    CODE_FORMAT[rule.format],
    rule.by === 'multiply' ? 1 : 0,
    LIMIT[rule.limit ?? 'none'],
    f32Bits(rule.max ?? 0),
  );
}

/** How a quantiser gets from a matrix to scales and codes. */
export interface QuantRule {
  readonly scale: ScaleRule;
  readonly encode: EncodeRule;
}

/** Lower limit of amax in most group kernels. */
export const AMAX_FLOOR = 1e-10;

/** AITER's HIP kernels: scale = amax * fl(1 / max), code = med3(x * fl(1 / scale)); NaNs do not count in amax. */
export function hipRule(format: 'e4m3fn' | 'e4m3fnuz', max: number, floor: number = AMAX_FLOOR): QuantRule {
  return {
    scale: { ignoreNan: true, floor, by: 'multiply', factor: 1 / max, step: 'inverse' },
    encode: { format, by: 'multiply', limit: 'med3', max },
  };
}

/** AITER's and SGLang's Triton kernels: scale = amax * fl(1 / max), code = clamp(x * fl(1 / scale)). */
export function tritonRule(format: 'e4m3fn' | 'e4m3fnuz', max: number, floor: number = AMAX_FLOOR): QuantRule {
  return {
    scale: { floor, by: 'multiply', factor: 1 / max, step: 'inverse' },
    encode: { format, by: 'multiply', limit: 'clamp', max },
  };
}
