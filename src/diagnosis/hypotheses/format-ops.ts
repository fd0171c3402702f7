import { decodeArray, type NarrowFormatName } from '../../formats/decode.ts';
import { encodeArray } from '../../formats/encode.ts';
import { formatFacts } from '../../formats/facts.ts';
import type { EncodeParams } from '../../ops/encode.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { definitionOf } from '../../ops/registry.ts';
import { requireOperand } from '../../tensor/expect.ts';
import { asBytes } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Hypothesis, type MistakenCall, singleVariant, type Variant } from '../hypothesis.ts';
import { alike, narrowType, onCodes, recoded, valuesOf } from './format-codes.ts';
import { type OddRounding, type RoundedFormat, roundedCode } from './rounding.ts';
import { withOutput } from './stored-scale.ts';

const ENCODE = ['encode'] as const;
const DECODE = ['decode'] as const;

/** Mistakes with conversions between number formats. */
export const FORMAT_OP_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'encode-rounding',
    title: 'numbers are not rounded to nearest, ties to even',
    family: 'arithmetic',
    ops: ENCODE,
    symptom: 'half of all codes one too small in magnitude, or a few that are exact ties one off',
    origin:
      'derived: AITER converts float32 to bf16 by truncation on gfx942; the fp4 cast of DeepGEMM sends ties to the lower code',
    evidence: 'derived',
    remedy: 'Convert with the hardware instruction, or add half a unit (and the even bit) before the shift.',
    hiddenBy: 'numbers that have exact codes',
    variants: (call) =>
      (['truncated', 'ties away from zero', 'ties toward zero'] as const).flatMap((rounding) =>
        oddlyRounded(call, rounding),
      ),
  },
  {
    id: 'encode-other-format',
    title: 'codes are those of another format of as many bits',
    family: 'number format',
    ops: ENCODE,
    symptom:
      'values off by 2 between e4m3fn and e4m3fnuz, by powers of two that grow with the magnitude between others',
    origin: 'derived: e4m3fn hard-coded on gfx942, whose fp8 is e4m3fnuz; e5m2 for the gradient type of a recipe',
    evidence: 'derived',
    remedy: 'Take the dtype from aiter.dtypes.fp8 (or is_fp8_fnuz()) of the device that reads the codes.',
    hiddenBy: 'zeros',
    variants: (call) => {
      const params = call.params as EncodeParams;
      return alike(params.format).map((format) => ({
        detail: format,
        make: () => ({
          ...call,
          compute: (given) => {
            const { y } = definitionOf('encode').reference({ ...params, format }, given.operands);
            return { y: { ...(y as Tensor), type: params.format } };
          },
        }),
      }));
    },
  },
  {
    id: 'encode-overflow',
    title: 'numbers beyond the largest code are clamped where they should not be, or the other way round',
    family: 'number format',
    ops: ENCODE,
    symptom: 'NaN or infinity against the largest value, and nothing else',
    origin: 'derived: torch before 2.13 turns 465 into NaN in e4m3fn; cvt.satfinite, AITER and newer torch give 448',
    evidence: 'derived',
    remedy: 'Clamp to the largest value before the conversion.',
    hiddenBy: 'numbers within the range of the format',
    variants: singleVariant((call) => {
      const { saturate = false } = call.params as EncodeParams;
      return { ...call, params: { ...call.params, saturate: !saturate } };
    }),
  },
  {
    id: 'encode-convention',
    title: 'NaN, zero or negative numbers get the codes of another library',
    family: 'number format',
    ops: ENCODE,
    symptom: 'only codes of NaN differ, and in e8m0 those of zero and negative numbers',
    origin: 'derived: torch, ml_dtypes, AITER and OCP MX v1.0 differ where a format has no code',
    evidence: 'derived',
    remedy: 'Compare NaN by class, not by code; keep zeros and negative numbers out of e8m0.',
    hiddenBy: 'numbers that the format has codes for',
    variants: (call) => {
      const { convention: own = 'torch' } = call.params as EncodeParams;
      return (['torch', 'ocp', 'aiter', 'ml_dtypes'] as const)
        .filter((convention) => convention !== own)
        .map((convention) => ({
          detail: convention,
          make: () => ({ ...call, params: { ...call.params, convention } }),
        }));
    },
  },
  {
    id: 'encode-rounded-twice',
    title: 'numbers are rounded to a wider format first',
    family: 'arithmetic',
    ops: ENCODE,
    symptom: 'very few codes one off: those just beside a tie',
    origin: 'derived: x.to(bf16).to(fp8) in place of one conversion; float64 passes through float32 in torch',
    evidence: 'derived',
    remedy: 'Convert from float32 in one step.',
    hiddenBy: 'inputs that are bf16 already',
    variants: roundedTwice,
  },
  {
    id: 'encode-negative-zero',
    title: 'small negative numbers become the code of -0, which is NaN in fnuz formats',
    family: 'number format',
    ops: ENCODE,
    symptom: 'NaN where tiny negative numbers or -0 should be 0',
    origin: 'SGLang issue 28455: a hand-written converter to e4m3fnuz',
    evidence: 'reported',
    remedy: 'Write 0x00 for every number that rounds to zero, whatever its sign.',
    hiddenBy: 'inputs without negative numbers below half of the smallest code',
    variants: singleVariant((call) => {
      const { format } = call.params as EncodeParams;
      if (format !== 'e4m3fnuz' && format !== 'e5m2fnuz') return undefined;
      const negative = valuesOf(call).map((value) => (value < 0 || Object.is(value, -0) ? 1 : 0));
      return recoded(call, (code, at) => (code === 0 && negative[at] === 1 ? 0x80 : code));
    }),
  },
  {
    id: 'subnormals-flushed',
    title: 'subnormal codes count as zero',
    family: 'arithmetic',
    ops: ['decode', 'encode'],
    symptom: 'the smallest magnitudes are 0, everything else is right',
    origin:
      'derived: denormal flushing of a shader or of -ffast-math, and converters that shift without the subnormal case',
    evidence: 'derived',
    remedy: 'Handle exponent 0 without the implicit one.',
    hiddenBy: 'inputs without magnitudes below the smallest normal number',
    variants: singleVariant(flushed),
  },
  {
    id: 'format-nibbles-swapped',
    title: 'the two fp4 codes of each byte change places',
    family: 'number format',
    ops: ['decode', 'encode'],
    symptom: 'pairs of neighbouring elements are swapped',
    origin:
      'derived: packers that put the even element in the high nibble; AITER, torch and GPT-OSS put it in the low one',
    evidence: 'derived',
    remedy: 'Take the even element from bits 0..3.',
    hiddenBy: 'pairs of equal codes',
    variants: singleVariant((call) =>
      narrowType(call) === 'e2m1' ? onCodes(call, (bytes) => bytes.map(swapNibbles)) : undefined,
    ),
  },
  {
    id: 'format-bytes-swapped',
    title: 'the two bytes of each number change places',
    family: 'number format',
    ops: ['decode', 'encode'],
    symptom: 'magnitudes all over the range of the format',
    origin: 'derived: a big-endian file (numpy dtype >f2) read without conversion',
    evidence: 'derived',
    remedy: 'Swap the bytes when the file is read (byteswap, newbyteorder).',
    hiddenBy: 'numbers whose two bytes are alike',
    variants: singleVariant((call) => {
      const type = narrowType(call);
      if (type !== 'bf16' && type !== 'f16') return undefined;
      return onCodes(call, (bytes) => bytes.map((_, at) => bytes[at ^ 1] as number));
    }),
  },
  {
    id: 'decode-other-format',
    title: 'codes are read as those of another format of as many bits',
    family: 'number format',
    ops: DECODE,
    symptom:
      'values exactly half or double between e4m3fn and e4m3fnuz, and NaN at 0x80; powers of two off between others',
    origin: 'derived: e4m3fn checkpoints on gfx942, which reads e4m3fnuz, without normalize_e4m3fn_to_e4m3fnuz',
    evidence: 'derived',
    remedy: 'Normalise the weights, or read them with the dtype that the checkpoint names.',
    hiddenBy: 'zeros',
    variants: (call) => {
      const x = requireOperand('decode', call.operands, 'x');
      return alike(x.type as NarrowFormatName).map((format) => ({
        detail: format,
        make: () => ({ ...call, params: {}, operands: { ...call.operands, x: { ...x, type: format } } }),
      }));
    },
  },
  {
    id: 'decode-e8m0-bytes',
    title: 'e8m0 bytes are read as integers, or shifted into an exponent without the special cases',
    family: 'number format',
    ops: DECODE,
    symptom: 'scales around 120 instead of 2^-7; or 0 and infinity where 2^-127 and NaN should be',
    origin:
      'derived: a uint8 tensor of exponents that is converted with .to(torch.float32) instead of viewed as float8_e8m0fnu',
    evidence: 'derived',
    remedy: 'View the bytes as float8_e8m0fnu before the conversion.',
    hiddenBy: 'nothing for integers; bytes other than 0 and 255 for the shift',
    variants: (call) => {
      const x = requireOperand('decode', call.operands, 'x');
      if (x.type !== 'e8m0') return [];
      const as = (detail: string, value: (byte: number) => number): Variant => ({
        detail,
        make: () => ({
          ...call,
          finish: (outputs) =>
            withOutput(outputs, 'y', (y) => ({ ...y, bytes: asBytes(Float32Array.from(x.bytes, value)) })),
        }),
      });
      const shifted = (byte: number): number =>
        byte === 0 ? 0 : byte === 255 ? Number.POSITIVE_INFINITY : 2 ** (byte - 127);
      return [as('as integers', (byte) => byte), as('shifted', shifted)];
    },
  },
];

