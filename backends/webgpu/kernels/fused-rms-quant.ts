import { formatFacts } from '../../../src/formats/facts.ts';
import { rowGroups } from '../../../src/ops/shared/groups.ts';
import { tritonRule } from '../../quant-rule.ts';
import { type GpuOperands, type OpRun, tensorOf, type WebGpuKernel } from './kernel.ts';
import { matrixOf, quantiseBlocks } from './quant-blocks.ts';
import { narrowedCalls, normaliseCalls, wordsFor } from './rms-norm.ts';

/** Normalises into binary32 scratch, from where the rows are quantised and the 16-bit outputs are rounded. */
export const fusedRmsQuant: WebGpuKernel<'fused_rms_fp8_group_quant'> = {
  op: 'fused_rms_fp8_group_quant',
  async run(run, params, operands, outputs) {
    const { eps = 1e-6, eps2 = eps, format = 'e4m3fn', group = 128 } = params;
    const x = tensorOf(operands, 'x');
    const { rows, columns } = matrixOf(x);
    const resOut = tensorOf(outputs, 'res_out');
    const norm = tensorOf(outputs, 'norm');
    const sums = wordsFor(run, resOut);
    const normed = wordsFor(run, norm);
    const source = { x, weight: tensorOf(operands, 'w'), residual: operands.r, epsilon: eps };
    await run.dispatch(
      ...normaliseCalls(run, source, sums, normed),
      ...narrowedCalls(run, sums, resOut),
      ...narrowedCalls(run, normed, norm),
    );
    if (operands.x2 !== undefined) await normaliseSecond(run, eps2, operands, outputs);
    const rule = tritonRule(format, formatFacts(format).max);
    await quantiseBlocks(run, { array: normed, type: 'f32' }, rowGroups(rows, columns, group), rule, outputs);
  },
};

/** The second input is normalised only. */
async function normaliseSecond(
  run: OpRun,
  epsilon: number,
  operands: GpuOperands,
  outputs: GpuOperands,
): Promise<void> {
  const x = tensorOf(operands, 'x2');
  const y = tensorOf(outputs, 'y2');
  const copies = run.scratch(x.layout.size * 4, 'x2 in float32');
  const normed = wordsFor(run, y);
  await run.dispatch(
    ...normaliseCalls(run, { x, weight: tensorOf(operands, 'w2'), epsilon }, copies, normed),
    ...narrowedCalls(run, normed, y),
  );
}
