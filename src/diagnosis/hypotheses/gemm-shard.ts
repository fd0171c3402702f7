import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import { COMBINE, multiply } from '../../ops/shared/block-scale-math.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { FP4, GEMMS, gemmOperands, gemmOutputOf, gemmProduct, gemmSizes, withOperands } from './gemm-calls.ts';
import { columnsShifted, rowsFrom } from './gemm-moves.ts';
import { scaleMoved } from './gemm-scale-values.ts';

/** By how much padding moves the start of a shard. */
const PADS = [32, 64, 128, 256] as const;

const FIRST_RANK = 'rank 0, whose shard starts at 0 either way; sizes that need no padding';
const REMEDY =
  'Take the start of a shard from the sizes of the checkpoint, and pad the shard afterwards; weights and scales alike.';

/** Mistakes with where the shard of a rank starts. */
export const GEMM_SHARD_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'row-shard-offset',
    title: 'the shard of a rank starts at another row of the weight, off by the padding',
    family: 'sharding and padding',
    ops: GEMMS,
    symptom: 'finite garbage on all ranks but the first; right output columns moved where the scales moved along',
    origin: 'vLLM issue 42595 (first bug): offsets with the padded size',
    evidence: 'reported',
    remedy: REMEDY,
    hiddenBy: FIRST_RANK,
    variants: (call) => {
      const { N, blockN } = gemmSizes(call);
      return signed(PADS.filter((pad) => pad < N)).flatMap((by) => {
        const detail = `${Math.abs(by)} rows too ${by > 0 ? 'late' : 'early'}`;
        const w = (): NamedTensors => ({ w: rowsFrom(gemmOperands(call).w, (row) => row + by) });
        const weight: Variant = { detail: `${detail}, the scales are right`, make: () => withOperands(call, w()) };
        if (by % blockN !== 0) return [weight];
        const make: Variant['make'] = () =>
          withOperands(call, { ...w(), w_scale: scaleMoved(call, 'w_scale', within(call, by / blockN, 0)) });
        return [{ detail: `${detail}, scales too`, make }, weight];
      });
    },
  },
  {
    id: 'column-shard-offset',
    title: 'the shard of a rank starts at another column of the weight, off by the padding',
    family: 'sharding and padding',
    ops: GEMMS,
    symptom: 'finite garbage on all ranks but the first',
    origin: 'vLLM issue 42595 (first bug): offsets with the padded size',
    evidence: 'reported',
    remedy: REMEDY,
    hiddenBy: FIRST_RANK,
    variants: (call) => {
      const { K, blockK } = gemmSizes(call);
      return signed(PADS.filter((pad) => pad < K)).flatMap((by) => {
        const detail = `${Math.abs(by)} columns too ${by > 0 ? 'late' : 'early'}`;
        const w = (): NamedTensors => ({ w: columnsShifted(gemmOperands(call).w, -by) });
        const weight: Variant = { detail: `${detail}, the scales are right`, make: () => withOperands(call, w()) };
        if (by % blockK !== 0) return [weight];
        const make: Variant['make'] = () =>
          withOperands(call, { ...w(), w_scale: scaleMoved(call, 'w_scale', within(call, 0, by / blockK)) });
        return [{ detail: `${detail}, scales too`, make }, weight];
      });
    },
  },
  {
    id: 'scale-shard-inside-block',
    title: 'the columns of a rank start inside a block of 32, and its scales at the start of that block',
    family: 'sharding and padding',
    ops: [FP4],
    symptom: 'a part of every block has the exponent of its neighbour; right on ranks whose shard starts at a block',
    origin: 'derived: mxf4_merged_weight_loader in ATOM, TP 8 of GPT-OSS: scales cut at floor(360 rank / 32)',
    evidence: 'derived',
    remedy: 'Shard K in whole blocks of 32, codes and scales alike, and pad the last rank.',
    hiddenBy: 'neighbouring blocks with equal exponents',
    variants: (call) =>
      [8, 16, 24].map((start) => ({
        detail: `at column ${start} of a block`,
        make: () => ({ ...call, compute: (cut: KernelCall) => scaledFrom(cut, start) }),
      })),
  },
];

function signed(pads: readonly number[]): readonly number[] {
  return [...pads, ...pads.map((pad) => -pad)];
}

function within(
  call: KernelCall,
  rows: number,
  groups: number,
): (row: number, group: number) => readonly [number, number] | undefined {
  const { N, K, blockN, blockK } = gemmSizes(call);
  const [rowBlocks, columns] = [Math.ceil(N / blockN), Math.ceil(K / blockK)];
  return (row, group) => {
    const [r, g] = [row + rows, group + groups];
    return r >= 0 && r < rowBlocks && g >= 0 && g < columns ? [r, g] : undefined;
  };
}

/** Pieces of 8 columns, so that a block may end inside a block of scales. */
const PIECE = 8;

/** The product when column k of w has the scale of column k + start. */
function scaledFrom(call: KernelCall, start: number): NamedTensors {
  const product = gemmProduct(call);
  const { K, blockK } = product;
  const groups = K / blockK;
  const pieces = K / PIECE;
  const expanded = (scales: Float32Array, shift: number): Float32Array =>
    Float32Array.from({ length: (scales.length / groups) * pieces }, (_, at) => {
      const group = Math.floor(((at % pieces) * PIECE + shift) / blockK);
      // Scale bytes that no shard was copied to are 0.
      return group < groups ? (scales[Math.floor(at / pieces) * groups + group] as number) : 2 ** -127;
    });
  const { xScale, wScale } = product;
  const shifted = { ...product, blockK: PIECE, xScale: expanded(xScale, 0), wScale: expanded(wScale, start) };
  return gemmOutputOf(call, multiply(shifted, COMBINE.exact));
}