function oddlyRounded(call: KernelCall, rounding: OddRounding): readonly Variant[] {
  const { format } = call.params as EncodeParams;
  if (format === 'f32' || format === 'e8m0') return [];
  const make = (): MistakenCall => {
    const values = valuesOf(call);
    return recoded(call, (code, at) => {
      const value = values[at];
      // Overflow is another mistake, and the odd nibble at the end belongs to no element.
      if (value === undefined || !(Math.abs(value) <= formatFacts(format).max)) return code;
      return roundedCode(format as RoundedFormat, value, rounding);
    });
  };
  return [{ detail: rounding, make }];
}

function roundedTwice(call: KernelCall): readonly Variant[] {
  const { format } = call.params as EncodeParams;
  const x = requireOperand('encode', call.operands, 'x');
  if (x.type !== 'f32' && x.type !== 'f64') return [];
  const through = x.type === 'f64' ? (['f32', 'bf16', 'f16'] as const) : (['bf16', 'f16'] as const);
  return through
    .filter((wide) => formatFacts(wide).codeBits > formatFacts(format).codeBits)
    .map((wide) => ({
      detail: wide,
      make: () => {
        const codes = encodeArray(wide, valuesOf(call));
        const values = wide === 'f32' ? new Float32Array(codes.buffer) : decodeArray(wide, codes as Uint16Array);
        const bytes = asBytes(x.type === 'f64' ? Float64Array.from(values) : values);
        return { ...call, operands: { ...call.operands, x: { ...x, bytes } } };
      },
    }));
}

function flushed(call: KernelCall): MistakenCall | undefined {
  const type = narrowType(call);
  if (type === undefined || type === 'e8m0' || type === 'f32' || type === 'f64') return undefined;
  const { codeBits, mantissaBits, hasNegativeZero } = formatFacts(type);
  const sign = 2 ** (codeBits - 1);
  return recoded(call, (code) => {
    const magnitude = code % sign;
    if (magnitude === 0 || magnitude >= 2 ** mantissaBits) return code;
    return hasNegativeZero ? code - magnitude : 0;
  });
}

function swapNibbles(byte: number): number {
  return (byte >> 4) | ((byte & 15) << 4);
}
