import { f32Bits } from '../../../src/formats/f32.ts';
import { formatFacts } from '../../../src/formats/facts.ts';
import { elementBits } from '../../../src/tensor/element-type.ts';
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
  async run(run, params, operands, outputs) {
    const { gpu } = run;
    const x = tensorOf(operands, 'x');
    const y = tensorOf(outputs, 'y');
    const source = x.type === 'f16' || x.type === 'bf16' ? x.type : 'f32';
    const sourceBits = elementBits(source);
    const width = elementBits(y.type);
    const room = gpu.limits.maxStorageBufferBindingSize;
    const most = Math.floor((room * 8) / Math.max(sourceBits, width) / PART_UNIT) * PART_UNIT;
    const rules = formatWords(params);
    const calls = spans(x.layout.size, most).map(({ start, end }) => ({
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
function formatWords({ format, saturate = false, convention = 'torch' }: OpParams<'encode'>): readonly number[] {
  const facts = formatFacts(format);
  const { mantissaBits, bias, maxCode, codeBits, nanCode, infinityCode, hasNegativeZero } = facts;
  const e8m0 = convention === 'ml_dtypes' ? RULE.e8m0Positive : RULE.e8m0;
  const aiterNan = format === 'e2m1' && convention !== 'ml_dtypes';
  const overflow = infinityCode ?? nanCode ?? maxCode;
  return [
    format === 'e8m0' ? e8m0 : RULE.round,
    mantissaBits,
    bias,
    maxCode,
    saturate ? f32Bits(facts.max) : f32Bits(Number.POSITIVE_INFINITY),
    2 ** (codeBits - 1),
    overflow,
    // Only fnuz formats overflow to a NaN without a sign.
    hasNegativeZero ? 1 : 0,
    // AITER's integer path leaves code 3 for a NaN in e2m1; ml_dtypes gives zero where there is no NaN.
    nanCode ?? (aiterNan ? 3 : 0),
    (nanCode !== undefined && hasNegativeZero) || aiterNan ? 1 : 0,
    format === 'bf16' && !saturate ? 1 : 0,
    hasNegativeZero ? 1 : 0,
  ];
}
