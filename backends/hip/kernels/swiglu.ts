import { swigluActivation } from '../../../src/ops/swiglu.ts';
import { argumentStruct } from '../args.ts';
import { ACTIVATION_FIELDS, activationValues } from './activation.ts';
import { type HipKernel, tensorOf } from './kernel.ts';

/** As in swiglu.hip. */
const PER_WORKGROUP = 256 * 4;

/** Positions are 32-bit. */
const MOST_ELEMENTS = 2 ** 32 - 1;

const SwigluArgs = argumentStruct('SwigluArgs', [
  { name: 'glu', type: 'ptr' },
  { name: 'linear', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'count', type: 'u32' },
  ...ACTIVATION_FIELDS,
]);

export const swiglu: HipKernel<'swiglu'> = {
  op: 'swiglu',
  objects: ['swiglu'],
  supports(_params, { glu }) {
    const count = glu?.layout.size ?? 0;
    if (count <= MOST_ELEMENTS) return { supported: true };
    return { supported: false, reason: `${count} elements exceed the kernel's 32-bit positions: use the cpu backend.` };
  },
  async run(run, params, operands, outputs) {
    const y = tensorOf(outputs, 'y');
    const count = y.layout.size;
    await run.launch({
      object: 'swiglu',
      kernel: 'swiglu',
      struct: SwigluArgs,
      values: {
        glu: run.address(tensorOf(operands, 'glu').buffer),
        linear: run.address(tensorOf(operands, 'linear').buffer),
        y: run.address(y.buffer),
        count,
        ...activationValues(swigluActivation(params)),
      },
      grid: [Math.ceil(count / PER_WORKGROUP), 1, 1],
    });
  },
};
