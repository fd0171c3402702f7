import { decode } from '../../../src/formats/decode.ts';
import { encode } from '../../../src/formats/encode.ts';
import { TRITON_AMAX_FLOOR } from '../../../src/ops/shared/triton-group-quant.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';
import { quantiseBlocks, sourceType } from './quant-blocks.ts';
import { tritonRule } from './quant-rules.ts';

export const fusedFlattenQuant: WebGpuKernel<'fused_flatten_fp8_group_quant'> = {
  op: 'fused_flatten_fp8_group_quant',
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const type = sourceType(x.type);
    // The flattened shape; the bytes of x are the same.
    const [rows = 0, columns = 0] = tensorOf(outputs, 'y').layout.shape;
    const blocks = { rows, columns, blockRows: 1, blockColumns: params.group ?? 128 };
    // The source computes the amax in the type of x, so its floor is rounded to that type.
    const floor = decode(type, encode(type, TRITON_AMAX_FLOOR));
    await quantiseBlocks(run, { array: x.array, type }, blocks, tritonRule(floor), outputs);
  },
};
