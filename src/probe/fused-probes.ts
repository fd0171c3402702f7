import type { NamedTensors } from '../ops/kernel-call.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32 } from '../tensor/views.ts';
import { normals, uniform } from './hash.ts';
import { codedFloats, floats, saltOf } from './operands.ts';
import type { OpProbe, ProbeRequest } from './probe.ts';
import { groupOf, quantiserInput, rowSizes } from './quant-probes.ts';

type FusedOp = 'act_mul_and_fp8_group_quant' | 'add_rmsnorm_quant' | 'fused_rms_fp8_group_quant';

/** Normed rows with w and, where there is one, the residual r. */
function normOperands(request: ProbeRequest, group: number): NamedTensors {
  const { rows = 0, columns = 0 } = request.sizes;
  const operands = {
    x: quantiserInput(request, [rows, columns], group),
    w: normWeight(request, 'w', columns),
  };
  return request.residual ? { ...operands, r: quantiserInput(request, [rows, columns], group, 'r') } : operands;
}

/** Weights of a norm around 1, different for every column and never 0, which would hide the column. */
function normWeight({ data, seed, type }: ProbeRequest, name: string, columns: number): Tensor {
  const salt = saltOf(seed, name);
  const values =
    data === 'random'
      ? normals(columns, salt).map((value) => 1 + 0.1 * value)
      : Float32Array.from({ length: columns }, (_, index) => 0.5 + 1.5 * uniform(index, salt));
  return floats(name, type, [columns], values);
}

export const fusedProbes: Readonly<Record<FusedOp, OpProbe>> = {
  act_mul_and_fp8_group_quant: {
    sizes: { rows: 61, inter: 896 },
    choices: ['type'],
    make(request) {
      const { data, seed, type } = request;
      const { rows = 0, inter = 0 } = request.sizes;
      if (data === 'random') return { x: quantiserInput(request, [rows, 2 * inter], 128) };
      // Gate between -4 and 4, so that silu is no 0; up carries the magnitudes that the scales follow.
      const gate = Float32Array.from({ length: rows * inter }, (_, at) => 8 * uniform(at, saltOf(seed, 'gate')) - 4);
      const up = codedFloats('up', 'f32', [rows, inter], groupOf(request, 128), saltOf(seed, 'up'));
      return { x: floats('x', type, [rows, 2 * inter], sideBySide(gate, asF32(up), inter)) };
    },
    sizesOf({ x }) {
      const [rows = 0, columns = 0] = x?.layout.shape ?? [];
      return { rows, inter: columns / 2 };
    },
  },
  add_rmsnorm_quant: {
    sizes: { rows: 61, columns: 896 },
    choices: ['type', 'residual'],
    make: (request) => normOperands(request, groupOf(request, 128)),
    sizesOf: rowSizes,
  },
  fused_rms_fp8_group_quant: {
    sizes: { rows: 61, columns: 896, columns2: 512 },
    choices: ['type', 'residual', 'second'],
    make(request) {
      const operands = normOperands(request, groupOf(request, 128));
      if (!request.second) return operands;
      const { rows = 0, columns2 = 0 } = request.sizes;
      const x2 = quantiserInput(request, [rows, columns2], 128, 'x2');
      return { ...operands, x2, w2: normWeight(request, 'w2', columns2) };
    },
    sizesOf: (operands) => ({
      ...rowSizes(operands),
      ...(operands['x2'] === undefined ? {} : { columns2: operands['x2'].layout.shape[1] ?? 0 }),
    }),
  },
};

/** Rows [a, b], each of `columns`. */
function sideBySide(a: Float32Array, b: Float32Array, columns: number): Float32Array {
  const both = new Float32Array(2 * a.length);
  for (let at = 0; at < a.length; at += columns) {
    both.set(a.subarray(at, at + columns), 2 * at);
    both.set(b.subarray(at, at + columns), 2 * at + columns);
  }
  return both;
}
