import { f32Bits } from '../../../src/formats/f32.ts';
import type { BlockGrid } from '../../../src/ops/shared/groups.ts';
import type { EncodeRule, ScaleRule } from '../../quant-rule.ts';

/*
 * The rules of the quantisers in the words of quant_scale.wgsl and quant_encode.wgsl. The numbers of the enumerations are
 * those of the constants in the shaders. Float constants travel as binary32 bits.
 */

/** Number of a source type in the shaders. */
export const SOURCE: Readonly<Record<SourceType, number>> = { f32: 0, bf16: 1, f16: 2 };
export type SourceType = 'f32' | 'bf16' | 'f16';

/** Of the formats of lib/minifloat.wgsl, those that quantisers write. */
const CODE_FORMAT = { e4m3fn: 0, e4m3fnuz: 1, e2m1: 4 } as const;

const FACTOR = { none: 0, divide: 1, multiply: 2 } as const;
const ROUNDING = { none: 0, ue8m0: 1, 'e8m0-floor': 2, 'e8m0-ceil': 3, 'e8m0-even': 4 } as const;
const STEP = { scale: 0, inverse: 1, 'max-over-amax': 2 } as const;
const LIMIT = { none: 0, clamp: 1, med3: 2 } as const;

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
