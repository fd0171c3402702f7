import type { KernelCall } from '../../ops/kernel-call.ts';
import { asBytes } from '../../tensor/make.ts';
import { asF32 } from '../../tensor/views.ts';
import type { Hypothesis, MistakenCall } from '../hypothesis.ts';
import { BOTH_STAGES, FIRST_STAGE, SECOND_STAGE } from './moe-call.ts';
import { downOf, gateUpOf, type Matrix, matricesOf, type PlainEdit, way, withMatrix } from './moe-parts.ts';

/** The matrices that have a bias: both, then each by itself. */
function choices(call: KernelCall): readonly (readonly Matrix[])[] {
  const matrices = matricesOf(call).filter(({ bias }) => bias !== undefined);
  const single = matrices.map((matrix) => [matrix]);
  return matrices.length > 1 ? [matrices, ...single] : single;
}

function changed(call: KernelCall, matrices: readonly Matrix[], bias: PlainEdit): MistakenCall {
  return matrices.reduce<MistakenCall>((done, matrix) => withMatrix(done, matrix, { bias }), call);
}

function namesOf(matrices: readonly Matrix[]): string {
  return matrices.map(({ kind }) => kind).join(' and ');
}

function times(factor: number): PlainEdit {
  return (plain) => ({ ...plain, bytes: asBytes(asF32(plain).map((value) => factor * value)) });
}

/** The bias of another expert in the place of each. @param plain f32 [E, rows] */
function fromExpert(other: (expert: number, experts: number) => number): PlainEdit {
  return (plain) => {
    const [experts = 0, rows = 0] = plain.layout.shape;
    const given = asF32(plain);
    const values = given.map((_, index) => {
      const expert = Math.floor(index / rows);
      return given[other(expert, experts) * rows + (index % rows)] as number;
    });
    return { ...plain, bytes: asBytes(values) };
  };
}

const WRONG_EXPERTS = [
  ['of the next expert', (expert: number, experts: number) => (expert + 1) % experts],
  ['of the expert before', (expert: number, experts: number) => (expert + experts - 1) % experts],
  ['of expert 0', () => 0],
] as const;

/** Mistakes with the biases of w13 and w2. Those with the order of gate and up rows are with gate and up. */
export const MOE_BIAS_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-bias-dropped',
    title: 'a bias is not added',
    family: 'bias',
    ops: BOTH_STAGES,
    symptom: 'a small error in every channel, the same for all tokens of an expert',
    origin: 'derived: bias1 and bias2 of fused_moe in AITER are optional, and nothing asks for them',
    evidence: 'derived',
    remedy: 'Pass bias1 and bias2 as float32 to fused_moe, and check in its log that the kernel that runs has a bias.',
    hiddenBy: 'biases of zero',
    variants: (call) => choices(call).map((chosen) => way(namesOf(chosen), () => changed(call, chosen, times(0)))),
  },
  {
    id: 'moe-w2-bias-every-rank',
    title: 'the bias of w2 is added several times: by every rank, or by the kernel and after it',
    family: 'bias',
    ops: SECOND_STAGE,
    symptom: 'a small error in every channel that grows with the number of ranks; with one rank everything is right',
    origin: 'derived: GPT-OSS adds the bias after the all-reduce, serving stacks load it on rank 0 only',
    evidence: 'derived',
    remedy:
      'Keep w2_bias on rank 0 and load zeros on the others, or add it after the all-reduce and not in the kernel.',
    hiddenBy: 'a bias of zero, one rank',
    variants(call) {
      const matrix = downOf(call);
      if (matrix?.bias === undefined) return [];
      return [2, 4, 8].map((ranks) => way(`${ranks} times`, () => withMatrix(call, matrix, { bias: times(ranks) })));
    },
  },
  {
    id: 'moe-w13-bias-repeated',
    title: 'the bias of w13 is added several times: in the kernel and after it, or in each part of K',
    family: 'bias',
    ops: FIRST_STAGE,
    symptom: 'a small error in every channel; right without split-K',
    origin:
      'derived: split-K kernels of CK-Tile add up parts in a workspace, and the activation kernel of AITER adds the bias once',
    evidence: 'derived',
    remedy: 'Add the bias in one place: to the sum of all parts, before the activation.',
    hiddenBy: 'a bias of zero',
    variants(call) {
      const matrix = gateUpOf(call);
      if (matrix?.bias === undefined) return [];
      return [2, 3, 4, 8].map((parts) => way(`${parts} times`, () => withMatrix(call, matrix, { bias: times(parts) })));
    },
  },
  {
    id: 'moe-bias-wrong-expert',
    title: 'experts are given the bias of another expert',
    family: 'bias',
    ops: BOTH_STAGES,
    acrossExperts: true,
    symptom: 'a small error in every channel, another one for each expert',
    origin: 'derived: FlyDSL kernels of AITER address the bias as expert * 2 I + column, apart from the weights',
    evidence: 'derived',
    remedy: 'Index the bias with the expert of the block (sorted_expert_ids), as the weights are.',
    hiddenBy: 'biases that are alike for all experts',
    variants: (call) =>
      choices(call)
        .filter(([first]) => (first?.experts ?? 0) > 1)
        .flatMap((chosen) =>
          // With two experts the one before is the next one.
          WRONG_EXPERTS.filter((_, at) => at !== 1 || (chosen[0]?.experts ?? 0) > 2).map(([name, other]) =>
            way(`${namesOf(chosen)}, ${name}`, () => changed(call, chosen, fromExpert(other))),
          ),
        ),
  },
];
