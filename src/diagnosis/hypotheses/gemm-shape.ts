import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import type { Hypothesis, MistakenCall, OutputWindow, Variant } from '../hypothesis.ts';
import { BPRESHUFFLE, changing, GEMMS, gemmOperands, gemmSizes, PTPC, withOperands } from './gemm-calls.ts';
import { blocksReadAt, columnsKept, rowsFrom } from './gemm-moves.ts';
import { scaleMoved } from './gemm-scale-values.ts';

const TILES = [16, 32, 64, 128, 256] as const;
const TILE_SOURCE = 'tile sizes of the a8w8_blockscale instances in AITER, 16 to 256';

/** Mistakes with the ends of M, N and K, and with the offsets of tiles. */
export const GEMM_SHAPE_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'tail-tokens-dropped',
    title: 'tokens in the last, partial tile are not written',
    family: 'output',
    ops: GEMMS,
    symptom: 'the last tokens of a batch are zeros; right where their number is a multiple of the tile',
    origin: `derived: a grid of floor(M / tile) tiles; ${TILE_SOURCE}`,
    evidence: 'derived',
    remedy: 'Launch ceil(M / tile) tiles and mask the rows beyond M, or pad M before the call.',
    hiddenBy: 'a number of tokens that is a multiple of the tile; an output buffer that held other numbers than zeros',
    variants: (call) =>
      cuts(gemmSizes(call).M, TILES).map((cut) => ({
        detail: `tokens ${cut} to ${gemmSizes(call).M - 1}`,
        make: () => ({ ...call, finish: zeroedWhere(({ rows }, row) => (rows[row] as number) >= cut) }),
      })),
  },
  {
    id: 'tail-columns-dropped',
    title: 'output columns in the last, partial tile are not written',
    family: 'output',
    ops: GEMMS,
    symptom: 'the last output columns are zeros for every token',
    origin: `derived: a grid of floor(N / tile) tiles; ${TILE_SOURCE}`,
    evidence: 'derived',
    remedy: 'Launch ceil(N / tile) tiles and mask the columns beyond N, or pad N when the weight is loaded.',
    hiddenBy: 'N that is a multiple of the tile; an output buffer that held other numbers than zeros',
    variants: (call) =>
      cuts(gemmSizes(call).N, TILES).map((cut) => ({
        detail: `columns ${cut} to ${gemmSizes(call).N - 1}`,
        make: () => ({ ...call, finish: zeroedWhere(({ columns }, _, at) => (columns[at] as number) >= cut) }),
      })),
  },
  {
    id: 'k-tail-dropped',
    title: 'the end of K is not added',
    family: 'sharding and padding',
    ops: GEMMS,
    symptom: 'every output a little off, the less the longer K is; the cosine stays high',
    origin:
      'derived: K % BLOCK_K == 0 is assumed by the Triton preshuffle kernel of AITER; loops that end one tile early',
    evidence: 'derived',
    remedy:
      'Round the number of K tiles up and mask the last one; pad x and w with zeros to whole tiles where the kernel does not.',
    hiddenBy: 'zeros at the end of x or w, as in a padded weight',
    variants: (call) => {
      const { K } = gemmSizes(call);
      return kCuts(K).map((cut) => keepingColumns(call, 0, cut, `columns ${cut} to ${K - 1}`));
    },
  },
  {
    id: 'split-k-overwritten',
    title: 'partial sums of a K that is split overwrite each other instead of being added',
    family: 'arithmetic',
    ops: GEMMS,
    symptom: 'finite garbage of the right size, often another in each run; right with splitK 0',
    origin: 'derived: split K of AITER adds with atomics to an output that it has set to zero',
    evidence: 'derived',
    remedy: 'Zero the output and add with atomics, or reduce the partial sums in a second kernel; try splitK = 0.',
    hiddenBy: 'kernels without split K; small K',
    variants: (call) => {
      const { K } = gemmSizes(call);
      return [2, 4, 8].flatMap((splits) => {
        const part = 128 * Math.ceil(Math.ceil(K / splits) / 128);
        const last = part * (Math.ceil(K / part) - 1);
        if (last === 0) return [];
        const kept = keepingColumns(call, last, K, `the last of ${splits} is left`);
        // A lost end of K looks the same.
        return kCuts(K).includes(part)
          ? [kept]
          : [kept, keepingColumns(call, 0, part, `the first of ${splits} is left`)];
      });
    },
  },
  {
    id: 'ck-row-block-stride',
    title:
      'blocks of 16 rows of a shuffled weight are looked for at multiples of 64 columns, and K is an odd multiple of 32',
    family: 'sharding and padding',
    ops: [BPRESHUFFLE, PTPC],
    symptom: 'output columns 0 to 15 are right, all others wrong',
    origin: 'derived: the grid descriptor of preshuffled B in composable_kernel, K0 = ceil(K / 64)',
    evidence: 'derived',
    remedy: 'Pad K to a multiple of 64 with zeros before shuffle_weight (pad_k_to=64): its own check asks for 32 only.',
    hiddenBy: 'K that is a multiple of 64',
    variants: (call) => {
      const stored = gemmOperands(call).w.layout.dims[1]?.padded ?? 0;
      if (stored % 64 !== 32) return [];
      return [
        {
          detail: '',
          make: () => changing(call, 'w', (w) => blocksReadAt(w, 16 * stored, 1024 * Math.ceil(stored / 64))),
        },
      ];
    },
  },
  {
    id: 'output-of-neighbour-token',
    title: 'each token gets the output of its neighbour',
    family: 'output',
    ops: GEMMS,
    symptom: 'right numbers in the wrong rows',
    origin: 'derived: batches cut at different rows before and after a multiplication (padded batches of CUDA graphs)',
    evidence: 'derived',
    remedy: 'Cut the output at the same rows as the input.',
    hiddenBy: 'one token, or tokens that are alike',
    variants: (call) => {
      const { M } = gemmSizes(call);
      if (M < 2) return [];
      return [1, -1].flatMap((by) =>
        [
          { detail: 'the last one its own', from: (row: number) => Math.min(M - 1, Math.max(0, row + by)) },
          { detail: 'in a circle', from: (row: number) => (row + by + M) % M },
          { detail: 'the last one zeros', from: (row: number) => row + by },
        ].map(({ detail, from }) => ({
          detail: `${by > 0 ? 'the next' : 'the previous'} one, ${detail}`,
          make: () => fromTokens(call, from),
        })),
      );
    },
  },
  {
    id: 'row-tile-repeated',
    title: 'every tile of tokens repeats the first one',
    family: 'output',
    ops: GEMMS,
    symptom: 'the first tile is right, later tokens repeat its outputs',
    origin: `derived: an offset without the index of the tile; ${TILE_SOURCE}`,
    evidence: 'derived',
    remedy: 'Add tile index times tile rows to the offsets of x and of its scale.',
    hiddenBy: 'fewer tokens than a tile',
    variants: (call) => {
      const { M } = gemmSizes(call);
      return TILES.filter((tile) => tile < M).map((tile) => ({
        detail: `${tile} tokens`,
        make: () => fromTokens(call, (row) => row % tile),
      }));
    },
  },
  {
    id: 'column-tile-repeated',
    title: 'every tile of output columns repeats the first one',
    family: 'output',
    ops: GEMMS,
    symptom: 'the first output columns are right, later ones repeat them',
    origin: `derived: an offset without the index of the tile; ${TILE_SOURCE}`,
    evidence: 'derived',
    remedy: 'Add tile index times tile columns to the offsets of w and of its scale.',
    hiddenBy: 'fewer output columns than a tile',
    variants: (call) => {
      const { N, blockN } = gemmSizes(call);
      return TILES.filter((tile) => tile < N).map((tile) => ({
        detail: `${tile} columns`,
        make: () =>
          withOperands(call, {
            w: rowsFrom(gemmOperands(call).w, (row) => row % tile),
            w_scale: scaleMoved(call, 'w_scale', (row, group) => [Math.floor(((row * blockN) % tile) / blockN), group]),
          }),
      }));
    },
  },
];

