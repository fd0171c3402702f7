import { decodeArray } from '../../formats/decode.ts';
import { unpackNibbles } from '../../formats/pack.ts';
import { MX_BLOCK } from '../../moe/expert-weights.ts';
import { shardHypothesis } from '../../moe/shard-hypotheses.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { mxfp4Quant } from '../../ops/mxfp4-quant.ts';
import { activate } from '../../ops/shared/activation.ts';
import { type ExpertProduct, expertSums } from '../../ops/shared/expert-linear.ts';
import { activated, weighted } from '../../ops/shared/moe-stages.ts';
import { tensor, tensorFrom } from '../../tensor/make.ts';
import { storedIn } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, MistakenCall, Variant } from '../hypothesis.ts';
import { withSteps } from '../moe-steps.ts';
import { BOTH_STAGES, SECOND_STAGE } from './moe-call.ts';
import { downOf, type Matrix, matricesOf, plainPart, scaleShape, way, withMatrix } from './moe-parts.ts';
import { transposedLayout } from './moe-shuffles.ts';

const FLOOR = shardHypothesis('elementwise-scale-floor');

/** The scale of an element: its index in the row-major scales of all experts, -1 for a scale byte of 0. */
type ScaleOf = (expert: number, row: number, column: number) => number;

/**
 * A call in which elements of a block have different scales. Weights of MXFP4 cannot hold that, so they are taken apart into as many as
 * there are places in a block: each holds the elements at one place, with the scales that these have, and zeros. Sums add up.
 * @param step elements side by side that have one scale; a divisor of 32
 */
function regrouped(call: KernelCall, matrix: Matrix, step: number, scaleOf: ScaleOf): MistakenCall {
  const places = Array.from({ length: MX_BLOCK / step }, (_, place) => place * step);
  const scales = plainPart(call, matrix, 'scale').bytes;
  const parts = places.map((place) => {
    const { operands } = withMatrix(call, matrix, {
      weight: (plain) => onlyAt(plain, place, step),
      scale: (plain) => ({
        ...plain,
        bytes: eachScale(matrix, (expert, row, block) => {
          const index = scaleOf(expert, row, block * MX_BLOCK + place);
          return index < 0 ? 0 : (scales[Math.min(index, scales.length - 1)] as number);
        }),
      }),
    });
    return { weight: operands[matrix.weight] as Tensor, scale: operands[matrix.scale] as Tensor };
  });
  const sumsOf = (product: ExpertProduct): Float64Array => {
    const [first, ...others] = parts.map((part, at) => {
      const { bias } = product.weight;
      const weight = { ...product.weight, ...part, bias: at === 0 ? bias : undefined };
      return expertSums({ ...product, weight });
    });
    const sums = first as Float64Array;
    for (const other of others)
      for (let at = 0; at < sums.length; at += 1) sums[at] = (sums[at] as number) + (other[at] as number);
    return sums;
  };
  if (matrix.kind === 'w13') {
    const compute = withSteps({
      first({ product, activation }) {
        const sums = sumsOf(product);
        return activated(product, (gate, up) => activate(activation, sums[gate] as number, sums[up] as number));
      },
    });
    return { ...call, compute };
  }
  const compute = withSteps({
    second(stage) {
      const sums = sumsOf(stage.product);
      return weighted(stage, (weight, at) => weight * (sums[at] as number));
    },
  });
  return { ...call, compute };
}

/** The elements at places `place` .. `place + step - 1` of each block of 32, zeros elsewhere. */
function onlyAt(plain: Tensor, place: number, step: number): Tensor {
  const [from, to] = [place / 2, (place + step) / 2];
  const bytes = plain.bytes.map((pair, at) => {
    const inside = at % (MX_BLOCK / 2);
    return inside >= from && inside < to ? pair : 0;
  });
  return { ...plain, bytes };
}

function eachScale(matrix: Matrix, of: (expert: number, row: number, block: number) => number): Uint8Array {
  const [experts, rows, groups] = scaleShape(matrix);
  const out = new Uint8Array(experts * rows * groups);
  let at = 0;
  for (let expert = 0; expert < experts; expert += 1)
    for (let row = 0; row < rows; row += 1)
      for (let block = 0; block < groups; block += 1) {
        out[at] = of(expert, row, block);
        at += 1;
      }
  return out;
}

/** Scales of whole blocks taken from other places. */
function rescaled(call: KernelCall, matrix: Matrix, indexOf: ScaleOf): MistakenCall {
  return withMatrix(call, matrix, {
    scale: (plain) => ({
      ...plain,
      bytes: eachScale(matrix, (expert, row, block) => plain.bytes[indexOf(expert, row, block * MX_BLOCK)] as number),
    }),
  });
}

function otherBlocks(call: KernelCall, matrix: Matrix): readonly Variant[] {
  const [, rows, groups] = scaleShape(matrix);
  const start = (expert: number, row: number): number => (expert * rows + row) * groups;
  return [
    way(`${matrix.kind}, read in blocks of 16`, () =>
      regrouped(call, matrix, 16, (expert, row, column) => start(expert, row) + Math.floor(column / 16)),
    ),
    way(`${matrix.kind}, read in blocks of 64`, () =>
      rescaled(call, matrix, (expert, row, column) => start(expert, row) + Math.floor(column / 64)),
    ),
    way(`${matrix.kind}, stored in blocks of 16`, () =>
      rescaled(call, matrix, (expert, row, column) =>
        Math.floor((start(expert, row) + Math.floor(column / MX_BLOCK)) / 2),
      ),
    ),
  ];
}

