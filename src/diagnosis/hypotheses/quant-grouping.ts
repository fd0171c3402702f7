import type { KernelCall } from '../../ops/kernel-call.ts';
import {
  type BlockGrid,
  blocksAcross,
  blocksDown,
  type QuantizedBlocks,
  scaleBlocks,
} from '../../ops/shared/groups.ts';
import type { Quantisation } from '../../ops/shared/quantisation.ts';
import { type Hypothesis, singleVariant, type Variant } from '../hypothesis.ts';
import { blocksOf, QUANTISERS, quantisationOf, withBlocks } from './quantised-call.ts';

/** Smallest group that is tried: what a thread loads at once. */
const LEAST_GROUP = 8;

/** Mistakes with which elements share a scale. */
export const QUANT_GROUPING_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'quant-group-size',
    title: 'another number of elements shares a scale',
    family: 'quantisation',
    ops: QUANTISERS,
    symptom: 'codes of whole runs are off by one factor; scales repeat, or belong to a part of the group only',
    origin:
      'derived: group_size of per_group_quant_hip in AITER (32, 64 or 128) against the block_size of the checkpoint',
    evidence: 'derived',
    remedy: 'Pass the group size of the GEMM to the quantiser: weight_block_size[1] of the checkpoint, 32 for MX.',
    hiddenBy: 'rows whose groups have the same largest magnitude',
    variants: (call) =>
      otherGrids(call).map(({ detail, grid, corner }) => ({
        detail,
        make: () => withBlocks(call, (parts) => regrouped(parts, grid, corner)),
      })),
  },
  {
    id: 'quant-axis',
    title: 'groups run along the columns instead of the rows',
    family: 'quantisation',
    ops: QUANTISERS.filter((op) => op !== 'per_tensor_quant' && op !== 'deepgemm_per_block_cast'),
    symptom: 'every code is off, by a factor that depends on its column',
    origin: 'derived: a weight quantised as [K, N], or an activation quantised before its transposition',
    evidence: 'derived',
    remedy: 'Quantise along K, the dimension that the GEMM sums over; pass x as [tokens, K], contiguous.',
    hiddenBy: 'one token',
    variants: (call) => [
      { detail: 'scales in the order of rows', make: () => withBlocks(call, (parts) => alongColumns(parts, false)) },
      { detail: 'scales in the order of columns', make: () => withBlocks(call, (parts) => alongColumns(parts, true)) },
    ],
  },
  {
    id: 'quant-amax-partial',
    title: 'the largest magnitude is looked for in a part of the group only',
    family: 'arithmetic',
    ops: QUANTISERS,
    symptom: 'some scales too small, and the codes of their groups saturated or NaN; other groups are right',
    origin: 'derived: a reduction across lanes that misses its last step, or an atomicMax that became a store',
    evidence: 'derived',
    remedy:
      'Reduce over all lanes of the group (DPP or shuffle steps up to group / elements per lane) before the scale is made.',
    hiddenBy: 'groups whose largest element lies in the part that is looked at',
    variants: (call) => {
      const { grid } = quantisationOf(call);
      return Object.entries(PARTS)
        .filter(([detail]) => grid.blockRows > 1 || !detail.includes('row'))
        .map(([detail, counts]) => ({ detail, make: () => withBlocks(call, (parts) => partial(parts, counts)) }));
    },
  },
  {
    id: 'quant-amax-signed',
    title: 'the largest element is taken instead of the largest magnitude',
    family: 'arithmetic',
    ops: QUANTISERS,
    symptom: 'groups whose largest magnitude is negative have a scale too small; their codes saturate or are NaN',
    origin: 'derived: a max reduction without fabsf',
    evidence: 'derived',
    remedy: 'Reduce fabsf(x), not x.',
    hiddenBy: 'inputs that are not negative, as after a ReLU',
    variants: singleVariant((call) =>
      withBlocks(call, (parts) => {
        const { values, grid, rule } = parts;
        const positive = values.map((value) => (value < 0 ? 0 : value));
        return blocksOf(parts, scaleBlocks(positive, grid, rule));
      }),
    ),
  },
  {
    id: 'quant-codes-other-group',
    title: 'codes are made with the scale of a neighbouring group',
    family: 'quantisation',
    ops: QUANTISERS.filter((op) => op !== 'per_tensor_quant'),
    symptom: 'scales are right; codes of a group are off by one factor, saturated where it is small',
    origin: 'derived: the scale is read back from shared memory or LDS at the index of another group',
    evidence: 'derived',
    remedy: 'Wait for the barrier, and index the scale by the group of the element.',
    hiddenBy: 'neighbouring groups with the same largest magnitude',
    variants: otherGroups,
  },
];

/** Which corner of a group gives the stored scale, where the kernel's groups are smaller. */
type Corner = 'first' | 'last';

interface OtherGrid {
  readonly detail: string;
  readonly grid: BlockGrid;
  readonly corner: Corner;
}

