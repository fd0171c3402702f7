import type { KernelCall } from '../../ops/kernel-call.ts';
import { activate } from '../../ops/shared/activation.ts';
import { expertSums } from '../../ops/shared/expert-linear.ts';
import { activated, type FirstStage, firstStage, type SecondStage, weighted } from '../../ops/shared/moe-stages.ts';
import { asF32 } from '../../tensor/views.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { type MoeSteps, sumsAndBiases } from '../moe-steps.ts';
import { FIRST_STAGE, SECOND_STAGE, stepsVariant } from './moe-call.ts';

type First = NonNullable<MoeSteps['first']>;

/** Stage 1 weighted as with doweight_stage1: the sums, before the bias. */
const weightedSums: First = ({ product, activation }, call) => {
  const { sums, biases } = sumsAndBiases(product);
  const weights = weightsOf(call);
  const at = (index: number): number =>
    (weights[Math.floor(index / product.weight.rows)] as number) * (sums[index] as number) + (biases[index] as number);
  return activated(product, (gate, up) => activate(activation, at(gate), at(up)));
};

const weightedH: First = (stage, call) => {
  const weights = weightsOf(call);
  const inter = stage.product.weight.rows / 2;
  return firstStage(stage).map((value, index) => value * (weights[Math.floor(index / inter)] as number));
};

/** Stage 2 that takes h as weighted: sums and biases of all slots as they are. */
function unweighted(stage: SecondStage): Float64Array {
  const sums = expertSums(stage.product);
  return weighted(stage, (_, at) => sums[at] as number);
}

/** Mistakes with where routing weights and biases are applied. */
export const MOE_WEIGHTING_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-routing-weight-in-stage-1',
    title: 'routing weights are applied in stage 1 instead of stage 2',
    family: 'routing',
    ops: ['fused_moe_mxfp4'],
    symptom:
      'plausible answers that are too small or too large: activations are not linear, and the bias of w2 counts in full',
    origin: 'derived: doweight_stage1 of AITER fused_moe (torch_moe_stage1 weights before the bias)',
    evidence: 'derived',
    remedy: 'Leave doweight_stage1 False: MXFP4 models weight in stage 2.',
    hiddenBy: 'one expert a token with a weight of 1',
    variants: (call) => [
      stepsVariant(call, 'on the sums, before bias and activation', { first: weightedSums, second: unweighted }),
      stepsVariant(call, 'on h', { first: weightedH, second: unweighted }),
    ],
  },
  {
    id: 'moe-routing-weight-twice',
    title: 'routing weights are applied twice',
    family: 'routing',
    ops: SECOND_STAGE,
    symptom: 'every token is too small: squared weights of a token add up to less than 1',
    origin:
      'derived: doweight_stage1 of AITER fused_moe set for one stage only; weights that the router has applied to x',
    evidence: 'derived',
    remedy: 'Apply topk_weights in stage 2 alone, and pass ones where they have been applied before.',
    hiddenBy: 'one expert a token with a weight of 1',
    variants: (call) => [
      stepsVariant(call, 'both times in stage 2', {
        second(stage) {
          const sums = expertSums(stage.product);
          return weighted(stage, (weight, at) => weight * weight * (sums[at] as number));
        },
      }),
      ...(call.op === 'fused_moe_mxfp4'
        ? [
            stepsVariant(call, 'on the sums of stage 1, and in stage 2', { first: weightedSums }),
            stepsVariant(call, 'on h, and in stage 2', { first: weightedH }),
          ]
        : []),
    ],
  },
  {
    id: 'moe-bias-once-a-token',
    title: 'the bias of w2 is added once a token, that of its first expert',
    family: 'bias',
    ops: SECOND_STAGE,
    symptom: 'a small error in every channel that depends on the expert in slot 0',
    origin: 'derived: a second stage that initialises its output with a bias, where AITER adds one for every slot',
    evidence: 'derived',
    remedy: 'Add the bias of the expert of each slot to its sum, before it is weighted.',
    hiddenBy: 'biases of zero; one expert a token',
    variants: whereBiased(['w2_bias'], (call) => [
      stepsVariant(call, 'without its weight', {
        second: (stage) =>
          withBiases(stage, (weight, sum, bias, route) => weight * sum + (route % stage.topk === 0 ? bias : 0)),
      }),
      stepsVariant(call, 'with its weight', {
        second: (stage) =>
          withBiases(stage, (weight, sum, bias, route) => weight * (sum + (route % stage.topk === 0 ? bias : 0))),
      }),
    ]),
  },
  {
    id: 'moe-bias-weighted-twice',
    title: 'the bias of w2 gets the routing weight twice',
    family: 'bias',
    ops: SECOND_STAGE,
    symptom: 'a small offset in every token',
    origin: 'derived: a bias that is weighted when it is gathered, and again with the sum',
    evidence: 'derived',
    remedy: 'Weight sum and bias together, once.',
    hiddenBy: 'biases of zero; one expert a token with a weight of 1',
    variants: whereBiased(['w2_bias'], (call) => [
      stepsVariant(call, '', {
        second: (stage) => withBiases(stage, (weight, sum, bias) => weight * sum + weight * weight * bias),
      }),
    ]),
  },
  {
    id: 'moe-bias-after-activation',
    title: 'the activation is taken of the sums alone, and the bias of w1 is added to h',
    family: 'bias',
    ops: FIRST_STAGE,
    symptom: 'an offset in every channel of h, the same for all tokens of an expert',
    origin: 'derived: the epilogue of a plain GEMM, which adds a bias last',
    evidence: 'derived',
    remedy: 'Add both halves of the bias to the accumulators before the activation.',
    hiddenBy: 'biases of zero',
    variants: whereBiased(['w1_bias', 'w13_bias'], (call) => [
      stepsVariant(call, 'the gate half', { first: (stage) => biasedH(stage, (h, gate) => h + gate) }),
      stepsVariant(call, 'the up half', { first: (stage) => biasedH(stage, (h, _, up) => h + up) }),
      stepsVariant(call, 'both halves', { first: (stage) => biasedH(stage, (h, gate, up) => h + gate + up) }),
    ]),
  },
];

function weightsOf({ operands: { topk_weights: weights } }: KernelCall): Float32Array {
  return weights === undefined ? new Float32Array() : asF32(weights);
}

/** No variants where none of the biases is given. */
function whereBiased(
  names: readonly string[],
  variants: (call: KernelCall) => readonly Variant[],
): Hypothesis['variants'] {
  return (call) => (names.some((name) => call.operands[name] !== undefined) ? variants(call) : []);
}

/** The second stage with another way to put weight, sum and bias of a route together. */
function withBiases(
  stage: SecondStage,
  term: (weight: number, sum: number, bias: number, route: number) => number,
): Float64Array {
  const { sums, biases } = sumsAndBiases(stage.product);
  return weighted(stage, (weight, at, route) => term(weight, sums[at] as number, biases[at] as number, route));
}

/** The activation of sums without bias, and the two halves of the bias. */
function biasedH(
  { product, activation }: FirstStage,
  finish: (h: number, gateBias: number, upBias: number) => number,
): Float64Array {
  const { sums, biases } = sumsAndBiases(product);
  return activated(product, (gate, up) =>
    finish(
      activate(activation, sums[gate] as number, sums[up] as number),
      biases[gate] as number,
      biases[up] as number,
    ),
  );
}
