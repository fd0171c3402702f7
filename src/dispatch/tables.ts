import type { ShapeTable } from './condition.ts';

const pairs = (list: readonly (readonly [number, number])[]): ShapeTable['entries'] => list.map(([n, k]) => ({ n, k }));

/**
 * Shapes (n, k) of the local weight that go to Triton and keep plain weights. Everything else goes to the preshuffled kernel.
 * Source: SGLang fp8_utils.py use_aiter_triton_gemm_w8a8_tuned_gfx950.
 */
export const TRITON_TUNED_GFX950: ShapeTable = {
  id: 'table of shapes tuned for Triton on gfx950',
  entries: pairs([
    [1024, 8192],
    [16384, 1536],
    [2112, 7168],
    [3072, 1536],
    [32768, 8192],
    [4096, 7168],
    [4608, 7168],
    [512, 7168],
    [7168, 2048],
    [7168, 2304],
    [7168, 16384],
    [7168, 256],
    [8192, 1024],
    [8192, 32768],
  ]),
};

/**
 * Largest M for which AITER's plain CK kernel is known not to return NaN with ROCm before 7.2.
 * Source: SGLang fp8_utils.py _AITER_GFX95_CK_W8A8_MAX_SAFE_M, PR 29918.
 */
export const CK_MAX_SAFE_M: ShapeTable = {
  id: 'table of safe M of the plain CK kernel',
  entries: [
    { n: 2560, k: 4096, value: 2048 },
    { n: 4096, k: 1024, value: 4096 },
    { n: 4096, k: 2048, value: 2048 },
    { n: 4608, k: 4096, value: 512 },
  ],
};
