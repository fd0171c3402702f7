import { decodeArray } from '../../formats/decode.ts';
import { encodeArray } from '../../formats/encode.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { activate } from '../../ops/shared/activation.ts';
import { type ExpertProduct, expertSums } from '../../ops/shared/expert-linear.ts';
import type { UncertainInput } from '../../ops/shared/moe-input.ts';
import {
  activated,
  type FirstStage,
  firstStage,
  type SecondStage,
  secondStage,
  weighted,
} from '../../ops/shared/moe-stages.ts';
import { roundedBytes } from '../../ops/shared/round-output.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { type MoeSteps, quantizedH, roundToBf16 } from '../moe-steps.ts';
import { BOTH_STAGES, SECOND_STAGE, stepsVariant } from './moe-call.ts';

/** A mistake that can happen in either multiplication. */
interface StageMistake {
  readonly detail: string;
  readonly first: (stage: FirstStage) => Float64Array;
  readonly second: (stage: SecondStage) => Float64Array;
}

/** Mistakes with the sums of a mixture of experts and with their rounding. */
export const MOE_ARITHMETIC_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-f16-accumulator',
    title: 'sums are kept in float16, and those beyond 65504 become infinite',
    family: 'arithmetic',
    ops: BOTH_STAGES,
    symptom: 'infinite and NaN elements, or clamped ones where an activation has a limit; the rest is right',
    origin: 'onnxruntime issue 26732; ggml-webgpu accumulates in f16, too',
    evidence: 'reported',
    remedy: 'Accumulate in float32, and apply scales to float32 sums.',
    hiddenBy: 'sums below 65504, which all small inputs give',
    variants: inStages([{ detail: '', ...roundedSums('f16') }]),
  },
  {
    id: 'moe-sums-bf16',
    title: 'sums are rounded to bf16 before bias and activation',
    family: 'arithmetic',
    ops: BOTH_STAGES,
    symptom: 'a difference in the last bits of a good part of the outputs',
    origin: 'derived: the workspace of split-K of CK-Tile in AITER is bf16',
    evidence: 'derived',
    remedy: 'Accept the last bits, or set AITER_KSPLIT=-1 for the comparison.',
    hiddenBy: 'sums that bf16 holds',
    variants: inStages([{ detail: '', ...roundedSums('bf16') }]),
  },
  {
    id: 'moe-split-k-lost',
    title: 'a part of the K dimension is left out of the sums',
    family: 'arithmetic',
    ops: BOTH_STAGES,
    symptom: 'answers that correlate with the right ones, too small by about the root of the share',
    origin:
      'derived: split-K of CK-Tile in AITER, whose parts meet in one workspace; stores instead of atomic adds keep one part',
    evidence: 'derived',
    remedy: 'Zero the workspace and add every part to it, or run with one split.',
    hiddenBy: 'a K of a single split; inputs that are zero in that part',
    variants: lostColumns([
      { detail: 'the second half', ...withoutColumns((columns) => [columns / 2, columns]) },
      { detail: 'the first half', ...withoutColumns((columns) => [0, columns / 2]) },
      { detail: 'the last quarter', ...withoutColumns((columns) => [(3 * columns) / 4, columns]) },
    ]),
  },
  {
    id: 'moe-bf16-truncated',
    title: 'results are cut off to bf16 instead of rounded',
    family: 'arithmetic',
    ops: BOTH_STAGES,
    symptom: 'half of all elements are one code nearer to zero',
    origin: 'derived: a store of the high half of the accumulator, as the prebuilt gfx950 fp8 kernels of AITER do',
    evidence: 'derived',
    remedy: 'Round to nearest even: add 0x7FFF and the lowest kept bit before the shift.',
    hiddenBy: 'results that bf16 holds',
    variants: (call) => {
      if (call.op !== 'fused_moe_mxfp4') return [stepsVariant(call, '', { round: truncated })];
      const only = (name: 'h' | 'y'): MoeSteps => ({
        round: (values, output) => (output === name ? truncated(values) : roundToBf16(values)),
      });
      return [
        stepsVariant(call, 'h and y', { round: truncated }),
        stepsVariant(call, 'h', only('h')),
        stepsVariant(call, 'y', only('y')),
      ];
    },
  },
  {
    id: 'moe-bf16-atomics',
    title: 'the answers of the slots are added up in bf16',
    family: 'arithmetic',
    ops: SECOND_STAGE,
    symptom: 'a difference in the last bits of y that may vary from run to run',
    origin: 'derived: atomic mode of the second stages of CK-Tile and FlyDSL in AITER',
    evidence: 'derived',
    remedy: 'Nothing is wrong. Use reduce mode where runs have to agree to the bit.',
    hiddenBy: 'one expert a token',
    variants: (call) => [
      stepsVariant(call, 'first slot first', { second: (stage) => addedInBf16(stage, (a, b) => a - b) }),
      stepsVariant(call, 'last slot first', { second: (stage) => addedInBf16(stage, (a, b) => b - a) }),
      stepsVariant(call, 'lowest expert first', {
        second(stage) {
          const order = new Map(stage.product.routes.flat().map((route, at) => [route, at]));
          return addedInBf16(stage, (a, b) => (order.get(a) as number) - (order.get(b) as number));
        },
      }),
    ],
  },
  {
    id: 'moe-h-not-rounded',
    title: 'stage 2 reads h as float32, not as bf16',
    family: 'arithmetic',
    ops: ['fused_moe_mxfp4'],
    symptom: 'a difference in the last bit of y; in a8w4 and a4w4 now and then a code',
    origin: 'derived: the fused epilogues of FlyDSL in AITER quantise h from float32',
    evidence: 'derived',
    remedy: 'Nothing is wrong. Compare with a reference that does not round h.',
    hiddenBy: 'h that bf16 holds',
    variants: (call) => [
      stepsVariant(call, '', {
        reread: ({ exact, columns }, own) => quantizedH({ exact, bf16: Float32Array.from(exact), columns }, own),
      }),
    ],
  },
];

