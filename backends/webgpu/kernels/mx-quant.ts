import { formatFacts } from '../../../src/formats/facts.ts';
import type { MxElement, MxScaleMode } from '../../../src/formats/mx-scale.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import type { RowMath } from '../../../src/ops/shared/groups-rules.ts';
import { type GpuOperands, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';
import { mxScaleRule } from './mx-rules.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';
import { AMAX_FLOOR, type QuantRule } from './quant-rules.ts';

/** Elements that share a scale in OCP MX. */
const BLOCK = 32;

/** `hip` floors amax and does not count NaNs; `torch` does neither. e2m1 saturates by itself. */
export function mxRule(element: MxElement, mode: MxScaleMode, math: RowMath): QuantRule {
  const scale = mxScaleRule(element, mode);
  const encode = { format: element, by: 'divide' } as const;
  if (math === 'torch') return { scale, encode };
  return {
    scale: { ...scale, floor: AMAX_FLOOR, ignoreNan: true },
    encode: element === 'e2m1' ? encode : { ...encode, limit: 'med3', max: formatFacts(element).max },
  };
}

async function quantise(run: OpRun, rule: QuantRule, operands: GpuOperands, outputs: GpuOperands): Promise<void> {
  const x = matrixOf(tensorOf(operands, 'x'));
  await quantiseBlocks(run, x, rowGroups(x.rows, x.columns, BLOCK), rule, outputs);
}

export const mxfp4Quant: WebGpuKernel<'mxfp4_quant'> = {
  op: 'mxfp4_quant',
  async run(run, { mode = 'RoundUp', math = 'torch' }, operands, outputs) {
    await quantise(run, mxRule('e2m1', mode, math), operands, outputs);
  },
};

export const mxfp8Quant: WebGpuKernel<'mxfp8_quant'> = {
  op: 'mxfp8_quant',
  async run(run, { format = 'e4m3fn', mode = 'RoundUp', math = 'torch' }, operands, outputs) {
    await quantise(run, mxRule(format, mode, math), operands, outputs);
  },
};

/** The Triton kernel scales by any power of two, but stores none below 1 and never NaN. */
export const dynamicMxfp4Quant: WebGpuKernel<'dynamic_mxfp4_quant'> = {
  op: 'dynamic_mxfp4_quant',
  async run(run, _params, operands, outputs) {
    const { scale, encode } = mxRule('e2m1', 'Even', 'torch');
    await quantise(run, { scale: { ...scale, byteFloor: 127, byteCeiling: 254 }, encode }, operands, outputs);
  },
};