/**
 * Channels of w2 dealt out to ranks one by one, scales by whole blocks: rank r takes I / tp channels, and the scales from
 * floor(start / 32) up to floor(end / 32).
 */
function flooredScales(call: KernelCall, matrix: Matrix, ranks: number): MistakenCall {
  const [, rows, groups] = scaleShape(matrix);
  const count = matrix.columns / ranks;
  return regrouped(call, matrix, 8, (expert, row, column) => {
    const start = Math.floor(column / count) * count;
    const [first, end] = [Math.floor(start / MX_BLOCK), Math.floor((start + count) / MX_BLOCK)];
    const block = first + Math.floor((column - start) / MX_BLOCK);
    return block < end ? (expert * rows + row) * groups + block : -1;
  });
}

/** More are not quantised again: it would take longer than all other mistakes together. */
const MOST_ELEMENTS = 2 ** 22;

/** Weights quantised again, each block 32 rows of one column; its scales [E, rows / 32, columns] read as [E, rows, columns / 32]. */
function alongRows(call: KernelCall, matrix: Matrix): MistakenCall {
  const { experts, rows, columns } = matrix;
  const values = decoded(plainPart(call, matrix, 'weight'), plainPart(call, matrix, 'scale'));
  const turned = new Float32Array(values.length);
  for (let expert = 0; expert < experts; expert += 1)
    for (let row = 0; row < rows; row += 1)
      for (let column = 0; column < columns; column += 1)
        turned[(expert * columns + column) * rows + row] = values[(expert * rows + row) * columns + column] as number;
  const { y, scale } = mxfp4Quant.reference({}, { x: tensorFrom('x', 'f32', [experts, columns, rows], turned) });
  return withMatrix(call, matrix, {
    weight: (plain) => transposedBack(y, plain),
    scale: (plain) => transposedBack(scale, plain),
  });
}

/** [E, columns, n] stored as [E, n, columns], the bytes taken for those of `like`. */
function transposedBack(source: Tensor, like: Tensor): Tensor {
  const { bytes } = storedIn(source, transposedLayout(source.layout.shape));
  return tensor(like.name, like.type, like.layout, bytes, like.scaling);
}

/** The values of row-major weights. */
function decoded(weight: Tensor, scale: Tensor): Float32Array {
  const codes = decodeArray('e2m1', unpackNibbles(weight.bytes, weight.layout.size));
  const scales = decodeArray('e8m0', scale.bytes);
  return codes.map((code, at) => code * (scales[Math.floor(at / MX_BLOCK)] as number));
}

/** Mistakes with which elements share a scale. */
export const MOE_SCALE_BLOCK_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-scale-block-size',
    title: 'scales are stored for blocks of one size and read for blocks of another',
    family: 'scale layout',
    ops: BOTH_STAGES,
    acrossExperts: true,
    symptom: 'right signs, wrong sizes: rows have the scales of rows before or after them',
    origin: 'derived: NVFP4 has blocks of 16, OCP MX of 32; both pack two codes a byte and one byte a scale',
    evidence: 'derived',
    remedy: 'Take MXFP4 checkpoints as blocks of 32 with e8m0 scales; convert NVFP4 ones with their second scale.',
    hiddenBy: 'equal exponents',
    variants: (call) => matricesOf(call).flatMap((matrix) => otherBlocks(call, matrix)),
  },
  {
    id: 'moe-scale-wrong-axis',
    title: 'weights are quantised along the rows, and the kernel reads blocks along the columns',
    family: 'quantisation',
    ops: BOTH_STAGES,
    symptom: 'right signs, blocks off by powers of two; small weights beside large ones of their column are lost',
    origin: 'FlashInfer issue 3882: quantised along n instead of k',
    evidence: 'reported',
    remedy: 'Quantise along the axis that is multiplied over: the last one of w13 [E, 2 I, H] and of w2 [E, H, I].',
    hiddenBy: 'equal exponents',
    variants: (call) =>
      matricesOf(call)
        .filter(({ experts, rows, columns }) => experts * rows * columns <= MOST_ELEMENTS)
        .map((matrix) => way(matrix.kind, () => alongRows(call, matrix))),
  },
  {
    id: 'moe-scale-floor-shift',
    title: FLOOR.title,
    family: 'sharding and padding',
    ops: SECOND_STAGE,
    symptom: `${FLOOR.effect}; with one rank everything is right`,
    origin: `${FLOOR.evidence}: ${FLOOR.origin}`,
    evidence: FLOOR.evidence,
    remedy: 'Shard by whole blocks of 32 channels, so that every rank begins with a scale of its own (prepareRank).',
    hiddenBy: 'equal neighbouring exponents; ranks whose channels are a multiple of 32',
    variants(call) {
      const matrix = downOf(call);
      if (matrix === undefined) return [];
      const { columns } = matrix;
      return [2, 4, 8]
        .filter((ranks) => columns % (8 * ranks) === 0 && (columns / ranks) % MX_BLOCK !== 0)
        .map((ranks) => way(`TP ${ranks}`, () => flooredScales(call, matrix, ranks)));
    },
  },
];
