import { formatFacts } from '../../../src/formats/facts.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import type { Fp8Format, GroupMath } from '../../../src/ops/shared/groups-rules.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';
import { encodeCalls, scaleCalls } from './quant-calls.ts';
import { AMAX_FLOOR, hipRule, type QuantRule, tritonRule } from './quant-rules.ts';

/** SGLang's Triton kernels use 224 on gfx942, although the format goes to 240. */
const SGLANG_FNUZ_MAX = 224;
/** Row lengths that AITER's HIP per-token quantiser hands to its group kernel, with its floor. */
const GROUP_KERNEL_COLUMNS: readonly number[] = [32, 64, 128];

/** Elements of a partial maximum of the whole tensor. */
const PARTIAL = 1024;

interface Fp8Params {
  readonly format?: Fp8Format;
  readonly math?: GroupMath;
}

/** @param floor lower limit of amax of every producer but torch */
function fp8Rule({ format = 'e4m3fn', math = 'torch' }: Fp8Params, floor: number = AMAX_FLOOR): QuantRule {
  const { max } = formatFacts(format);
  switch (math) {
    case 'torch':
      return { scale: { by: 'divide', factor: max, zeroToOne: true }, encode: { format, by: 'divide' } };
    case 'hip':
      return hipRule(format, max, floor);
    case 'aiter-triton':
      return tritonRule(format, max, floor);
    case 'sglang-triton':
      return tritonRule(format, format === 'e4m3fnuz' ? SGLANG_FNUZ_MAX : max, floor);
    case 'sglang-cuda':
      return {
        scale: { ignoreNan: true, floor, by: 'multiply', factor: 1 / max, step: 'max-over-amax', stepMax: max },
        encode: { format, by: 'multiply', limit: 'clamp', max },
      };
  }
}

export const per1x128Quant: WebGpuKernel<'per_1x128_quant'> = {
  op: 'per_1x128_quant',
  async run(run, params, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const grid = rowGroups(x.rows, x.columns, params.group ?? 128);
    await quantiseBlocks(run, x, grid, fp8Rule(params), outputs);
  },
};

export const perTokenQuant: WebGpuKernel<'per_token_quant'> = {
  op: 'per_token_quant',
  async run(run, params, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const grid = rowGroups(x.rows, x.columns, x.columns);
    const floor = GROUP_KERNEL_COLUMNS.includes(x.columns) ? AMAX_FLOOR : 0;
    await quantiseBlocks(run, x, grid, fp8Rule(params, floor), outputs);
  },
};

/** In two levels: maxima of short runs, then the maximum of those. */
export const perTensorQuant: WebGpuKernel<'per_tensor_quant'> = {
  op: 'per_tensor_quant',
  async run(run, params, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const { scale, encode } = fp8Rule(params, 0);
    // As one long column the tensor can be cut anywhere.
    const count = x.rows * x.columns;
    const column = { rows: count, columns: 1, blockColumns: 1 };
    const parts = Math.ceil(count / PARTIAL);
    const maxima = run.scratch(parts * 4, 'partial maxima');
    const steps = run.scratch(parts * 4, 'steps');
    const { ignoreNan = false } = scale;
    await run.dispatch(
      ...scaleCalls(run.gpu, x, { ...column, blockRows: PARTIAL }, { ignoreNan }, maxima, steps),
      ...scaleCalls(
        run.gpu,
        { array: maxima, type: 'f32' },
        { ...column, rows: parts, blockRows: parts },
        scale,
        tensorOf(outputs, 'scale').array,
        steps,
      ),
      ...encodeCalls(run.gpu, x, { ...column, blockRows: count }, encode, steps, tensorOf(outputs, 'y').array),
    );
  },
};
