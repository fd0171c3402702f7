import { FP8_INCIDENTS } from '../../golden/fp8-incidents.ts';
import { scaleTmaAligned, scaleTransposedView } from '../../layout/activation-scale.ts';
import { shuffleWeight } from '../../layout/catalog.ts';
import { definitionOf, type OpName } from '../../ops/registry.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { GoldenFileBuilder } from './file-builder.ts';
import { addressCodes, distinctScales, powerScales, stored } from './inputs.ts';

const [M, N, K] = [5, 64, 384];
const G = K / 128;

/** The right operands of each op that an incident happens to, and the tensors of its case. */
function problem(
  op: OpName,
  powers: boolean,
): {
  readonly params: Readonly<Record<string, unknown>>;
  readonly operands: Readonly<Record<string, Tensor>>;
  readonly tensors: Readonly<Record<string, Tensor | readonly [Tensor, readonly number[]]>>;
} {
  const x = addressCodes('x', 'e4m3fn', M, K);
  const w = addressCodes('w', 'e4m3fn', N, K);
  const blocks = distinctScales('x_scale', [M, G]);
  const w_scale = powers ? powerScales('w_scale', [1, G]) : distinctScales('w_scale', [1, G], 0.011);
  const w_shuffled = stored(w, shuffleWeight([N, K], { bits: 8 }));
  const sizes = { M, N, K, out: 'bf16' };
  switch (op) {
    case 'gemm_a8w8_blockscale_bpreshuffle': {
      const x_scale = stored(blocks, scaleTransposedView([M, G]));
      return {
        params: { ...sizes, format: 'e4m3fn', math: 'ck' },
        operands: { x, w: w_shuffled, x_scale, w_scale },
        tensors: { x, w_shuffled, x_scale: [x_scale, [G, M]], w_scale },
      };
    }
    case 'gemm_a8w8_bpreshuffle': {
      const x_scale = distinctScales('x_scale', [M, 1]);
      const perRow = distinctScales('w_scale', [N, 1], 0.02);
      return {
        params: { ...sizes, format: 'e4m3fn', math: 'ck' },
        operands: { x, w: w_shuffled, x_scale, w_scale: perRow },
        tensors: { x, w_shuffled, x_scale, w_scale: perRow },
      };
    }
    case 'fp8_gemm_nt': {
      const x_scale = stored(blocks, scaleTmaAligned([M, G]));
      return {
        params: { ...sizes, math: 'ck' },
        operands: { x, w, x_scale, w_scale },
        tensors: { x, w, x_scale: [x_scale, [G, Math.ceil(M / 4) * 4]], w_scale },
      };
    }
    default:
      return {
        params: { ...sizes, format: 'e4m3fn', math: 'ck' },
        operands: { x, w, x_scale: blocks, w_scale },
        tensors: { x, w, x_scale: blocks, w_scale },
      };
  }
}

/** One case for each incident and op: the right output `y` and what the mistake gave, `y_wrong`. */
export function fp8IncidentsFile(): Uint8Array {
  const file = new GoldenFileBuilder();
  for (const incident of FP8_INCIDENTS) {
    for (const op of incident.ops) {
      const { params, operands, tensors } = problem(op, incident.id === 'ue8m0-read-as-float-scale');
      const run = { out: params['out'], math: params['math'] };
      const { y } = definitionOf(op).reference(run, operands);
      const wrong = definitionOf(op).reference(run, incident.misread(operands))['y'];
      if (y === undefined || wrong === undefined) throw new TypeError(`${op} gave no y`);
      file.add(
        `${incident.id}/${op}`.replaceAll('/', '__'),
        { op, ...params, incident: incident.id, note: `${incident.title}. ${incident.symptom}. ${incident.origin}` },
        { ...tensors, y, y_wrong: wrong },
      );
    }
  }
  return file.bytes();
}
