import { argumentStruct } from '../args.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { gemmA4w4Tile } from './moe-tiles.ts';

/** Columns that share a scale. */
const BLOCK = 32;
/** Rows of w that a wave takes. */
const UNIT = 64;

/** Workgroups are 32-bit, and the threads of all of them. */
const MOST_WORKGROUPS = 2 ** 24 - 1;
/** Bytes of the rows that a workgroup takes have 31-bit offsets. */
const MOST_COLUMNS = 2 ** 22;

/** As in lib/gemm-output.h. */
const OUTPUT_FORMAT = { f32: 0, bf16: 1, f16: 2 } as const;
const BF16_TRUNCATED = 3;

const GemmA4w4Args = argumentStruct('GemmA4w4Args', [
  { name: 'x', type: 'ptr' },
  { name: 'w', type: 'ptr' },
  { name: 'x_scale', type: 'ptr' },
  { name: 'w_scale', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'M', type: 'u32' },
  { name: 'N', type: 'u32' },
  { name: 'scale_blocks', type: 'u32' },
  { name: 'groups_n', type: 'u32' },
  { name: 'y_format', type: 'u32' },
]);

export const gemmA4w4Bpreshuffle: HipKernel<'gemm_a4w4_bpreshuffle'> = {
  op: 'gemm_a4w4_bpreshuffle',
  objects: ['gemm-a4w4'],
  supports(_params, { x, w }) {
    const [M = 0, K = 0] = x?.layout.shape ?? [];
    const [N = 0] = w?.layout.shape ?? [];
    const tile = gemmA4w4Tile(M, N);
    const workgroups = Math.ceil(M / tile.rows) * Math.ceil(N / UNIT / tile.units);
    if (workgroups <= MOST_WORKGROUPS && K <= MOST_COLUMNS) return { supported: true };
    return {
      supported: false,
      reason: `[${M}, ${K}] by [${N}, ${K}] exceeds the ${MOST_WORKGROUPS} workgroups or ${MOST_COLUMNS} columns of the kernel: use the cpu backend.`,
    };
  },
  async run(run, params, operands, outputs) {
    const [x, w, y] = [tensorOf(operands, 'x'), tensorOf(operands, 'w'), tensorOf(outputs, 'y')];
    const [M = 0, K = 0] = x.layout.shape;
    const [N = 0] = w.layout.shape;
    // y is zeroed.
    if (y.layout.size === 0 || K === 0) return;
    const tile = gemmA4w4Tile(M, N);
    const groups = Math.ceil(N / UNIT / tile.units);
    await run.launch({
      object: 'gemm-a4w4',
      kernel: `gemm_a4w4_${tile.name}`,
      struct: GemmA4w4Args,
      values: {
        x: run.address(x.buffer),
        w: run.address(w.buffer),
        x_scale: run.address(tensorOf(operands, 'x_scale').buffer),
        w_scale: run.address(tensorOf(operands, 'w_scale').buffer),
        y: run.address(y.buffer),
        M,
        N,
        scale_blocks: K / BLOCK,
        groups_n: groups,
        y_format: params.rounding === 'truncate' ? BF16_TRUNCATED : OUTPUT_FORMAT[y.type as keyof typeof OUTPUT_FORMAT],
      },
      grid: [Math.ceil(M / tile.rows) * groups, 1, 1],
    });
  },
};
