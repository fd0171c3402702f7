import { columnMajor } from '../../layout/plain.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { type RequantArithmetic, requantised } from '../../ops/requant-weight-ue8m0.ts';
import { deepgemmRule } from '../../ops/shared/groups-rules.ts';
import { asTheyAre, type QuantisedSpecs, storeQuantised } from '../../ops/shared/quantisation.ts';
import { requireOperand } from '../../tensor/expect.ts';
import { readAs, toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Hypothesis, type MistakenCall, singleVariant } from '../hypothesis.ts';
import { floorToPower, nearestPower } from './quant-scale-rounding.ts';
import { specsOf } from './quantised-call.ts';
import { withOutput } from './stored-scale.ts';

const REQUANT = ['requant_weight_ue8m0'] as const;

/** Mistakes with weights that get power-of-two scales. */
export const REQUANT_OP_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'requant-scales-only',
    title: 'scales are rounded up to powers of two and the codes stay',
    family: 'quantisation',
    ops: REQUANT,
    symptom: 'each 128x128 block too large by a factor between 1 and 2: the cosine stays high',
    origin: 'SGLang PR 22300: format_ue8m0 set without requantisation',
    evidence: 'reported',
    remedy: 'Requantise with the rounded scale (requant_weight_ue8m0), then set format_ue8m0.',
    hiddenBy: 'scales that are powers of two already',
    variants: singleVariant((call) => keeping(call, 'y', 'w')),
  },
  {
    id: 'requant-codes-only',
    title: 'codes are made for the rounded scales, and the old scales stay',
    family: 'quantisation',
    ops: REQUANT,
    symptom: 'each 128x128 block too small by a factor between 1 and 2',
    origin: 'derived: weight.data is replaced and weight_scale_inv is not, in a loader that updates in place',
    evidence: 'derived',
    remedy: 'Replace weight and weight_scale_inv together.',
    hiddenBy: 'scales that are powers of two already',
    variants: singleVariant((call) => keeping(call, 'scale', 'scale')),
  },
  {
    id: 'requant-scale-rounding',
    title: 'the new scale is not rounded up',
    family: 'quantisation',
    ops: REQUANT,
    symptom: 'scales half as large in part of the blocks; their largest codes are NaN or saturated',
    origin: 'SGLang issue 25733: scales must be rounded up before they are packed',
    evidence: 'reported',
    remedy: 'Use ceil_to_ue8m0 on amax / 448.',
    hiddenBy: 'blocks that give powers of two anyhow',
    variants: (call) =>
      (
        [
          ['but down', floorToPower],
          ['but to the nearest', nearestPower],
          ['but left as a float', (scale: number) => scale],
        ] as const
      ).map(([detail, round]) => {
        const { scale } = deepgemmRule(false);
        const rule = { ...deepgemmRule(true), scale: (amax: number) => round(scale(amax)) };
        return { detail, make: () => otherwise(call, { rule, throughBf16: true }) };
      }),
  },
  {
    id: 'requant-without-bf16',
    title: 'dequantised weights stay float32 instead of being rounded to bf16',
    family: 'arithmetic',
    ops: REQUANT,
    symptom: 'a few codes one off',
    origin: 'derived: requant_weight_ue8m0 in SGLang dequantises to bf16 before per_block_cast_to_fp8',
    evidence: 'derived',
    remedy: 'Compare with the arithmetic of the loader that ran; float32 is the more accurate one.',
    hiddenBy: 'scales with few mantissa bits',
    variants: singleVariant((call) => otherwise(call, { rule: deepgemmRule(true), throughBf16: false })),
  },
  {
    id: 'requant-scale-transposed',
    title: 'the old block scales are read column by column',
    family: 'scale layout',
    ops: REQUANT,
    symptom: 'the first and the last block are right, others are requantised with the scale of another one',
    origin: 'derived: CUTLASS wants weight scales as [K / 128, N / 128], checkpoints store [N / 128, K / 128]',
    evidence: 'derived',
    remedy: 'Requantise before weight_scale_inv is transposed for a kernel.',
    hiddenBy: 'one row or one column of blocks',
    variants: singleVariant((call) => {
      const scale = requireOperand(call.op, call.operands, 'scale');
      const { shape } = scale.layout;
      if (shape.length !== 2 || shape.includes(1)) return undefined;
      return { ...call, operands: { ...call.operands, scale: toRowMajor(readAs(scale, columnMajor(shape))) } };
    }),
  },
  {
    id: 'requant-first-expert',
    title: 'every expert is requantised with the scales of the first',
    family: 'quantisation',
    ops: REQUANT,
    symptom: 'expert 0 is right, all others are off by a factor for each block',
    origin: 'derived: a loop over experts that indexes the weight and not its scale',
    evidence: 'derived',
    remedy: 'Index weight and scale by the same expert.',
    hiddenBy: 'one expert, or experts with equal scales',
    variants: singleVariant((call) => {
      const scale = requireOperand(call.op, call.operands, 'scale');
      const [experts = 1, ...inner] = scale.layout.shape;
      if (inner.length !== 2 || experts === 1) return undefined;
      const length = scale.bytes.length / experts;
      const bytes = scale.bytes.map((_, at) => scale.bytes[at % length] as number);
      return { ...call, operands: { ...call.operands, scale: { ...scale, bytes } } };
    }),
  },
];

/** An output that holds the bytes of an operand. */
function keeping(call: KernelCall, output: string, operand: string): MistakenCall {
  const { bytes } = requireOperand(call.op, call.operands, operand);
  return { ...call, finish: (outputs) => withOutput(outputs, output, (given) => ({ ...given, bytes })) };
}

function otherwise(call: KernelCall, arithmetic: RequantArithmetic): MistakenCall {
  return {
    ...call,
    compute: (given) => {
      const blocks = requantised(given.operands as Record<'w' | 'scale', Tensor>, arithmetic);
      const specs = specsOf(given) as unknown as QuantisedSpecs;
      return storeQuantised(specs, { format: 'e4m3fn', storeScales: asTheyAre }, blocks);
    },
  };
}
