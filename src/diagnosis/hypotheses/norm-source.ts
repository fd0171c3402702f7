import { encodeArray } from '../../formats/encode.ts';
import { addRmsnormSource } from '../../ops/add-rmsnorm-quant.ts';
import { fusedRmsSource } from '../../ops/fused-rms-fp8-group-quant.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { definitionOf } from '../../ops/registry.ts';
import { storedAs } from '../../ops/shared/groups-output.ts';
import { type QuantisedSpecs, quantise } from '../../ops/shared/quantisation.ts';
import type { FloatSource } from '../../ops/shared/rows.ts';
import { type RmsNorm, rmsNorm } from '../../ops/shared/rows-rms-norm.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { MistakenCall } from '../hypothesis.ts';
import { quantisationOf, specsOf } from './quantised-call.ts';
import { withOutput } from './stored-scale.ts';

/** What is normalised: float32 sums and weights. */
export function sourceOf({ op, params, operands }: KernelCall): RmsNorm {
  const of = op === 'add_rmsnorm_quant' ? addRmsnormSource : fusedRmsSource;
  return of(params, operands as Record<'x' | 'w', Tensor>);
}

/** The call with other numbers in place of the normalised rows, wherever the op writes them. */
export function withSource(call: KernelCall, change: (source: RmsNorm) => Float32Array): MistakenCall {
  return {
    ...call,
    compute: (given) => {
      const values = change(sourceOf(given));
      const specs = specsOf(given);
      const outputs = {
        ...definitionOf(given.op).reference(given.params, given.operands),
        ...quantise(specs as unknown as QuantisedSpecs, { ...quantisationOf(given), values }),
      };
      return withOutput(outputs, 'norm', (norm) => storedAs(norm, encodeArray(norm.type as FloatSource, values)));
    },
  };
}

/** `x / sqrt(sum / length + eps)`: the mean, and with it eps, in another unit. */
export function dividedBy(source: RmsNorm, length: number): Float32Array {
  const ratio = length / source.columns;
  return rmsNorm({
    ...source,
    eps: source.eps * ratio,
    weight: source.weight.map((value) => value * Math.sqrt(ratio)),
  });
}

export function centred(source: RmsNorm): Float32Array {
  const { rows, columns } = source;
  const x = source.x.slice();
  for (let row = 0; row < rows; row += 1) {
    const part = x.subarray(row * columns, (row + 1) * columns);
    const mean = part.reduce((sum, value) => sum + value, 0) / columns;
    for (let column = 0; column < columns; column += 1) part[column] = (part[column] as number) - mean;
  }
  return rmsNorm({ ...source, x });
}

export function times(x: Float32Array, weight: Float32Array, columns: number): Float32Array {
  return x.map((value, index) => value * (weight[index % columns] as number));
}

export function transposed(x: Float32Array, rows: number, columns: number): Float32Array {
  return x.map((_, index) => x[(index % rows) * columns + Math.floor(index / rows)] as number);
}
