import { formatFacts } from '../../../src/formats/facts.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, type QuantRule, quantiseBlocks } from './quant-blocks.ts';
import { encodeCalls, scaleCalls } from './quant-calls.ts';

const GROUP = 128;
/** Lower limit of amax in group kernels. */
const AMAX_FLOOR = 1e-10;
/** SGLang's Triton kernels use 224 on gfx942, although the format goes to 240. */
const SGLANG_FNUZ_MAX = 224;
/** Row lengths that AITER's HIP per-token quantiser hands to its group kernel, with its floor. */
const GROUP_KERNEL_COLUMNS: readonly number[] = [32, 64, 128];

/** Elements of a partial maximum of the whole tensor. */
const PARTIAL = 4096;

/** Whose arithmetic; the ops document each. */
type Fp8Math = 'torch' | 'hip' | 'aiter-triton' | 'sglang-triton' | 'sglang-cuda';

interface Fp8Params {
  readonly format?: 'e4m3fn' | 'e4m3fnuz';
  readonly math?: Fp8Math;
}

/** @param floor lower limit of amax of every producer but torch */
function fp8Rule({ format = 'e4m3fn', math = 'torch' }: Fp8Params, floor: number = AMAX_FLOOR): QuantRule {
  const { max } = formatFacts(format);
  switch (math) {
    case 'torch':
      return { scale: { by: 'divide', factor: max, zeroToOne: true }, encode: { format, by: 'divide' } };
    case 'hip':
      return {
        scale: { ignoreNan: true, floor, by: 'multiply', factor: 1 / max, step: 'inverse' },
        encode: { format, by: 'multiply', limit: 'med3', max },
      };
    case 'aiter-triton':
      return dividedRule(format, max, floor);
    case 'sglang-triton':
      return dividedRule(format, format === 'e4m3fnuz' ? SGLANG_FNUZ_MAX : max, floor);
    case 'sglang-cuda':
      return {
        scale: { ignoreNan: true, floor, by: 'multiply', factor: 1 / max, step: 'max-over-amax', stepMax: max },
        encode: { format, by: 'multiply', limit: 'clamp', max },
      };
  }
}

function dividedRule(format: 'e4m3fn' | 'e4m3fnuz', max: number, floor: number): QuantRule {
  return {
    scale: { floor, by: 'divide', factor: max, step: 'inverse' },
    encode: { format, by: 'multiply', limit: 'clamp', max },
  };
}

export const per1x128Quant: WebGpuKernel<'per_1x128_quant'> = {
  op: 'per_1x128_quant',
  async run(run, params, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const blocks = { rows: x.rows, columns: x.columns, blockRows: 1, blockColumns: GROUP };
    await quantiseBlocks(run, x, blocks, fp8Rule(params), outputs);
  },
};

export const perTokenQuant: WebGpuKernel<'per_token_quant'> = {
  op: 'per_token_quant',
  async run(run, params, operands, outputs) {
    const x = matrixOf(tensorOf(operands, 'x'));
    const blocks = { rows: x.rows, columns: x.columns, blockRows: 1, blockColumns: x.columns };
    const floor = GROUP_KERNEL_COLUMNS.includes(x.columns) ? AMAX_FLOOR : 0;
    await quantiseBlocks(run, x, blocks, fp8Rule(params, floor), outputs);
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