/** Where whole tiles end, for tiles that leave a rest; each once. */
function cuts(size: number, tiles: readonly number[]): readonly number[] {
  const ends = tiles.filter((tile) => tile < size && size % tile !== 0).map((tile) => size - (size % tile));
  return [...new Set(ends)];
}

/** Where K ends without its last tile, whole or not. */
function kCuts(K: number): readonly number[] {
  const ends = [32, 64, 128, 256].map((tile) => K - (K % tile === 0 ? tile : K % tile));
  return [...new Set(ends.filter((end) => end > 0))];
}

/** Zeros in x count for nothing, whatever the weight holds there. */
function keepingColumns(call: KernelCall, start: number, end: number, detail: string): Variant {
  return { detail, make: () => changing(call, 'x', (x) => columnsKept(x, start, end)) };
}

/** Row m of the output is that of token `from(m)`, zeros where there is none. */
function fromTokens(call: KernelCall, from: (row: number) => number): MistakenCall {
  const { M } = gemmSizes(call);
  return withOperands(call, {
    x: rowsFrom(gemmOperands(call).x, from),
    x_scale: scaleMoved(call, 'x_scale', (row, group) => {
      const origin = from(row);
      return origin >= 0 && origin < M ? [origin, group] : [row, group];
    }),
  });
}

/** @param dropped whether the element at a row and column of the window is not written */
function zeroedWhere(
  dropped: (window: OutputWindow, row: number, column: number) => boolean,
): NonNullable<MistakenCall['finish']> {
  return (outputs, window): NamedTensors => {
    const { y } = outputs;
    if (y === undefined) return outputs;
    const bytes = y.bytes.slice();
    const columns = window.columns.length;
    const width = bytes.length / Math.max(1, window.rows.length * columns);
    for (let row = 0; row < window.rows.length; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const at = (row * columns + column) * width;
        if (dropped(window, row, column)) bytes.fill(0, at, at + width);
      }
    }
    return { ...outputs, y: { ...y, bytes } };
  };
}
