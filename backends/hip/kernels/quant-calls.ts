import type { ElementType } from '../../../src/formats/element-type.ts';
import { mergedFactors } from '../../../src/layout/dim.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import { type BlockGrid, blocksAcross, blocksDown } from '../../../src/ops/shared/groups.ts';
import type { QuantRule } from '../../quant-rule.ts';
import { type ArgumentStruct, argumentStruct } from '../args.ts';
import type { HipBuffer } from '../memory.ts';
import type { HipOperands, HipTensor, OpRun } from './kernel.ts';
import { tensorOf } from './kernel.ts';
import { QUANT_RULE_WORDS, quantRuleWords } from './quant-rules.ts';

const THREADS = 256;
const WAVE = 64;
/** Elements that a lane moves at once. */
const UNIT = 8;
/** Blocks of up to this many elements are a wave's. */
const WAVE_BLOCK = 2048;
/** Units are numbered by 32 bits; the last numbers are left for threads of a workgroup that is not full. */
const MOST_UNITS = 2 ** 32 - THREADS;

/** As in quant.hip. */
const QUANT_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'x_scale', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'scale', type: 'ptr' },
  { name: 'rows', type: 'u32' },
  { name: 'columns', type: 'u32' },
  { name: 'block_rows', type: 'u32' },
  { name: 'block_columns', type: 'u32' },
  { name: 'across', type: 'u32' },
  { name: 'blocks', type: 'u32' },
  { name: 'lanes', type: 'u32' },
  { name: 'scale_down', type: 'u32' },
  { name: 'scale_right', type: 'u32' },
  { name: 'rule', type: 'u32', count: QUANT_RULE_WORDS },
] as const;

const quantArgs: ArgumentStruct<typeof QUANT_FIELDS> = argumentStruct('QuantArgs', QUANT_FIELDS);

/** What kernels read numbers from: a float type, or e4m3fn weights times the scale of their block. */
export type QuantSource = 'f32' | 'bf16' | 'f16' | 'weight';

/** Elements of the scale tensor between neighbouring blocks. */
export interface ScaleStrides {
  readonly down: number;
  readonly right: number;
}

export interface QuantCall {
  readonly source: QuantSource;
  readonly x: HipBuffer;
  /** Of `weight`. */
  readonly xScale?: HipBuffer;
  readonly y: HipBuffer;
  readonly scale: HipBuffer;
  /** Matrices that lie one after another. Default 1. */
  readonly matrices?: number;
  readonly grid: BlockGrid;
  readonly rule: QuantRule;
  /** Whether scales are stored as exponent bytes instead of binary32. */
  readonly byteScales: boolean;
  readonly strides: ScaleStrides;
}

/** Quantises block by block: codes row-major, scales at their strides. */
export async function quantise(run: OpRun, call: QuantCall): Promise<void> {
  const { source, grid, xScale } = call;
  const { rows, columns, blockRows } = grid;
  // A block may be wider or higher than the matrix.
  const blockColumns = Math.min(grid.blockColumns, columns);
  const across = blocksAcross(grid);
  const blocks = blocksDown(grid) * across;
  const eights = columns % UNIT === 0 && (blockColumns % UNIT === 0 || across === 1);
  const groupLanes = blockColumns / UNIT;
  const asGroups =
    eights &&
    blockRows === 1 &&
    columns % blockColumns === 0 &&
    groupLanes <= WAVE &&
    Number.isInteger(Math.log2(groupLanes)) &&
    source !== 'weight' &&
    blocks * groupLanes <= MOST_UNITS;
  const small = Math.min(blockRows, rows) * blockColumns <= WAVE_BLOCK;
  const lanes = asGroups ? groupLanes : small ? WAVE : THREADS;
  const kind = asGroups ? 'groups' : eights ? 'blocks' : 'ragged';
  await run.launch({
    object: 'quant',
    kernel: `quant_${kind}_${source}`,
    struct: quantArgs,
    values: {
      x: run.address(call.x),
      x_scale: xScale === undefined ? 0n : run.address(xScale),
      y: run.address(call.y),
      scale: run.address(call.scale),
      rows,
      columns,
      block_rows: blockRows,
      block_columns: blockColumns,
      across,
      blocks,
      lanes,
      scale_down: call.strides.down,
      scale_right: call.strides.right,
      rule: quantRuleWords(call.rule, call.byteScales),
    },
    grid: [Math.ceil((blocks * lanes) / THREADS), call.matrices ?? 1, 1],
  });
}

/** Quantises the operand x, a matrix of floats, into the outputs `y` and `scale`. */
export async function quantiseRows(
  run: OpRun,
  operands: HipOperands,
  outputs: HipOperands,
  grid: BlockGrid,
  rule: QuantRule,
): Promise<void> {
  const x = tensorOf(operands, 'x');
  const scale = tensorOf(outputs, 'scale');
  await quantise(run, {
    source: floatSource(x.type),
    x: x.buffer,
    y: tensorOf(outputs, 'y').buffer,
    scale: scale.buffer,
    grid,
    rule,
    byteScales: scale.type === 'e8m0',
    strides: scaleStrides(scale.layout),
  });
}

/** Where the scales of a matrix of blocks lie, row-major, transposed or padded: all stores that quantisers know. */
export function scaleStrides(layout: Layout): ScaleStrides {
  const strides = layout.dims.map((dim) => {
    const factors = mergedFactors(dim);
    if (factors.length > 1) throw new TypeError(`the plan admitted scales in the layout ${layout.id}`);
    return factors[0]?.stride ?? 0;
  });
  // Leading dimensions are rows: of row-major scales only.
  const groups = layout.shape.at(-1) ?? 1;
  if (layout.dims.length !== 2) return { down: groups, right: 1 };
  return { down: strides[0] ?? 0, right: strides[1] ?? 0 };
}

/** A float operand as a matrix: all leading dimensions are rows. */
export function matrixOf(x: HipTensor): { readonly rows: number; readonly columns: number } {
  const columns = x.layout.shape.at(-1) ?? 1;
  return { rows: columns === 0 ? 0 : x.layout.size / columns, columns };
}

/** The plans of the quantisers admit nothing else. */
export function floatSource(type: ElementType): 'f32' | 'bf16' | 'f16' {
  if (type === 'f32' || type === 'bf16' || type === 'f16') return type;
  throw new TypeError(`the plan admitted a ${type} source`);
}
