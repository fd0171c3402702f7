import { encode } from '../../formats/encode.ts';
import { formatFacts } from '../../formats/facts.ts';
import { ceilToUe8m0, MX_ELEMENTS, MX_SCALE_MODES, type MxElement, mxScaleByte } from '../../formats/mx-scale.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { MxScaleParams } from '../../ops/mx-scale.ts';
import { floatValues } from '../../ops/shared/rows.ts';
import { requireOperand } from '../../tensor/expect.ts';
import { asBytes } from '../../tensor/make.ts';
import { asF32 } from '../../tensor/views.ts';
import { type Hypothesis, type MistakenCall, singleVariant } from '../hypothesis.ts';
import { floorToPower, nearestPower } from './quant-scale-rounding.ts';
import { readScales, withOutput, writeScales } from './stored-scale.ts';

const CEIL = ['ceil_to_ue8m0'] as const;
const MX_SCALE = ['mx_scale'] as const;

/** Mistakes with scales that become powers of two. */
export const UE8M0_OP_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'ue8m0-not-rounded',
    title: 'float scales are handed on as they are',
    family: 'quantisation',
    ops: CEIL,
    symptom: 'scales are no powers of two: packing cuts their mantissas off, or lets them leak into neighbours',
    origin: 'SGLang issue 25733: float scales reached the packing of UE8M0',
    evidence: 'reported',
    remedy: 'Call ceil_to_ue8m0 before the scales are packed, and make the codes with the result.',
    hiddenBy: 'scales that are powers of two already',
    variants: singleVariant((call) => mapped(call, (scale) => scale)),
  },
  {
    id: 'ue8m0-rounding',
    title: 'scales are rounded to another power of two than the next one up',
    family: 'quantisation',
    ops: CEIL,
    symptom:
      'scales half (or double) of what they should be, all of them or those on one side of a threshold: codes saturate',
    origin: 'SGLang issue 25733: exponents cut off; derived: .to(torch.float8_e8m0fnu) rounds to the nearest',
    evidence: 'reported',
    remedy: 'Round up: add 1 to the exponent wherever the mantissa is not 0.',
    hiddenBy: 'scales that are powers of two already',
    variants: (call) => [
      { detail: 'down', make: () => mapped(call, (scale) => floorToPower(Math.abs(scale))) },
      { detail: 'to the nearest', make: () => mapped(call, (scale) => nearestPower(Math.abs(scale))) },
      { detail: 'up by log2 in float32', make: () => mapped(call, byLogarithm) },
      { detail: 'up, powers of two as well', make: () => mapped(call, (scale) => 2 * floorToPower(Math.abs(scale))) },
      { detail: 'up, and one exponent further', make: () => mapped(call, (scale) => 2 * ceilToUe8m0(scale)) },
    ],
  },
  {
    id: 'ue8m0-not-kept-in-range',
    title: 'exponents 0 and 255 are not avoided',
    family: 'number format',
    ops: CEIL,
    symptom: 'scales of 0 stay 0, infinite ones stay infinite; all others are right',
    origin: 'derived: DeepGEMM keeps the exponent in 1..254 since April 2026',
    evidence: 'derived',
    remedy: 'Clamp the exponent to 1..254, or keep amax at least 1e-4.',
    hiddenBy: 'scales that are normal numbers',
    variants: singleVariant((call) =>
      mapped(call, (scale) => (scale === 0 || !Number.isFinite(scale) ? Math.abs(scale) : ceilToUe8m0(scale))),
    ),
  },
  {
    id: 'ue8m0-exponent-off',
    title: 'exponents are off by one',
    family: 'number format',
    // A ceil that is one exponent off is in `ue8m0-rounding`: rounded down is the same but for powers of two.
    ops: [...MX_SCALE, 'pack_ue8m0_mn_major', 'pack_ue8m0_to_int', 'unpack_ue8m0_scale'],
    symptom: 'every scale exactly twice or half of what it should be',
    origin: 'derived: a bias of 126 or 128 instead of 127',
    evidence: 'derived',
    remedy: 'Use the exponent field of the float32 as it is: its bias of 127 is that of e8m0.',
    hiddenBy: 'nothing',
    variants: (call) => [
      { detail: 'one too large', make: () => doubled(call, 2) },
      { detail: 'one too small', make: () => doubled(call, 0.5) },
    ],
  },
  {
    id: 'mx-scale-mode',
    title: 'the largest magnitude is rounded by another rule',
    family: 'quantisation',
    ops: MX_SCALE,
    symptom: 'part of the scale bytes one off',
    origin: 'derived: MxScaleRoundMode in AITER; .to(torch.float8_e8m0fnu) rounds to the nearest',
    evidence: 'derived',
    remedy: 'Set the mode of the kernel that quantises: RoundUp in AITER, RoundDown in OCP MX v1.0.',
    hiddenBy: 'magnitudes between the thresholds of both rules',
    variants: (call) => {
      const params = call.params as MxScaleParams;
      const { max } = formatFacts(params.element);
      return [
        ...MX_SCALE_MODES.filter((mode) => mode !== params.mode).map((mode) => ({
          detail: mode as string,
          make: () => ({ ...call, params: { ...params, mode } }),
        })),
        { detail: 'to the nearest', make: () => withBytes(call, (amax) => encode('e8m0', Math.fround(amax / max))) },
      ];
    },
  },
  {
    id: 'mx-scale-element',
    title: 'the scale is made for another element type',
    family: 'number format',
    ops: MX_SCALE,
    symptom:
      'scale bytes off by the distance of the largest codes: 6 between fp4 and fp8, 1 between the fp8 formats, 2 or 8 undivided',
    origin: 'derived: FP4 6, e4m3fn 448 and e4m3fnuz 240 are constants of the kernel in AITER',
    evidence: 'derived',
    remedy: 'Divide by the largest value of the very type that the block is quantised to.',
    hiddenBy: 'nothing',
    variants: (call) => {
      const params = call.params as MxScaleParams;
      const elements: readonly MxElement[] = MX_ELEMENTS.filter((element) => element !== params.element);
      return [
        ...elements
          // Powers of two apart, they are `ue8m0-exponent-off`.
          .filter((element) => params.mode === 'RoundUp' || element === 'e2m1' || params.element === 'e2m1')
          .map((element) => ({ detail: element as string, make: () => ({ ...call, params: { ...params, element } }) })),
        {
          detail: 'not divided by the largest value',
          make: () =>
            withBytes(call, (amax) => mxScaleByte(amax * formatFacts(params.element).max, params.element, params.mode)),
        },
      ];
    },
  },
  {
    id: 'mx-scale-not-below-one',
    title: 'exponents below that of 1 become that of 1',
    family: 'quantisation',
    ops: MX_SCALE,
    symptom: 'no byte below 127; larger ones are right',
    origin: 'derived: dynamic_mxfp4_quant in AITER converts the unbiased exponent to uint8, which saturates at 0',
    evidence: 'derived',
    remedy: 'Add the bias of 127 before the conversion to uint8.',
    hiddenBy: 'scales that are all at least 1',
    variants: singleVariant((call) => ({
      ...call,
      finish: (outputs) =>
        withOutput(outputs, 'y', (y) => ({ ...y, bytes: y.bytes.map((byte) => Math.max(127, byte)) })),
    })),
  },
];

