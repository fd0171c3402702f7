import { formatFacts } from '../../../src/formats/facts.ts';
import { tritonRule } from '../../quant-rule.ts';
import { type ArgumentStruct, argumentStruct } from '../args.ts';
import { type HipKernel, tensorOf } from './kernel.ts';
import { EIGHT, FLOAT_KIND, GROUP_FIELDS, groupValues, lanesOf, supportsRows } from './norm-groups.ts';
import { floatSource, matrixOf } from './quant-calls.ts';

const THREADS = 256;
/** Eights are numbered by 32 bits, and the last numbers are left for threads of a workgroup that is not full. */
const MOST_EIGHTS = 2 ** 32 - THREADS;

/** As in silu_quant.hip. */
const SILU_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'scale', type: 'ptr' },
  ...GROUP_FIELDS,
  { name: 'source', type: 'u32' },
  { name: 'eights', type: 'u32' },
  { name: 'row_eights', type: 'u32' },
  { name: 'lanes', type: 'u32' },
] as const;

const siluArgs: ArgumentStruct<typeof SILU_FIELDS> = argumentStruct('SiluQuantArgs', SILU_FIELDS);

export const actMulQuant: HipKernel<'act_mul_and_fp8_group_quant'> = {
  op: 'act_mul_and_fp8_group_quant',
  objects: ['silu_quant'],
  supports: (_params, { x }) => supportsRows(x?.layout),
  async run(run, { format = 'e4m3fn', group = 128 }, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const scale = tensorOf(outputs, 'scale');
    const { rows, columns: both } = matrixOf(x);
    const columns = both / 2;
    const source = floatSource(x.type);
    const lanes = lanesOf(columns, group);
    const rowEights = columns / EIGHT;
    const whole = lanes !== undefined && rows * rowEights <= MOST_EIGHTS;
    await run.launch({
      object: 'silu_quant',
      kernel: `silu_${whole ? source : 'any'}`,
      struct: siluArgs,
      values: {
        x: run.address(x.buffer),
        y: run.address(tensorOf(outputs, 'y').buffer),
        scale: run.address(scale.buffer),
        ...groupValues(columns, group, tritonRule(format, formatFacts(format).max), scale),
        source: FLOAT_KIND[source],
        eights: whole ? rows * rowEights : 0,
        row_eights: whole ? rowEights : 1,
        lanes: lanes ?? 1,
      },
      grid: [whole ? Math.ceil((rows * rowEights) / THREADS) : rows, 1, 1],
    });
  },
};
