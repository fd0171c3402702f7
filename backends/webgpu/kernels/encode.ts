import type { EncodeConvention } from '../../../src/formats/convention.ts';
import { elementBits } from '../../../src/formats/element-type.ts';
import { f32Bits } from '../../../src/formats/f32.ts';
import { type FormatFacts, formatFacts } from '../../../src/formats/facts.ts';
import { nanCodeOf } from '../../../src/formats/nan-code.ts';
import type { OpParams } from '../../../src/ops/registry.ts';
import { bindWindow, spans } from '../split.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';

const SOURCE = { f32: 0, bf16: 1, f16: 2 } as const;
const RULE = { round: 0, e8m0: 1, e8m0Positive: 2 } as const;
const WORKGROUP = 64;

/** Parts of this many elements begin at an alignment unit in every width from 4 bits on. */
export const PART_UNIT = 512;

/** Rounds to a narrow format. One word of codes an invocation. */
export const encode: WebGpuKernel<'encode'> = {
  op: 'encode',
  supports(_params, { x }) {
    if (x?.type !== 'f64') return { supported: true };
    return {
      supported: false,
      reason: 'WGSL has no float64, so x cannot be rounded in one step: use the cpu backend.',
    };
  },
  async run(run, params, operands, outputs) {
    const { gpu } = run;
    const x = tensorOf(operands, 'x');
    const y = tensorOf(outputs, 'y');
    const source = x.type === 'f16' || x.type === 'bf16' ? x.type : 'f32';
    const sourceBits = elementBits(source);
    const width = elementBits(y.type);
    const room = gpu.limits.maxStorageBufferBindingSize;
    const most = Math.floor((room * 8) / Math.max(sourceBits, width) / PART_UNIT) * PART_UNIT;
    const rules = formatWords(params, source === 'f32');
    const calls = spans(x.layout.storageSize, most).map(({ start, end }) => ({
      shader: 'encode',
      bindings: [
        Uint32Array.of(end - start, SOURCE[source], width, ...rules),
        bindWindow(gpu, x.array, (start * sourceBits) / 8, (end * sourceBits) / 8).binding,
        bindWindow(gpu, y.array, (start * width) / 8, (end * width) / 8).binding,
      ],
      workgroups: Math.ceil(((end - start) * width) / 32 / WORKGROUP),
    }));
    await run.dispatch(...calls);
  },
};

/** The part of the shader's `Format` struct that depends on the format and the convention alone. */
function formatWords(
  { format, saturate = false, convention = 'torch' }: OpParams<'encode'>,
  fromF32: boolean,
): readonly number[] {
  const facts = formatFacts(format);
  const { mantissaBits, bias, maxCode, codeBits, nanCode, infinityCode, hasNegativeZero } = facts;
  const e8m0 = convention === 'ml_dtypes' ? RULE.e8m0Positive : RULE.e8m0;
  const nan = nanRule(facts, convention, fromF32);
  return [
    format === 'e8m0' ? e8m0 : RULE.round,
    mantissaBits,
    bias,
    maxCode,
    saturate ? f32Bits(facts.max) : f32Bits(Number.POSITIVE_INFINITY),
    2 ** (codeBits - 1),
    infinityCode ?? nanCode ?? maxCode,
    // Only fnuz formats overflow to a NaN without a sign.
    hasNegativeZero ? 1 : 0,
    nan.code,
    nan.sign,
    nan.payload,
    nan.shift,
    hasNegativeZero ? 1 : 0,
  ];
}

interface NanRule {
  readonly code: number;
  readonly sign: 0 | 1;
  /** Mask of the mantissa bits that are kept, after the shift. */
  readonly payload: number;
  readonly shift: number;
}

/** `nanCodeOf` takes the NaN apart here, so that the shader can put it together for each element. */
function nanRule(facts: FormatFacts, convention: EncodeConvention, fromF32: boolean): NanRule {
  if (facts.name === 'f32') return { code: 0x7f800000, sign: 1, payload: 0x7fffff, shift: 0 };
  if (facts.name === 'f16') return { code: 0x7e00, sign: 1, payload: 0x3ff, shift: 13 };
  const [positive, negative] = [0x7fc00000, 0xffc00000].map((bits) => nanCodeOf(facts, bits, convention, fromF32));
  return { code: positive ?? 0, sign: positive === negative ? 0 : 1, payload: 0, shift: 0 };
}
