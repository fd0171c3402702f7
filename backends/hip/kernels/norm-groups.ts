import type { Layout } from '../../../src/layout/layout.ts';
import type { TensorSpec } from '../../../src/tensor/tensor.ts';
import type { Support } from '../../backend.ts';
import type { QuantRule } from '../../quant-rule.ts';
import { scaleStrides } from './quant-calls.ts';
import { QUANT_RULE_WORDS, quantRuleWords } from './quant-rules.ts';

/** Number of a float type in lib/norm-values.h. */
export const FLOAT_KIND = { f32: 0, bf16: 1, f16: 2 } as const;

/** Elements that a lane moves at once. */
export const EIGHT = 8;
const WAVE = 64;
/** A grid has less than 2^32 threads: workgroups of 256. */
const MOST_ROWS = 2 ** 24 - 1;

/** `Groups` and `QuantRule` of lib/norm-groups.h and lib/quant.h, in a struct. */
export const GROUP_FIELDS = [
  { name: 'columns', type: 'u32' },
  { name: 'group', type: 'u32' },
  { name: 'groups', type: 'u32' },
  { name: 'scale_row', type: 'u32' },
  { name: 'scale_group', type: 'u32' },
  { name: 'scale_tiles', type: 'u32' },
  { name: 'rule', type: 'u32', count: QUANT_RULE_WORDS as 27 },
] as const;

export interface GroupValues {
  readonly columns: number;
  readonly group: number;
  readonly groups: number;
  readonly scale_row: number;
  readonly scale_group: number;
  readonly scale_tiles: number;
  readonly rule: readonly number[];
}

/**
 * The values of `GROUP_FIELDS`.
 * @param scale row-major, transposed, padded, or e8m0 in MX tiles (`shuffle_scale`)
 */
export function groupValues(columns: number, group: number, rule: QuantRule, scale: TensorSpec): GroupValues {
  const groups = Math.ceil(columns / group);
  const tiled = scale.layout.id === 'shuffle_scale';
  const strides = tiled ? { down: 0, right: 0 } : scaleStrides(scale.layout);
  return {
    columns,
    group,
    groups,
    scale_row: strides.down,
    scale_group: strides.right,
    scale_tiles: tiled ? Math.ceil(groups / 8) : 0,
    rule: quantRuleWords(rule, scale.type === 'e8m0'),
  };
}

/** Lanes of eight elements that share a scale, or undefined where rows or groups are no whole eights or too many of them. */
export function lanesOf(columns: number, group: number): number | undefined {
  const lanes = group / EIGHT;
  const whole = columns % group === 0 && lanes >= 1 && lanes <= WAVE && Number.isInteger(Math.log2(lanes));
  return whole ? lanes : undefined;
}

/** One workgroup a row. */
export function supportsRows(layout: Layout | undefined): Support {
  const columns = layout?.shape.at(-1) ?? 1;
  const rows = (layout?.size ?? 0) / columns;
  if (!(rows > MOST_ROWS)) return { supported: true };
  return {
    supported: false,
    reason: `${rows} rows exceed the ${MOST_ROWS} of a grid: split x, or use the cpu backend.`,
  };
}
