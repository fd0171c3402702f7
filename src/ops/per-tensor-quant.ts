import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition } from './op.ts';
import { type Fp8QuantParams, fp8Specs, planFp8, quantiseFp8 } from './shared/fp8-quant.ts';
import { placeScales } from './shared/scale-layout.ts';

/** One scale for the whole tensor. x [...] -> y [...] fp8, scale [1] f32. */
export const perTensorQuant: OpDefinition<Fp8QuantParams, 'x', 'y' | 'scale'> = {
  name: 'per_tensor_quant',
  summary: 'fp8 quantisation with one scale',
  source: 'AITER aiter/ops/quant.py per_tensor_quant',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { x } = planFp8('per_tensor_quant', params, operands);
    return fp8Specs(x, params.format, rowMajor([1]));
  },
  reference(params, operands) {
    const specs = perTensorQuant.plan(params, operands);
    const columns = operands.x.layout.size;
    const blocks = { rows: 1, columns, blockRows: 1, blockColumns: columns };
    const { codes, scales } = quantiseFp8(operands.x, blocks, params, specs, 0);
    return { y: codes, scale: placeScales(specs.scale, scales) };
  },
};
