import { type ArgumentStruct, argumentStruct } from '../args.ts';
import { type HipKernel, type HipTensor, type OpRun, tensorOf } from './kernel.ts';

const THREADS = 256;
/** Codes that a thread moves. */
const UNIT = 16;

const FNUZ_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'count', type: 'u32' },
] as const;

const fnuzArgs: ArgumentStruct<typeof FNUZ_FIELDS> = argumentStruct('FnuzArgs', FNUZ_FIELDS);

async function launch(
  run: OpRun,
  kernel: 'fnuz_codes' | 'fnuz_scales',
  x: HipTensor,
  y: HipTensor,
  unit: number,
): Promise<void> {
  const count = x.layout.storageSize;
  await run.launch({
    object: 'ue8m0',
    kernel,
    struct: fnuzArgs,
    values: { x: run.address(x.buffer), y: run.address(y.buffer), count },
    grid: [Math.ceil(Math.ceil(count / unit) / THREADS), 1, 1],
  });
}

/** The codes of half the value, and doubled scales. */
export const normalizeFnuz: HipKernel<'normalize_e4m3fn_to_e4m3fnuz'> = {
  op: 'normalize_e4m3fn_to_e4m3fnuz',
  objects: ['ue8m0'],
  async run(run, _params, operands, outputs) {
    await launch(run, 'fnuz_codes', tensorOf(operands, 'w'), tensorOf(outputs, 'y'), UNIT);
    await launch(run, 'fnuz_scales', tensorOf(operands, 'scale'), tensorOf(outputs, 'scale'), 1);
  },
};
