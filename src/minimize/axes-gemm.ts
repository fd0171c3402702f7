import { range } from '../diagnosis/take.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import { type Axis, type AxisTable, axis, lcm } from './axis.ts';
import { takeAlong } from './gather.ts';

/** Rows and columns of the tiles of a shuffled weight of 8-bit codes. */
const TILE_ROWS = 16;
const TILE_COLUMNS = 32;

/** Tokens, which every multiplication has alike. */
const M = axis({
  name: 'M',
  of: ['x', 0],
  follow: { x: { dim: 0 }, x_scale: { dim: 0 } },
  shows: [['y', 0]],
});

const N = { name: 'N', of: ['w', 0], shows: [['y', 1]] } as const;
const K = { name: 'K', of: ['x', 1] } as const;

/** Scales for blocks of w and for pieces of the rows of x. Down to one block, blocks go as a whole; then pieces of it. */
function blockScaled(shuffled: boolean): (call: KernelCall) => readonly Axis[] {
  return ({ params }) => {
    const [blockN = 128, blockK = 128] = (params as { readonly block?: readonly number[] }).block ?? [];
    const [rows, columns] = [shuffled ? TILE_ROWS : 1, TILE_COLUMNS];
    const n = { ...N, follow: { w: { dim: 0 }, w_scale: { dim: 0, per: blockN } } };
    const k = {
      ...K,
      follow: { x: { dim: 1 }, w: { dim: 1 }, x_scale: { dim: 1, per: blockK }, w_scale: { dim: 1, per: blockK } },
    };
    return [
      M,
      axis({ ...n, unit: lcm(blockN, rows) }),
      axis({ ...n, unit: rows, upTo: blockN }),
      axis({ ...k, unit: shuffled ? lcm(blockK, columns) : blockK }),
      axis({ ...k, unit: columns, upTo: blockK }),
    ];
  };
}

/** One scale a row of x and of w; the weight may have columns beyond those of x. */
function rowScaled({ operands }: KernelCall): readonly Axis[] {
  const scaleDim = operands['w_scale']?.layout.shape[0] === operands['w']?.layout.shape[0] ? 0 : 1;
  return [
    M,
    axis({ ...N, unit: TILE_ROWS, follow: { w: { dim: 0 }, w_scale: { dim: scaleDim } } }),
    PADDING,
    axis({ ...K, unit: TILE_COLUMNS, follow: { x: { dim: 1 }, w: { dim: 1, rest: true } } }),
  ];
}

/** Columns of a weight that were added before it was shuffled, which no product reads. */
const PADDING: Axis = {
  name: 'padding of w',
  size: ({ operands }) => (operands['w']?.layout.shape[1] ?? 0) - columnsOfX(operands),
  unit: () => TILE_COLUMNS,
  least: 0,
  applies: (call) => PADDING.size(call) > 0,
  take(call, elements) {
    const given = call.operands['w'];
    if (given === undefined) return undefined;
    const columns = columnsOfX(call.operands);
    const w = takeAlong(given, 1, [...range(columns), ...elements.map((element) => element + columns)]);
    return w === undefined ? undefined : { ...call, operands: { ...call.operands, w } };
  },
  first: () => [],
  shows: [],
};

function columnsOfX(operands: KernelCall['operands']): number {
  return operands['x']?.layout.shape[1] ?? 0;
}

const A4W4: readonly Axis[] = [
  M,
  axis({ ...N, unit: TILE_ROWS, follow: { w: { dim: 0 }, w_scale: { dim: 0 } } }),
  axis({
    ...K,
    unit: 64,
    follow: { x: { dim: 1 }, w: { dim: 1 }, x_scale: { dim: 1, per: 32 }, w_scale: { dim: 1, per: 32 } },
  }),
];

/** DeepGEMM: float scales for blocks, or exponents packed four a word with a row for each row of w. */
function deepGemm({ operands }: KernelCall): readonly Axis[] {
  const packed = operands['w_scale']?.type === 'i32';
  const scale = packed ? ({ dim: 1, per: 128, packed: true } as const) : ({ dim: 1, per: 128 } as const);
  const n = { ...N, follow: { w: { dim: 0 }, w_scale: packed ? { dim: 0 } : { dim: 0, per: 128 } } };
  return [
    M,
    axis({ ...n, unit: packed ? 64 : 128 }),
    axis({ ...n, unit: 64, upTo: 128 }),
    axis({ ...K, unit: 128, follow: { x: { dim: 1 }, w: { dim: 1 }, x_scale: scale, w_scale: scale } }),
  ];
}

export const GEMM_AXES: AxisTable = {
  gemm_a8w8_blockscale: blockScaled(false),
  gemm_a8w8_blockscale_bpreshuffle: blockScaled(true),
  gemm_a8w8_bpreshuffle: rowScaled,
  gemm_a4w4_bpreshuffle: () => A4W4,
  fp8_gemm_nt: deepGemm,
};
