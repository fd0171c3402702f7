import { formatFacts } from '../../../src/formats/facts.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { mxScaleRule } from './mx-rules.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';

type MxOp = 'mxfp4_quant' | 'mxfp8_quant' | 'dynamic_mxfp4_quant';

/** Elements that share a scale in OCP MX. */
const BLOCK = 32;

function mxKernel<N extends MxOp>(op: N, element: 'e2m1' | 'e4m3fn', byteFloor: number): WebGpuKernel<N> {
  const { max } = formatFacts(element);
  return {
    op,
    async run(run, { mode }, operands, outputs) {
      const x = matrixOf(tensorOf(operands, 'x'));
      const blocks = { rows: x.rows, columns: x.columns, blockRows: 1, blockColumns: BLOCK };
      const scale = { ...mxScaleRule(element, mode), byteFloor };
      const encode = { format: element, by: 'divide', limit: 'clamp', max } as const;
      await quantiseBlocks(run, x, blocks, { scale, encode }, outputs);
    },
  };
}

export const mxfp4Quant: WebGpuKernel<'mxfp4_quant'> = mxKernel('mxfp4_quant', 'e2m1', 0);
export const mxfp8Quant: WebGpuKernel<'mxfp8_quant'> = mxKernel('mxfp8_quant', 'e4m3fn', 0);
/** The Triton kernel stores no scale below 1; see the op. */
export const dynamicMxfp4Quant: WebGpuKernel<'dynamic_mxfp4_quant'> = mxKernel('dynamic_mxfp4_quant', 'e2m1', 127);
