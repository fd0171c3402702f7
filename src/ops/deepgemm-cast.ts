import { encodeArray } from '../formats/encode.ts';
import { formatFacts } from '../formats/facts.ts';
import { ceilToUe8m0, packUe8m0 } from '../formats/mx-scale.ts';
import { rowMajor } from '../layout/plain.ts';
import { asBytes, materialize } from '../tensor/make.ts';
import type { TensorSpec } from '../tensor/tensor.ts';
import type { OpDefinition, Operands } from './op.ts';
import { applySteps, type Blocks, blockAmax, blocksAcross, blocksDown } from './shared/block-quant.ts';
import { realValues, requireRows } from './shared/rows.ts';

export interface DeepGemmCastParams {
  /** Round the scales up to powers of two. */
  readonly ue8m0: boolean;
}

const GROUP = 128;

/** DeepGEMM's lower limit of amax. */
const AMAX_FLOOR = Math.fround(1e-4);
const FP8_MAX = formatFacts('e4m3fn').max;

interface Cast {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
}

/** amax is raised to 1e-4, scale = amax / 448 (rounded up for UE8M0), code = x * fl(1 / scale). Ragged edges count as zeros. */
function cast(op: string, operands: Operands<'x'>, blocks: Blocks, ue8m0: boolean): Cast {
  const values = realValues(requireRows(op, operands).x);
  const scales = blockAmax(values, blocks).map((amax) => {
    const scale = Math.fround((Number.isNaN(amax) ? amax : Math.max(amax, AMAX_FLOOR)) / FP8_MAX);
    return ue8m0 ? ceilToUe8m0(scale) : scale;
  });
  const steps = scales.map((scale) => Math.fround(1 / scale));
  return { codes: encodeArray('e4m3fn', applySteps(values, blocks, steps, 'multiply')), scales };
}

function blocksOf(op: string, operands: Operands<'x'>, blockRows: number): Blocks {
  const { rows, columns } = requireRows(op, operands, 'x', 2);
  return { rows, columns, blockRows, blockColumns: GROUP };
}

function castOp(name: string, blockRows: number, summary: string, source: string): OpDefinition<DeepGemmCastParams, 'x', 'y' | 'scale'> {
  const plan = (params: DeepGemmCastParams, operands: Operands<'x'>): Readonly<Record<'y' | 'scale', TensorSpec>> => {
    const blocks = blocksOf(name, operands, blockRows);
    const scaling = params.ue8m0 ? 'ue8m0-f32' : 'f32';
    return {
      y: { name: 'y', type: 'e4m3fn', layout: rowMajor(operands.x.layout.shape) },
      scale: { name: 'scale', type: 'f32', layout: rowMajor([blocksDown(blocks), blocksAcross(blocks)]), scaling },
    };
  };
  return {
    name,
    summary,
    source,
    inputs: ['x'],
    outputs: ['y', 'scale'],
    plan,
    reference(params, operands) {
      const specs = plan(params, operands);
      const { codes, scales } = cast(name, operands, blocksOf(name, operands, blockRows), params.ue8m0);
      return { y: materialize(specs.y, codes), scale: materialize(specs.scale, asBytes(scales)) };
    },
  };
}

/** One scale for 128 columns of a row. x [M, K] -> y [M, K] e4m3fn, scale [M, ceil(K / 128)] f32. */
export const deepgemmPerTokenCast: OpDefinition<DeepGemmCastParams, 'x', 'y' | 'scale'> = castOp(
  'deepgemm_per_token_cast',
  1,
  'DeepGEMM activation cast to fp8',
  'DeepGEMM deep_gemm/utils/math.py per_token_cast_to_fp8',
);

/** One scale for 128 x 128 elements. x [N, K] -> y [N, K] e4m3fn, scale [ceil(N / 128), ceil(K / 128)] f32. */
export const deepgemmPerBlockCast: OpDefinition<DeepGemmCastParams, 'x', 'y' | 'scale'> = castOp(
  'deepgemm_per_block_cast',
  GROUP,
  'DeepGEMM weight cast to fp8',
  'DeepGEMM deep_gemm/utils/math.py per_block_cast_to_fp8',
);

/** As `deepgemm_per_token_cast` with UE8M0 scales, four exponents an int32. x [M, K] -> y, scale [M, ceil(K / 512)] i32. */
export const deepgemmPerTokenCastPacked: OpDefinition<object, 'x', 'y' | 'scale'> = {
  name: 'deepgemm_per_token_cast_packed',
  summary: 'DeepGEMM activation cast to fp8 with packed UE8M0 scales',
  source: 'DeepGEMM deep_gemm/utils/math.py per_token_cast_to_fp8(use_packed_ue8m0=True)',
  inputs: ['x'],
  outputs: ['y', 'scale'],
  plan(_params, operands) {
    const blocks = blocksOf('deepgemm_per_token_cast_packed', operands, 1);
    return {
      y: { name: 'y', type: 'e4m3fn', layout: rowMajor(operands.x.layout.shape) },
      scale: { name: 'scale', type: 'i32', layout: rowMajor([blocks.rows, Math.ceil(blocksAcross(blocks) / 4)]), scaling: 'ue8m0-packed' },
    };
  },
  reference(params, operands) {
    const specs = deepgemmPerTokenCastPacked.plan(params, operands);
    const blocks = blocksOf('deepgemm_per_token_cast_packed', operands, 1);
    const { codes, scales } = cast('deepgemm_per_token_cast_packed', operands, blocks, true);
    const across = blocksAcross(blocks);
    const padded = Math.ceil(across / 4) * 4;
    // Missing groups of the last word are zero bytes.
    const rows = new Float32Array(blocks.rows * padded);
    for (let row = 0; row < blocks.rows; row += 1) rows.set(scales.subarray(row * across, (row + 1) * across), row * padded);
    return { y: materialize(specs.y, codes), scale: materialize(specs.scale, asBytes(packUe8m0(rows))) };
  },
};
