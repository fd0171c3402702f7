import { decodeArray } from '../../formats/decode.ts';
import { encodeArray } from '../../formats/encode.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { requireOperand } from '../../tensor/expect.ts';
import { asBytes } from '../../tensor/make.ts';
import { asF32 } from '../../tensor/views.ts';
import { type Hypothesis, type MistakenCall, singleVariant } from '../hypothesis.ts';
import { withOutput } from './stored-scale.ts';

const NORMALIZE = ['normalize_e4m3fn_to_e4m3fnuz'] as const;
const SOURCE = 'normalize_e4m3fn_to_e4m3fnuz in SGLang';

/** Mistakes with e4m3fn weights on a device that reads e4m3fnuz. */
export const NORMALIZE_OP_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'normalize-scale-doubling',
    title: 'the scale is not doubled exactly once',
    family: 'number format',
    ops: NORMALIZE,
    symptom: 'dequantised weights exactly half, or double, of what they should be: cosine 1, ratio 0.5 or 2',
    origin: `derived: ${SOURCE}; a scale that is loaded after it, or a second run when weights are loaded again`,
    evidence: 'derived',
    remedy: 'Double weight_scale (and input_scale) with the codes, once, and mark the layer as normalised.',
    hiddenBy: 'nothing',
    variants: (call) => [
      { detail: 'it is left as it is', make: () => withScale(call, 0.5) },
      { detail: 'it is doubled twice', make: () => withScale(call, 2) },
      { detail: 'it is halved', make: () => withScale(call, 0.25) },
    ],
  },
  {
    id: 'normalize-negative-zero',
    title: 'the code 0x80 is not replaced',
    family: 'number format',
    ops: NORMALIZE,
    symptom: 'NaN wherever a weight is -0',
    origin: `derived: ${SOURCE} sets 0x80, the NaN of e4m3fnuz, to 0`,
    evidence: 'derived',
    remedy: 'Set codes of 0x80 to 0 before the bytes are read as e4m3fnuz.',
    hiddenBy: 'weights without -0',
    variants: singleVariant((call) => {
      const w = requireOperand(call.op, call.operands, 'w');
      return withCodes(call, (code, at) => (w.bytes[at] === 0x80 ? 0x80 : code));
    }),
  },
  {
    id: 'normalize-recoded',
    title: 'codes are converted by value although the scale is doubled',
    family: 'number format',
    ops: NORMALIZE,
    symptom: 'dequantised weights are double of what they should be, the largest are clamped at 240 or NaN',
    origin: `derived: weight.to(torch.float8_e4m3fnuz) before the scale is doubled, where ${SOURCE} keeps the bytes`,
    evidence: 'derived',
    remedy: 'View the bytes as e4m3fnuz; convert by value only where the scale stays.',
    hiddenBy: 'zeros',
    variants: (call) => {
      const values = decodeArray('e4m3fn', requireOperand(call.op, call.operands, 'w').bytes);
      return [
        { detail: 'clamped', make: () => withCodesOf(call, encodeArray('e4m3fnuz', values, { saturate: true })) },
        { detail: 'not clamped', make: () => withCodesOf(call, encodeArray('e4m3fnuz', values)) },
      ];
    },
  },
  {
    id: 'normalize-nan-kept',
    title: 'NaN weights stay NaN',
    family: 'number format',
    ops: NORMALIZE,
    symptom: 'codes 0x7f and 0xff become 0x80 instead of +-240',
    origin: `derived: ${SOURCE} does not look for NaN codes; converters that do write 0x80`,
    evidence: 'derived',
    remedy: 'Check the checkpoint for NaN weights: neither result is a number to multiply by.',
    hiddenBy: 'weights without NaN',
    variants: singleVariant((call) => withCodes(call, (code) => ((code & 0x7f) === 0x7f ? 0x80 : code))),
  },
];

function withScale(call: KernelCall, factor: number): MistakenCall {
  const scale = requireOperand(call.op, call.operands, 'scale');
  const bytes = asBytes(asF32(scale).map((value) => value * factor));
  return { ...call, operands: { ...call.operands, scale: { ...scale, bytes } } };
}

function withCodes(call: KernelCall, change: (code: number, at: number) => number): MistakenCall {
  return {
    ...call,
    finish: (outputs) => withOutput(outputs, 'y', (y) => ({ ...y, bytes: y.bytes.map(change) })),
  };
}

function withCodesOf(call: KernelCall, bytes: Uint8Array): MistakenCall {
  return withCodes(call, (_, at) => bytes[at] as number);
}
