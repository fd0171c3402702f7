import { elementBits } from '../../../src/formats/element-type.ts';
import { type FloatFormatName, formatFacts } from '../../../src/formats/facts.ts';
import { type ArgumentStruct, argumentStruct } from '../args.ts';
import { type HipKernel, tensorOf } from './kernel.ts';

const THREADS = 256;
const UNIT = 8;
const F32_MANTISSA = 23;
const F32_BIAS = 127;
const NO_CODE = 0xffffffff;

const DECODE_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'count', type: 'u32' },
  { name: 'width', type: 'u32' },
  { name: 'shift', type: 'u32' },
  { name: 'factor', type: 'f32' },
  { name: 'sign_code', type: 'u32' },
  { name: 'max_code', type: 'u32' },
  { name: 'infinity_code', type: 'u32' },
  { name: 'nan_code', type: 'u32' },
] as const;

const decodeArgs: ArgumentStruct<typeof DECODE_FIELDS> = argumentStruct('DecodeArgs', DECODE_FIELDS);

/** The value of every code as float32. */
export const decode: HipKernel<'decode'> = {
  op: 'decode',
  objects: ['encode'],
  async run(run, _params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const facts = formatFacts(x.type as FloatFormatName);
    const count = x.layout.storageSize;
    const signCode = facts.signed ? 2 ** (facts.codeBits - 1) : 0;
    await run.launch({
      object: 'encode',
      kernel: 'decode',
      struct: decodeArgs,
      values: {
        x: run.address(x.buffer),
        y: run.address(tensorOf(outputs, 'y').buffer),
        count,
        width: elementBits(x.type),
        shift: F32_MANTISSA - facts.mantissaBits,
        factor: 2 ** (F32_BIAS - facts.bias),
        sign_code: signCode,
        max_code: facts.maxCode,
        infinity_code: facts.infinityCode ?? NO_CODE,
        nan_code: facts.signed && !facts.hasNegativeZero ? signCode : NO_CODE,
      },
      grid: [Math.ceil(Math.ceil(count / UNIT) / THREADS), 1, 1],
    });
  },
};
