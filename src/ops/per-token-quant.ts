import { rowMajor } from '../layout/plain.ts';
import type { OpDefinition } from './op.ts';
import { type Fp8QuantParams, fp8Specs, planFp8, quantiseFp8 } from './shared/fp8-quant.ts';
import { requireRows } from './shared/rows.ts';
import { placeScales } from './shared/scale-layout.ts';

/** Row lengths that AITER's HIP per-token quantiser hands to its group kernel, which has an amax floor. */
const GROUP_KERNEL_COLUMNS: readonly number[] = [32, 64, 128];

/** One scale for each row. x [..., K] -> y [..., K] fp8, scale [..., 1] f32. */
export const perTokenQuant: OpDefinition<Fp8QuantParams, 'x', 'y' | 'scale'> = {
  name: 'per_token_quant',
  summary: 'fp8 quantisation with one scale a row',
  source: 'AITER aiter/ops/quant.py pertoken_quant, per_token_quant_hip',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(params, operands) {
    const { x } = planFp8('per_token_quant', params, operands);
    return fp8Specs(x, params.format, rowMajor([...x.layout.shape.slice(0, -1), 1]));
  },
  reference(params, operands) {
    const specs = perTokenQuant.plan(params, operands);
    const { rows, columns } = requireRows('per_token_quant', operands);
    const blocks = { rows, columns, blockRows: 1, blockColumns: columns };
    const floor = GROUP_KERNEL_COLUMNS.includes(columns) ? undefined : 0;
    const { codes, scales } = quantiseFp8(operands.x, blocks, params, specs, floor);
    return { y: codes, scale: placeScales(specs.scale, scales) };
  },
};
