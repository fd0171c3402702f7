import { ParameterError } from '../errors.ts';
import type { BlockScaleMath } from '../ops/shared/block-scale-math.ts';

/**
 * The three states of an activation scale of M tokens by G groups: RM row-major; CM column-major with honest strides; TV
 * the bytes of CM under the metadata of RM (`x.T.contiguous().view(M, G)`, `transpose_scale=True`).
 */
export type ScaleState = 'RM' | 'CM' | 'TV';

export const SCALE_STATES: readonly ScaleState[] = ['RM', 'CM', 'TV'];

export type BlockScaleKernelId =
  | 'ck'
  | 'ck-bpreshuffle'
  | 'asm-bpreshuffle'
  | 'cktile'
  | 'cktile-8warp'
  | 'cktile-bpreshuffle'
  | 'cktile-bpreshuffle-8warp'
  | 'triton'
  | 'triton-preshuffle'
  | 'sglang-triton';

/** How a kernel comes to the scale of (m, g). Everything that goes wrong follows from this. */
export type ScaleReading =
  /** From the data pointer, as row-major, whatever the strides say. */
  | 'pointer-row-major'
  /** From the data pointer, as column-major, whatever the strides say. */
  | 'pointer-column-major'
  /** By both strides. */
  | 'strides'
  /** By strides where `stride(0) == 1`; otherwise the bytes are taken for column-major. */
  | 'strides-or-transposed'
  /** `scale.view(G, M).transpose(0, 1).contiguous()` on the host, then as row-major. */
  | 'view-transposed';

/** A block-scaled fp8 kernel of AITER or SGLang, as a consumer of weight and activation scale. */
export interface BlockScaleKernel {
  readonly id: BlockScaleKernelId;
  readonly title: string;
  readonly source: string;
  readonly weight: 'row-major' | 'shuffle_weight(16,16)';
  readonly scaleReading: ScaleReading;
  readonly math: BlockScaleMath;
  readonly rounding?: 'truncate';
  readonly outTypes: readonly ('bf16' | 'f16')[];
  /** N and K must be multiples of these. */
  readonly multipleOf: { readonly n: number; readonly k: number };
  readonly note?: string;
}

const AITER_CK = 'AITER csrc/ck_gemm_a8w8_blockscale';
const BOTH = ['bf16', 'f16'] as const;
const ANY = { n: 1, k: 1 };
/** shuffle_weight's own rule. */
const SHUFFLED = { n: 16, k: 32 };

export const BLOCK_SCALE_KERNELS: readonly BlockScaleKernel[] = [
  {
    id: 'ck',
    title: 'CK, plain',
    source: AITER_CK,
    weight: 'row-major',
    scaleReading: 'pointer-row-major',
    math: 'ck',
    outTypes: BOTH,
    multipleOf: ANY,
  },
  {
    id: 'ck-bpreshuffle',
    title: 'CK, preshuffled',
    source: `${AITER_CK}_bpreshuffle`,
    weight: 'shuffle_weight(16,16)',
    scaleReading: 'pointer-column-major',
    math: 'ck',
    outTypes: BOTH,
    multipleOf: SHUFFLED,
  },
  {
    id: 'asm-bpreshuffle',
    title: 'assembly, preshuffled',
    source: 'AITER csrc/py_itfs_cu/asm_a8w8_blockscale_bpreshuffle.cu',
    weight: 'shuffle_weight(16,16)',
    scaleReading: 'pointer-column-major',
    math: 'asm',
    rounding: 'truncate',
    outTypes: ['bf16'],
    multipleOf: { n: 128, k: 128 },
    note: 'With splitK above 1 the splits are added in bf16 by atomics: results change from run to run in the last bits.',
  },
  {
    id: 'cktile',
    title: 'CKTile, plain',
    source: `${AITER_CK} cktile`,
    weight: 'row-major',
    scaleReading: 'pointer-row-major',
    math: 'ck',
    outTypes: BOTH,
    multipleOf: ANY,
    note: 'Reads stride(0) of the scale and needs an inner stride of 1: row-major only.',
  },
  {
    id: 'cktile-8warp',
    title: 'CKTile, plain, 8 warps',
    source: `${AITER_CK} cktile`,
    weight: 'row-major',
    scaleReading: 'pointer-row-major',
    math: 'ck',
    outTypes: BOTH,
    multipleOf: ANY,
    note: 'Transposes a row-major scale itself.',
  },
  {
    id: 'cktile-bpreshuffle',
    title: 'CKTile, preshuffled',
    source: `${AITER_CK}_bpreshuffle cktile`,
    weight: 'shuffle_weight(16,16)',
    scaleReading: 'view-transposed',
    math: 'ck',
    outTypes: BOTH,
    multipleOf: SHUFFLED,
    note: 'An honest column-major scale throws "view size is not compatible", or, with M == G, is read transposed.',
  },
  {
    id: 'cktile-bpreshuffle-8warp',
    title: 'CKTile, preshuffled, 8 warps',
    source: `${AITER_CK}_bpreshuffle cktile`,
    weight: 'shuffle_weight(16,16)',
    scaleReading: 'pointer-column-major',
    math: 'ck',
    outTypes: BOTH,
    multipleOf: SHUFFLED,
  },
  {
    id: 'triton',
    title: 'Triton, plain',
    source: 'AITER aiter/ops/triton/gemm/basic/gemm_a8w8_blockscale.py',
    weight: 'row-major',
    scaleReading: 'strides',
    math: 'triton',
    outTypes: BOTH,
    multipleOf: ANY,
  },
  {
    id: 'triton-preshuffle',
    title: 'Triton, preshuffled',
    source: 'AITER aiter/ops/triton/gemm/basic/gemm_a8w8_blockscale.py, preshuffle',
    weight: 'shuffle_weight(16,16)',
    scaleReading: 'strides-or-transposed',
    math: 'triton-preshuffle',
    outTypes: BOTH,
    multipleOf: { n: 16, k: 128 },
    note: 'Its mask for a ragged K has the wrong shape, so K must be whole blocks.',
  },
  {
    id: 'sglang-triton',
    title: 'Triton of SGLang',
    source: 'SGLang fp8_kernel.py w8a8_block_fp8_matmul',
    weight: 'row-major',
    scaleReading: 'strides',
    math: 'triton',
    outTypes: BOTH,
    multipleOf: ANY,
  },
];

export const BLOCK_SCALE_KERNEL_IDS: readonly BlockScaleKernelId[] = BLOCK_SCALE_KERNELS.map(({ id }) => id);

/** @throws ParameterError naming the known ones */
export function blockScaleKernel(id: string): BlockScaleKernel {
  const found = BLOCK_SCALE_KERNELS.find((kernel) => kernel.id === id);
  if (found !== undefined) return found;
  throw new ParameterError('dispatch', 'kernel', `is "${id}", expected one of ${BLOCK_SCALE_KERNEL_IDS.join(', ')}.`);
}
