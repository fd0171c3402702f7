import { encodeArray } from '../../formats/encode.ts';
import { formatFacts } from '../../formats/facts.ts';
import { applySteps, type Blocks, blockAmax } from './block-quant.ts';

const FP8_MAX = formatFacts('e4m3fn').max;

/** fl(1 / 448): the compiler turns the kernel's division by a constant into this multiplication. */
export const INVERSE_FP8_MAX: number = Math.fround(1 / FP8_MAX);

/** Lower limit of amax in AITER's fused Triton kernels. */
export const TRITON_AMAX_FLOOR: number = Math.fround(1e-10);

/**
 * The group quantiser of AITER's fused Triton kernels (`_fp8_quant_op`): amax raised to a floor, scale = amax * fl(1 / 448),
 * code = clamp(x * fl(1 / scale)).
 */
export function tritonGroupQuant(x: Float32Array, blocks: Blocks, floor: number): { readonly codes: Uint8Array; readonly scales: Float32Array } {
  const scales = blockAmax(x, blocks).map((amax) => Math.fround((Number.isNaN(amax) ? amax : Math.max(amax, floor)) * INVERSE_FP8_MAX));
  const steps = scales.map((scale) => Math.fround(1 / scale));
  return { codes: encodeArray('e4m3fn', applySteps(x, blocks, steps, 'multiply'), { saturate: true }), scales };
}
