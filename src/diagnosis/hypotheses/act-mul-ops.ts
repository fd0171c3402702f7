import { encodeArray } from '../../formats/encode.ts';
import { actMulQuantisation } from '../../ops/act-mul-and-fp8-group-quant.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { GatedActivation } from '../../ops/shared/activation.ts';
import { type FloatSource, floatValues } from '../../ops/shared/rows.ts';
import { requireOperand } from '../../tensor/expect.ts';
import { tensorFrom } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Hypothesis, type MistakenCall, singleVariant, type Variant } from '../hypothesis.ts';
import { blocksOf, withBlocks, withParts } from './quantised-call.ts';

const ACT_MUL = ['act_mul_and_fp8_group_quant'] as const;
const FLATTEN = ['fused_flatten_fp8_group_quant'] as const;

/** Mistakes with what `act_mul_and_fp8_group_quant` and `fused_flatten_fp8_group_quant` do before they quantise. */
export const ACT_MUL_OP_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'act-mul-gate-up-swapped',
    title: 'the activation is applied to the up half, and the gate half multiplies',
    family: 'gate and up',
    ops: ACT_MUL,
    symptom: 'plausible numbers, all of them wrong; signs agree where both halves are positive',
    origin: 'derived: w13 is stored as [w1, w3] by some loaders and as [w3, w1] by others',
    evidence: 'derived',
    remedy: 'Stack the gate projection (w1) first, then up (w3), or exchange the halves when the weight is loaded.',
    hiddenBy: 'equal halves',
    variants: singleVariant((call) =>
      withX(call, (x, half) => columnsTaken(x, half, (column) => (column + half) % (2 * half))),
    ),
  },
  {
    id: 'act-mul-interleaved',
    title: 'gate and up are read in turns, one column each',
    family: 'gate and up',
    ops: ACT_MUL,
    symptom: 'the first column is right, everything else is not',
    origin: 'SGLang PR 26884: GPT-OSS checkpoints store g0, u0, g1, u1, and its activation reads them so',
    evidence: 'reported',
    remedy: 'De-interleave w13 when it is loaded, or call the activation for interleaved columns.',
    hiddenBy: 'rows whose columns are all alike',
    variants: (call) => [
      {
        detail: 'separated halves are read as turns',
        make: () =>
          withX(call, (x, half) => columnsTaken(x, half, (column) => 2 * (column % half) + Math.floor(column / half))),
      },
    ],
  },
  {
    id: 'act-mul-without-up',
    title: 'the product with the up half is left out',
    family: 'activation',
    ops: ACT_MUL,
    symptom: 'codes follow the gate half alone',
    origin: 'derived: an activation without gate (silu) in place of silu_and_mul',
    evidence: 'derived',
    remedy: 'Call the kernel with the product: act_mul_and_fp8_group_quant, silu_and_mul.',
    hiddenBy: 'an up half of ones',
    variants: singleVariant((call) =>
      withX(call, (x, half) => mapColumns(x, half, (value, isUp) => (isUp ? 1 : value))),
    ),
  },
  {
    id: 'act-mul-other-activation',
    title: 'another activation is applied',
    family: 'activation',
    ops: ACT_MUL,
    symptom: 'wrong mostly where the gate is negative or near 0; large positive gates agree',
    origin: 'derived: silu, gelu and gelu_tanh of AITER; GPT-OSS has swiglu with alpha 1.702, a clamp at 7 and up + 1',
    evidence: 'derived',
    remedy: 'Pass the activation of the checkpoint (hidden_act).',
    hiddenBy: 'large positive gates',
    variants: (call) =>
      Object.entries(ACTIVATIONS).map(([detail, activation]) => ({
        detail,
        make: () =>
          withBlocks(call, () =>
            blocksOf(actMulQuantisation(call.params, { x: call.operands['x'] as Tensor }, activation)),
          ),
      })),
  },
  {
    id: 'act-mul-no-activation',
    title: 'gate and up are multiplied without an activation',
    family: 'activation',
    ops: ACT_MUL,
    symptom: 'negative gates are not damped: large codes where small ones are expected',
    origin: 'derived: an activation that the kernel does not know and passes over',
    evidence: 'derived',
    remedy: 'Check the name of the activation before the launch; refuse unknown ones.',
    hiddenBy: 'large positive gates',
    variants: singleVariant((call) =>
      withParts(call, ({ values }) => {
        const x = floatValues(call.operands['x'] as Tensor);
        const half = (call.operands['x']?.layout.shape.at(-1) ?? 0) / 2;
        return {
          values: values.map((_, index) => {
            const at = Math.floor(index / half) * 2 * half + (index % half);
            return (x[at] as number) * (x[at + half] as number);
          }),
        };
      }),
    ),
  },
  {
    id: 'act-mul-rounded-between',
    title: 'the product is rounded to the type of x before the quantisation',
    family: 'arithmetic',
    ops: ACT_MUL,
    symptom: 'a few codes one off, scales in the third digit',
    origin: 'derived: silu_and_mul followed by a quantiser passes bf16; the fused kernel passes float32',
    evidence: 'derived',
    remedy: 'Compare with the arithmetic of the kernels that ran; neither is wrong.',
    hiddenBy: 'f32 inputs',
    variants: singleVariant((call) => {
      const type = call.operands['x']?.type;
      if (type !== 'bf16' && type !== 'f16') return undefined;
      return withParts(call, ({ values }) => ({
        values: floatValues(tensorFrom('product', type, [values.length], encodeArray(type, values))),
      }));
    }),
  },
  {
    id: 'flatten-order',
    title: 'heads and the elements of a head are flattened in the other order',
    family: 'output',
    ops: FLATTEN,
    symptom: 'the right numbers in other columns; scales wrong with them',
    origin:
      'derived: attention outputs of shape [tokens, head size, heads], or a transposed view that is read as contiguous',
    evidence: 'derived',
    remedy: 'Pass the attention output as [tokens, heads, head size], contiguous.',
    hiddenBy: 'one head',
    variants: flattenOrders,
  },
];

