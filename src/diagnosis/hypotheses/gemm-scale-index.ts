import type { KernelCall } from '../../ops/kernel-call.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';
import { BLOCK_SCALED, changing, FP4, GEMMS, gemmSizes, withOperands } from './gemm-calls.ts';
import { SCALES, type ScaleName, scaleGrid, scaleMoved, scalePower } from './gemm-scale-values.ts';

/** Where a kernel finds the scale of a row and a group: another row and group, or undefined for zeros. */
type ScaleIndex = (row: number, group: number, rows: number, groups: number) => readonly [number, number] | undefined;

/** Mistakes with which scale is applied to which numbers, and how. */
export const GEMM_SCALE_INDEX_HYPOTHESES: readonly Hypothesis[] = [
  {
    ...fromIncident('scale-dropped', {
      family: 'quantisation',
      ops: GEMMS,
      remedy:
        'Hand on codes and scale as a pair, also where a function returns early; look for a tuple that is unpacked.',
      hiddenBy: 'scales that are all 1',
    }),
    variants: (call) => eachScale(call, (scale) => scalePower(scale, 0)),
  },
  {
    id: 'scale-divided',
    title: 'the reciprocal of a scale is applied',
    family: 'quantisation',
    ops: GEMMS,
    symptom: 'outputs too large or too small by the square of the scales',
    origin: 'derived: SGLang input_to_float8 computes with max / amax and returns its reciprocal',
    evidence: 'derived',
    remedy: 'Pass the factor that takes codes back to values, amax / max, and not the one that codes were made with.',
    hiddenBy: 'scales that are all 1',
    variants: (call) => eachScale(call, (scale) => scalePower(scale, -1)),
  },
  {
    id: 'scale-applied-twice',
    title: 'a scale is applied twice',
    family: 'quantisation',
    ops: GEMMS,
    symptom: 'outputs too small by the scales, each row or block by its own',
    origin:
      'derived: an epilogue that scales the result of an op whose kernel does so already (apply_fp8_linear of SGLang)',
    evidence: 'derived',
    remedy: 'Leave the scales to the kernel; remove the multiplication after it.',
    hiddenBy: 'scales that are all 1',
    variants: (call) => eachScale(call, (scale) => scalePower(scale, 2)),
  },
  {
    id: 'scale-of-neighbour-token',
    title: 'each token gets the scale of its neighbour',
    family: 'scale layout',
    ops: GEMMS,
    symptom: 'every token off by a factor, or by one for each group of columns; the scales themselves are all there',
    origin:
      'derived: codes and scales of a batch cut at different rows (padded batches of CUDA graphs, chunked prefill)',
    evidence: 'derived',
    remedy:
      'Cut codes and scale at the same rows, scale[start:end] with x[start:end], before any transposition of the scale.',
    hiddenBy: 'tokens with equal scales, one token',
    variants: (call) =>
      [1, -1].flatMap((by) => [
        ...moved(call, ['x_scale'], `${said(by)} token, the last one its own`, (row, group, rows) => [
          Math.min(rows - 1, Math.max(0, row + by)),
          group,
        ]),
        ...moved(call, ['x_scale'], `${said(by)} token, in a circle`, (row, group, rows) => [
          (row + by + rows) % rows,
          group,
        ]),
      ]),
  },
  {
    id: 'scale-first-for-all-rows',
    title: 'one scale is used for all rows, the first one',
    family: 'scale layout',
    ops: GEMMS,
    symptom: 'right in the first token, or in the first output columns; the others off by factors',
    origin:
      'derived: a kernel for per-tensor scales reads a single number whatever the shape (AITER static_per_tensor_quant)',
    evidence: 'derived',
    remedy: 'Pick the kernel by the kind of scale: per token, per channel or per block, not per tensor.',
    hiddenBy: 'one row, or rows with equal scales',
    variants: (call) => [
      ...moved(call, ['x_scale'], 'of x', (_, group) => [0, group]),
      ...moved(call, ['w_scale'], 'of w', (_, group) => [0, group]),
      ...moved(call, ['x_scale'], 'of x, and one group for all', () => [0, 0]),
      ...moved(call, ['w_scale'], 'of w, and one group for all', () => [0, 0]),
    ],
  },
  {
    id: 'scale-outside-loop',
    title: 'the scales of one group of columns are applied to the sum of all groups',
    family: 'arithmetic',
    ops: [...BLOCK_SCALED, FP4],
    symptom: 'right with one group of columns; otherwise every output off by a factor of its own, not very large',
    origin: 'derived: the loop over K of AITER gemm_a8w8_blockscale, with its scales read before or after it',
    evidence: 'derived',
    remedy: 'Read both scales inside the loop over K, and scale each partial sum before it is added.',
    hiddenBy: 'K of one group, or equal scales along K',
    variants: (call) => [
      ...moved(call, ['x_scale', 'w_scale'], 'of the first group', (row) => [row, 0]),
      ...moved(call, ['x_scale', 'w_scale'], 'of the last group', (row, _, __, groups) => [row, groups - 1]),
      ...moved(call, ['x_scale'], 'of the first group, of x only', (row) => [row, 0]),
      ...moved(call, ['w_scale'], 'of the first group, of w only', (row) => [row, 0]),
    ],
  },
  {
    id: 'scale-block-doubled',
    title: 'a kernel takes blocks twice as large as the scales are for',
    family: 'scale layout',
    ops: [...BLOCK_SCALED, FP4],
    symptom:
      'right in the first block; the others have the scale of another block, or every second one that of its neighbour',
    origin: 'derived: KPerBlock 256 of CK kernels, which must apply scales every 128; QuantType per_256x128 of AITER',
    evidence: 'derived',
    remedy: 'Make the block of the kernel that of the checkpoint: weight_block_size of its configuration, [128, 128].',
    hiddenBy: 'one block, or equal scales',
    variants: (call) => [
      ...(gemmSizes(call).blockN === 1
        ? []
        : [
            ...moved(call, ['w_scale'], 'rows of w, index halved', (row, group) => [Math.floor(row / 2), group]),
            ...moved(call, ['w_scale'], 'rows of w, the first of two', (row, group) => [row - (row % 2), group]),
          ]),
      ...moved(call, ['x_scale', 'w_scale'], 'columns, index halved', (row, group) => [row, Math.floor(group / 2)]),
      ...moved(call, ['x_scale', 'w_scale'], 'columns, the first of two', (row, group) => [row, group - (group % 2)]),
      ...moved(call, ['w_scale'], 'columns of w only, index halved', (row, group) => [row, Math.floor(group / 2)]),
      ...moved(call, ['x_scale'], 'columns of x only, index halved', (row, group) => [row, Math.floor(group / 2)]),
    ],
  },
  {
    id: 'scale-block-off-by-one',
    title: 'the scale of the neighbouring block is applied',
    family: 'scale layout',
    ops: GEMMS,
    symptom: 'finite garbage of the right size; one block at an end is right',
    origin: 'derived: pointers to scales advanced before instead of after a block in the loop over K',
    evidence: 'derived',
    remedy: 'Advance the pointer to the scales after the partial sum of its block has been scaled.',
    hiddenBy: 'one block, or equal scales',
    variants: (call) =>
      [1, -1].flatMap((by) => [
        ...moved(call, ['x_scale', 'w_scale'], `${said(by)} group of columns`, (row, group, _, groups) => [
          row,
          clamped(group + by, groups),
        ]),
        ...moved(call, ['x_scale'], `${said(by)} group of columns, of x only`, (row, group, _, groups) => [
          row,
          clamped(group + by, groups),
        ]),
        ...moved(call, ['w_scale'], `${said(by)} group of columns, of w only`, (row, group, _, groups) => [
          row,
          clamped(group + by, groups),
        ]),
        ...moved(call, ['w_scale'], `${said(by)} block of rows of w`, (row, group, rows) => [
          clamped(row + by, rows),
          group,
        ]),
      ]),
  },
  {
    id: 'scale-of-ragged-block',
    title: 'the last, partial block has no scale of its own and takes the one before',
    family: 'sharding and padding',
    ops: BLOCK_SCALED,
    symptom:
      'right in whole blocks; output columns beyond 128 * floor(N / 128) wrong, or all a little where K is ragged',
    origin: 'derived: floor(N / 128) where AITER has ceil: numbers of blocks rounded down',
    evidence: 'derived',
    remedy: 'Count blocks with ceil(N / 128) and ceil(K / 128) in the loader and in the kernel.',
    hiddenBy: 'N and K that are multiples of the block',
    variants: (call) => {
      const { N, K, blockN, blockK } = gemmSizes(call);
      const column: ScaleIndex = (row, group, _, groups) => [row, Math.min(group, groups - 2)];
      return [
        ...(N % blockN === 0
          ? []
          : moved(call, ['w_scale'], 'along N', (row, group, rows) => [Math.min(row, Math.max(0, rows - 2)), group])),
        ...(K % blockK === 0 || K < blockK
          ? []
          : [
              ...moved(call, ['x_scale', 'w_scale'], 'along K', column),
              ...moved(call, ['x_scale'], 'along K, of x only', column),
              ...moved(call, ['w_scale'], 'along K, of w only', column),
            ]),
      ];
    },
  },
];

