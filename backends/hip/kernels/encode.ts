import type { EncodeConvention } from '../../../src/formats/convention.ts';
import { elementBits } from '../../../src/formats/element-type.ts';
import { f32Bits } from '../../../src/formats/f32.ts';
import { type FloatFormatName, formatFacts } from '../../../src/formats/facts.ts';
import { nanCodeOf } from '../../../src/formats/nan-code.ts';
import type { OpParams } from '../../../src/ops/registry.ts';
import { type ArgumentStruct, argumentStruct } from '../args.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { NARROW_FORMAT_WORDS, narrowFormatWords } from './narrow-format.ts';

const THREADS = 256;
const UNIT = 8;
const RULE = { round: 0, copy: 1, e8m0: 2, e8m0Positive: 3 } as const;

const ENCODE_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'count', type: 'u32' },
  { name: 'rule', type: 'u32' },
  { name: 'nan_sign', type: 'u32' },
  { name: 'nan_payload', type: 'u32' },
  { name: 'nan_shift', type: 'u32' },
  { name: 'format', type: 'u32', count: NARROW_FORMAT_WORDS },
] as const;

const encodeArgs: ArgumentStruct<typeof ENCODE_FIELDS> = argumentStruct('EncodeArgs', ENCODE_FIELDS);

type Source = 'f32' | 'bf16' | 'f16' | 'f64';

/** Rounds to a narrow format. */
export const encode: HipKernel<'encode'> = {
  op: 'encode',
  objects: ['encode'],
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const y = tensorOf(outputs, 'y');
    if (x.type === y.type && params.saturate !== true) {
      await run.permute(x.buffer, x.layout, y.buffer, y.layout, elementBits(x.type));
      return;
    }
    const source = x.type as Source;
    const count = x.layout.storageSize;
    const { rule, nan, format } = formatOf(params, source);
    await run.launch({
      object: 'encode',
      kernel: `encode_${source}`,
      struct: encodeArgs,
      values: {
        x: run.address(x.buffer),
        y: run.address(y.buffer),
        count,
        rule,
        nan_sign: nan.sign,
        nan_payload: nan.payload,
        nan_shift: nan.shift,
        format,
      },
      grid: [Math.ceil(Math.ceil(count / UNIT) / THREADS), 1, 1],
    });
  },
};

interface Nan {
  readonly code: number;
  readonly sign: 0 | 1;
  /** Mask of the mantissa bits that are kept, after the shift. */
  readonly payload: number;
  readonly shift: number;
}

function formatOf(
  { format, saturate = false, convention = 'torch' }: OpParams<'encode'>,
  source: Source,
): { readonly rule: number; readonly nan: Nan; readonly format: readonly number[] } {
  const nan = nanOf(format, convention, source);
  const limit = saturate ? formatFacts(format).max : Number.POSITIVE_INFINITY;
  if (format !== 'f32' && format !== 'e8m0') {
    return { rule: RULE.round, nan, format: narrowFormatWords(format, { limit, nanCode: nan.code }) };
  }
  const e8m0 = convention === 'ml_dtypes' ? RULE.e8m0Positive : RULE.e8m0;
  const rule = format === 'f32' ? RULE.copy : e8m0;
  const [limitAt, nanAt, signAt] = [6, 9, 11];
  // These are not rounded as numbers are: the other words are not read.
  const words = Array.from({ length: NARROW_FORMAT_WORDS }, () => 0);
  words[0] = elementBits(format);
  words[limitAt] = f32Bits(limit);
  words[nanAt] = nan.code;
  words[signAt] = format === 'f32' ? 0x80000000 : 0;
  return { rule, nan, format: words };
}

/** `nanCodeOf` takes the NaN apart here, so that the kernel can put it together for each element. */
function nanOf(format: FloatFormatName, convention: EncodeConvention, source: Source): Nan {
  // A NaN of another type becomes a quiet one.
  if (format === 'f32')
    return { code: source === 'f32' ? 0x7f800000 : 0x7fc00000, sign: 1, payload: 0x7fffff, shift: 0 };
  if (format === 'f16') return { code: 0x7e00, sign: 1, payload: 0x3ff, shift: 13 };
  const facts = formatFacts(format);
  const [positive = 0, negative = 0] = [0x7fc00000, 0xffc00000].map((bits) =>
    nanCodeOf(facts, bits, convention, source === 'f32'),
  );
  return { code: positive, sign: positive === negative ? 0 : 1, payload: 0, shift: 0 };
}