const ACTIVATIONS: Readonly<Record<string, GatedActivation>> = {
  gelu: { curve: 'gelu', alpha: 1, offset: 0, limit: undefined },
  'swiglu of GPT-OSS': { alpha: 1.702, offset: 1, limit: 7 },
  'swiglu of GPT-OSS without the clamp': { alpha: 1.702, offset: 1, limit: undefined },
  'sigmoid with 1.702': { alpha: 1.702, offset: 0, limit: undefined },
};

/** The call with x changed, which has rows of two halves. */
function withX(call: KernelCall, change: (x: Tensor, half: number) => Tensor): MistakenCall {
  const x = requireOperand(call.op, call.operands, 'x');
  return { ...call, operands: { ...call.operands, x: change(x, (x.layout.shape.at(-1) ?? 0) / 2) } };
}

/** x with column `from(column)` in the place of each. */
function columnsTaken(x: Tensor, half: number, from: (column: number) => number): Tensor {
  const values = floatValues(x);
  const width = 2 * half;
  const taken = values.map((_, index) => values[index - (index % width) + from(index % width)] as number);
  return { ...x, bytes: floatBytes(x, taken) };
}

function mapColumns(x: Tensor, half: number, change: (value: number, isUp: boolean) => number): Tensor {
  const width = 2 * half;
  return {
    ...x,
    bytes: floatBytes(
      x,
      floatValues(x).map((value, index) => change(value, index % width >= half)),
    ),
  };
}

function floatBytes({ name, type, layout: { shape } }: Tensor, values: Float32Array): Uint8Array {
  return tensorFrom(name, type, shape, type === 'f32' ? values : encodeArray(type as FloatSource, values)).bytes;
}

function flattenOrders(call: KernelCall): readonly Variant[] {
  const { x } = call.operands;
  const [, heads = 1, size = 1] = x?.layout.shape ?? [];
  if (x === undefined || heads === 1) return [];
  const reordered = (from: (column: number) => number) => (): MistakenCall => ({
    ...call,
    operands: { ...call.operands, x: columnsTaken(x, (heads * size) / 2, from) },
  });
  return [
    {
      detail: 'each element of all heads, then the next',
      make: reordered((column) => (column % heads) * size + Math.floor(column / heads)),
    },
    {
      detail: 'transposed heads are read as they lie',
      make: reordered((column) => (column % size) * heads + Math.floor(column / size)),
    },
  ];
}
