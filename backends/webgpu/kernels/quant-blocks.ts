import type { ElementType } from '../../../src/formats/element-type.ts';
import { rowMajor } from '../../../src/layout/plain.ts';
import { type BlockGrid, blocksAcross, blocksDown } from '../../../src/ops/shared/groups.ts';
import type { QuantRule } from '../../quant-rule.ts';
import type { GpuArray } from '../buffers.ts';
import { byteWords, packByteCalls } from './byte-words.ts';
import { type GpuOperands, type GpuTensor, type OpRun, tensorOf } from './kernel.ts';
import { encodeCalls, type SourceMatrix, scaleCalls } from './quant-calls.ts';
import type { SourceType } from './quant-rules.ts';

/** Quantises block by block into the outputs `y` and `scale`: scales in any layout, float32 or e8m0. */
export async function quantiseBlocks(
  run: OpRun,
  x: SourceMatrix,
  grid: BlockGrid,
  rule: QuantRule,
  outputs: GpuOperands,
): Promise<void> {
  const y = tensorOf(outputs, 'y');
  const scale = tensorOf(outputs, 'scale');
  const count = blocksDown(grid) * blocksAcross(grid);
  const steps = run.scratch(count * 4, 'steps');
  if (scale.type === 'e8m0') {
    const bytes = byteWords(run, count, 'scale bytes');
    await placeScales(run, scale, 8, (scales) =>
      run.dispatch(
        ...scaleCalls(run.gpu, x, grid, rule.scale, bytes, steps),
        ...encodeCalls(run.gpu, x, grid, rule.encode, steps, y.array),
        ...packByteCalls(run, bytes, count, scales),
      ),
    );
    return;
  }
  await placeScales(run, scale, 32, (scales) =>
    run.dispatch(
      ...scaleCalls(run.gpu, x, grid, rule.scale, scales, steps),
      ...encodeCalls(run.gpu, x, grid, rule.encode, steps, y.array),
    ),
  );
}

/** Lets `fill` write row-major scales of `bits` and stores them in the layout that the output asks for. */
async function placeScales(
  run: OpRun,
  scale: GpuTensor,
  bits: 8 | 32,
  fill: (scales: GpuArray) => Promise<void>,
): Promise<void> {
  const from = rowMajor(scale.layout.shape);
  if (scale.layout.equals(from)) return fill(scale.array);
  const scales = run.scratch((from.size * bits) / 8, 'scales');
  await fill(scales);
  await run.permute(scales, from, scale.array, scale.layout, bits);
}

/** A float operand as a matrix: all leading dimensions are rows. */
export function matrixOf(x: GpuTensor): SourceMatrix & { readonly rows: number; readonly columns: number } {
  const columns = x.layout.shape.at(-1) ?? 1;
  return { array: x.array, type: sourceType(x.type), rows: columns === 0 ? 0 : x.layout.size / columns, columns };
}

/** The plans of the quantisers admit nothing else. */
export function sourceType(type: ElementType): SourceType {
  if (type === 'f32' || type === 'bf16' || type === 'f16') return type;
  throw new TypeError(`the plan admitted a ${type} source`);
}