/** `ceil_to_ue8m0` with another function of each scale. */
function mapped(call: KernelCall, change: (scale: number) => number): MistakenCall {
  const x = requireOperand(call.op, call.operands, 'x');
  return {
    ...call,
    finish: (outputs) => withOutput(outputs, 'y', (y) => ({ ...y, bytes: asBytes(asF32(x).map(change)) })),
  };
}

/** `mx_scale` with another function of each magnitude. */
function withBytes(call: KernelCall, byte: (amax: number) => number): MistakenCall {
  const x = requireOperand(call.op, call.operands, 'x');
  return {
    ...call,
    finish: (outputs) => withOutput(outputs, 'y', (y) => ({ ...y, bytes: Uint8Array.from(floatValues(x), byte) })),
  };
}

function doubled(call: KernelCall, factor: number): MistakenCall {
  const groups = call.operands['x']?.layout.shape.at(-1) ?? 1;
  return {
    ...call,
    finish: (outputs) =>
      withOutput(outputs, 'y', (y) =>
        writeScales(
          y,
          groups,
          readScales(y, groups).map((scale) => scale * factor),
        ),
      ),
  };
}

/** `2 ** ceil(log2(x))`: just above a power of two the logarithm rounds down to it. */
function byLogarithm(scale: number): number {
  return 2 ** Math.ceil(Math.fround(Math.log2(Math.abs(scale))));
}