function otherGrids(call: KernelCall): readonly OtherGrid[] {
  const { grid } = quantisationOf(call);
  const { rows, columns, blockRows, blockColumns } = grid;
  const both = (detail: string, blocks: Pick<BlockGrid, 'blockRows' | 'blockColumns'>): OtherGrid[] => {
    const other = { ...grid, ...blocks };
    return [
      { detail, grid: other, corner: 'first' },
      { detail: `${detail}, the last scale of each group kept`, grid: other, corner: 'last' },
    ];
  };
  const one = (detail: string, blocks: Pick<BlockGrid, 'blockRows' | 'blockColumns'>): OtherGrid[] =>
    both(detail, blocks).slice(0, 1);
  const whole = one('the whole tensor', { blockRows: rows, blockColumns: columns });
  if (call.op === 'per_tensor_quant') return both('a row', { blockRows: 1, blockColumns: columns });
  if (blockRows > 1) {
    return [
      ...both('64x64', { blockRows: 64, blockColumns: 64 }),
      ...both('1x128', { blockRows: 1, blockColumns }),
      ...whole,
    ];
  }
  const finer = [blockColumns / 4, blockColumns / 2, 128].filter(
    (size) => Number.isInteger(size) && size >= LEAST_GROUP && size < blockColumns && size < columns,
  );
  const coarser = [blockColumns * 2, blockColumns * 4].filter((size) => size < columns);
  return [
    ...[...new Set(finer)].flatMap((size) => both(String(size), { blockRows, blockColumns: size })),
    ...coarser.flatMap((size) => one(String(size), { blockRows, blockColumns: size })),
    ...(blockColumns < columns ? one('a row', { blockRows, blockColumns: columns }) : []),
    ...(rows > 1 ? whole : []),
  ];
}

/** Codes of another grid, and for each block of the own one the scale of one of its corners. */
function regrouped(parts: Quantisation, grid: BlockGrid, corner: Corner): QuantizedBlocks {
  const { codes, scales } = blocksOf({ ...parts, grid });
  const own = parts.grid;
  const across = blocksAcross(own);
  const end = corner === 'last' ? 1 : 0;
  const kept = new Float32Array(across * blocksDown(own)).map((_, block) => {
    const [down, right] = [Math.floor(block / across), block % across];
    const row = Math.min(own.rows, (down + end) * own.blockRows) - end;
    const column = Math.min(own.columns, (right + end) * own.blockColumns) - end;
    const other = Math.floor(row / grid.blockRows) * blocksAcross(grid) + Math.floor(column / grid.blockColumns);
    return scales[other] as number;
  });
  return { codes, scales: kept };
}

/**
 * Groups of as many rows in each column. As many scales as the output holds are kept, 0 where there are fewer.
 * @param byColumn scales [K, groups of rows] instead of [groups of rows, K]
 */
function alongColumns(parts: Quantisation, byColumn: boolean): QuantizedBlocks {
  const { rows, columns, blockRows, blockColumns } = parts.grid;
  const count = blocksAcross(parts.grid) * blocksDown(parts.grid);
  const size = blockColumns === columns ? rows : Math.min(rows, blockColumns);
  const { codes, scales } = blocksOf({ ...parts, grid: { rows, columns, blockRows: size, blockColumns: blockRows } });
  const down = Math.ceil(rows / size);
  const kept = new Float32Array(count).map((_, at) => {
    const from = byColumn ? (at % down) * columns + Math.floor(at / down) : at;
    return scales[from] ?? 0;
  });
  return { codes, scales: kept };
}

/** Whether an element of a block counts, by its place in the block and the size of the block. */
type Counts = (row: number, column: number, grid: BlockGrid) => boolean;

const PARTS: Readonly<Record<string, Counts>> = {
  'the first half': (_row, column, { blockColumns }) => column < blockColumns / 2,
  'the second half': (_row, column, { blockColumns }) => column >= blockColumns / 2,
  'even elements': (_row, column) => column % 2 === 0,
  'odd elements': (_row, column) => column % 2 === 1,
  'the first row': (row) => row === 0,
  'the last row': (row, _column, { blockRows }) => row === blockRows - 1,
};

function partial(parts: Quantisation, counts: Counts): QuantizedBlocks {
  const { values, grid, rule } = parts;
  const { rows, columns, blockRows, blockColumns } = grid;
  const looked = values.map((value, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    // The last block may be shorter.
    const height = Math.min(blockRows, rows - row + (row % blockRows));
    const width = Math.min(blockColumns, columns - column + (column % blockColumns));
    const inBlock = { ...grid, blockRows: height, blockColumns: width };
    return counts(row % blockRows, column % blockColumns, inBlock) ? value : 0;
  });
  return blocksOf(parts, scaleBlocks(looked, grid, rule));
}

function otherGroups(call: KernelCall): readonly Variant[] {
  const { grid } = quantisationOf(call);
  const across = blocksAcross(grid);
  const groups: readonly (readonly [string, number])[] = [
    ['the one after', 1],
    ['the one before', -1],
  ];
  const rows: readonly (readonly [string, number])[] = [
    ['the row after', across],
    ['the row before', -across],
  ];
  return (across === 1 ? rows : [...groups, ...rows]).map(([detail, by]) => ({
    detail,
    make: () =>
      withBlocks(call, (parts) => {
        const own = scaleBlocks(parts.values, parts.grid, parts.rule);
        const steps = own.steps.map((step, block) => own.steps[block + by] ?? step);
        const hasNaN = own.hasNaN.map((mark, block) => Math.max(mark, own.hasNaN[block + by] ?? 0));
        return { codes: blocksOf(parts, { ...own, steps, hasNaN }).codes, scales: own.scales };
      }),
  }));
}
