import { layoutFunctionsWgsl } from '../../../src/layout/codegen/wgsl.ts';
import { Layout } from '../../../src/layout/layout.ts';

/** The layout of one expert of a tensor [experts, …] that stores its experts one after the other. */
export function oneExpert(layout: Layout): Layout {
  const dims = layout.dims.slice(1);
  const digits = new Set(dims.flatMap(({ factors }) => factors.map(({ name }) => name)));
  return new Layout({ id: layout.id, dims, order: layout.order.filter((name) => digits.has(name)) });
}

/**
 * The block `layouts` of the MoE shaders, generated from the layouts of a weight [E, rows, K] and of its scales, [E, rows, K / 32]
 * or [E * rows, K / 32]. Offsets are sums over the dimensions, so that a row's share is found once and added to a column's.
 */
export function weightFunctionsWgsl(weight: Layout, scale: Layout): string {
  const expert = oneExpert(weight);
  const flat = scale.dims.length === 2;
  const [rows = 0] = expert.shape;
  const expertScale = flat ? scale : oneExpert(scale);
  const row = flat ? `expert * ${rows}u + row` : 'row';
  const start = flat ? '' : `expert * ${expertScale.storageSize}u + `;
  return [
    layoutFunctionsWgsl('w', expert),
    layoutFunctionsWgsl('w_scale', expertScale),
    `const W_EXPERT: u32 = ${expert.storageSize}u;`,
    'fn w_row_offset(row: u32) -> u32 {',
    '  return w_offset(array<u32, 2>(row, 0u));',
    '}',
    'fn w_column_offset(column: u32) -> u32 {',
    '  return w_offset(array<u32, 2>(0u, column));',
    '}',
    'fn w_scale_row(expert: u32, row: u32) -> u32 {',
    `  return ${start}w_scale_offset(array<u32, 2>(${row}, 0u));`,
    '}',
    'fn w_scale_block(block: u32) -> u32 {',
    '  return w_scale_offset(array<u32, 2>(0u, block));',
    '}',
  ].join('\n');
}

/** Whether neighbouring rows of a weight are neighbouring pieces of 16 bytes (32 fp4) in storage, as shuffles have them. */
export function hasRowPieces(weight: Layout): boolean {
  const [, rows = 0] = weight.shape;
  return rows > 1 && weight.offset([0, 1, 0]) === 32;
}