function said(by: number): string {
  return by > 0 ? 'the next' : 'the previous';
}

function clamped(index: number, count: number): number {
  return Math.min(count - 1, Math.max(0, index));
}

function eachScale(call: KernelCall, change: Parameters<typeof changing>[2]): readonly Variant[] {
  return SCALES.map(({ name, detail }) => ({ detail, make: () => changing(call, name, change) }));
}

/** One way in which scales are looked up elsewhere; none where it finds each in its own place. */
function moved(call: KernelCall, names: readonly ScaleName[], detail: string, from: ScaleIndex): readonly Variant[] {
  const somewhereElse = names.some((name) => {
    const { rows, columns } = scaleGrid(call, name);
    // Only ends and the second of a pair tell: these are the rows and groups that every index here moves.
    const probes = [0, 1, rows - 1].filter((row) => row >= 0 && row < rows);
    const groups = [0, 1, columns - 1].filter((group) => group >= 0 && group < columns);
    return probes.some((row) =>
      groups.some((group) => {
        const [r, g] = from(row, group, rows, columns) ?? [-1, -1];
        return r !== row || g !== group;
      }),
    );
  });
  if (!somewhereElse) return [];
  const make: Variant['make'] = () =>
    withOperands(
      call,
      Object.fromEntries(
        names.map((name) => {
          const { rows, columns } = scaleGrid(call, name);
          return [name, scaleMoved(call, name, (row, group) => from(row, group, rows, columns))];
        }),
      ),
    );
  return [{ detail, make }];
}
