import type { NamedTensors } from '../ops/kernel-call.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { activationValues, codedFloats, floats, saltOf, weightValues } from './operands.ts';
import type { OpProbe, ProbeRequest } from './probe.ts';

type QuantOp =
  | 'deepgemm_per_block_cast'
  | 'deepgemm_per_token_cast'
  | 'deepgemm_per_token_cast_packed'
  | 'dynamic_mxfp4_quant'
  | 'fused_flatten_fp8_group_quant'
  | 'mxfp4_quant'
  | 'mxfp8_quant'
  | 'per_1x128_quant'
  | 'per_tensor_quant'
  | 'per_token_quant';

/** Seven groups of 128: a last int32 of packed scales is not full, and 61 rows are no whole tile. */
const SIZES = { rows: 61, columns: 896 };

/** The input x of a quantiser; with address-coded data neighbouring groups never have the same scale. */
export function quantiserInput(request: ProbeRequest, shape: readonly number[], group: number, name = 'x'): Tensor {
  const { data, seed, type } = request;
  const salt = saltOf(seed, name);
  if (data === 'address-coded') return codedFloats(name, type, shape, group, salt);
  const columns = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  return floats(name, type, shape, activationValues(rows, columns, salt));
}

/** Columns that share a scale: the parameter `group` where it is one, else that of the op. */
export function groupOf({ params }: ProbeRequest, usual: number): number {
  const { group } = params;
  return typeof group === 'number' && group >= 1 ? Math.floor(group) : usual;
}

export function rowSizes({ x }: NamedTensors): Record<string, number> {
  const [rows = 0, columns = 0] = x?.layout.shape ?? [];
  return { rows, columns };
}

/** A quantiser of rows in groups. @param group of the op, 0: a whole row */
function rowQuantiser(group: number): OpProbe {
  return {
    sizes: SIZES,
    choices: ['type'],
    make(request) {
      const { rows = 0, columns = 0 } = request.sizes;
      return { x: quantiserInput(request, [rows, columns], groupOf(request, group || columns)) };
    },
    sizesOf: rowSizes,
  };
}

export const quantProbes: Readonly<Record<QuantOp, OpProbe>> = {
  deepgemm_per_block_cast: {
    sizes: { n: 384, k: 896 },
    choices: ['type'],
    make(request) {
      const { data, seed, type } = request;
      const { n = 0, k = 0 } = request.sizes;
      const salt = saltOf(seed, 'x');
      if (data === 'random') return { x: floats('x', type, [n, k], weightValues(n, k, salt)) };
      return { x: codedFloats('x', type, [n, k], 128, salt, 128) };
    },
    sizesOf({ x }) {
      const [n = 0, k = 0] = x?.layout.shape ?? [];
      return { n, k };
    },
  },
  deepgemm_per_token_cast: rowQuantiser(128),
  deepgemm_per_token_cast_packed: rowQuantiser(128),
  dynamic_mxfp4_quant: rowQuantiser(32),
  fused_flatten_fp8_group_quant: {
    sizes: { tokens: 13, heads: 5, head: 256 },
    choices: ['type'],
    make(request) {
      const { tokens = 0, heads = 0, head = 0 } = request.sizes;
      return { x: quantiserInput(request, [tokens, heads, head], groupOf(request, 128)) };
    },
    sizesOf({ x }) {
      const [tokens = 0, heads = 0, head = 0] = x?.layout.shape ?? [];
      return { tokens, heads, head };
    },
  },
  mxfp4_quant: rowQuantiser(32),
  mxfp8_quant: rowQuantiser(32),
  per_1x128_quant: rowQuantiser(128),
  per_tensor_quant: rowQuantiser(32),
  per_token_quant: rowQuantiser(0),
};