/** One variant for each stage of the call, and one for both. */
function inStages(mistakes: readonly StageMistake[]): Hypothesis['variants'] {
  return (call) => mistakes.flatMap((mistake) => stagesOfCall(call, mistake));
}

/** Besides these, x beyond whole tiles in stage 1. In stage 2 that is what a stale intermediate pad does. */
function lostColumns(mistakes: readonly StageMistake[]): Hypothesis['variants'] {
  return (call) => {
    const hidden = call.op === 'moe_stage2_mxfp4' ? 0 : (call.operands['x']?.layout.shape.at(-1) ?? 0);
    const tails = [128, 256].filter((tile) => hidden > tile && hidden % tile !== 0);
    return [
      ...inStages(mistakes)(call),
      ...tails.map((tile) => {
        const { first } = withoutColumns((columns) => [columns - (columns % tile), columns]);
        return stepsVariant(call, `the columns of x beyond whole tiles of ${tile}`, { first });
      }),
    ];
  };
}

function stagesOfCall(call: KernelCall, { detail, first, second }: StageMistake): readonly Variant[] {
  if (call.op !== 'fused_moe_mxfp4') return [stepsVariant(call, detail, { first, second })];
  const into = (where: string): string => (detail === '' ? where : `${detail}, ${where}`);
  return [
    stepsVariant(call, into('in stage 1'), { first }),
    stepsVariant(call, into('in stage 2'), { second }),
    stepsVariant(call, into('in both stages'), { first, second }),
  ];
}

/** Both stages with sums, biases left aside, that another type holds. */
function roundedSums(type: 'f16' | 'bf16'): Omit<StageMistake, 'detail'> {
  const sumsOf = (product: ExpertProduct): Float64Array =>
    Float64Array.from(decodeArray(type, encodeArray(type, expertSums(product))));
  return {
    first({ product, activation }) {
      const sums = sumsOf(product);
      return activated(product, (gate, up) => activate(activation, sums[gate] as number, sums[up] as number));
    },
    second(stage) {
      const sums = sumsOf(stage.product);
      return weighted(stage, (weight, at) => weight * (sums[at] as number));
    },
  };
}

/** Both stages without some columns of their input. */
function withoutColumns(lost: (columns: number) => readonly [number, number]): Omit<StageMistake, 'detail'> {
  const cut = (product: ExpertProduct<UncertainInput>): ExpertProduct<UncertainInput> => {
    const { columns } = product.weight;
    const [start, end] = lost(columns);
    const values = Float64Array.from(product.input.values);
    for (let row = 0; row < values.length; row += columns) values.fill(0, row + start, row + end);
    return { ...product, input: { ...product.input, values } };
  };
  return {
    first: (stage) => firstStage({ ...stage, product: cut(stage.product) }),
    second: (stage) => secondStage({ ...stage, product: cut(stage.product) }),
  };
}

function truncated(values: Float64Array): Uint16Array {
  const bytes = roundedBytes(values, 'bf16', 'truncate');
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
}

/** The weighted sum over the slots, rounded to bf16 after every step. */
function addedInBf16(stage: SecondStage, order: (a: number, b: number) => number): Float64Array {
  const { product, topk } = stage;
  const { rows } = product.weight;
  const sums = expertSums(product);
  const y = new Float64Array((product.count / topk) * rows);
  for (const route of product.routes.flat().sort(order)) {
    const start = Math.floor(route / topk) * rows;
    const weight = stage.topkWeights[route] as number;
    const own = sums.subarray(route * rows, (route + 1) * rows).map((sum) => weight * sum);
    const rounded = asBf16(own);
    y.set(asBf16(rounded.map((value, n) => (y[start + n] as number) + value)), start);
  }
  return y;
}

function asBf16(values: Float64Array): Float64Array {
  return Float64Array.from(decodeArray('bf16', roundToBf16(values)));
}
