/** `gate_mode` of AITER's fused_moe: in which order stage 1 takes gate and up columns. */
export type GateMode = 'SEPARATED' | 'INTERLEAVE';

export const GATE_MODES: readonly GateMode[] = ['SEPARATED', 'INTERLEAVE'];

export type MoeActivation = 'Silu' | 'Gelu' | 'Swiglu' | 'Situv2';

export const MOE_ACTIVATIONS: readonly MoeActivation[] = ['Silu', 'Gelu', 'Swiglu', 'Situv2'];

/** AITER's q_dtype_a: what stage 1 multiplies the weights with. */
export type MoeActivationType = 'bf16' | 'fp8' | 'fp4x2';

/** Type of the weights as AITER sees them. `u8`: packed fp4 whose tensor was never viewed as float4_e2m1fn_x2. */
export type MoeWeightType = 'fp4x2' | 'u8' | 'fp8' | 'i4x2';

/** How the layer's weights are quantised, by the SGLang method that loads them. */
export type MoeQuantMethod = 'mxfp4' | 'quark-w4a8' | 'fp8-fp4-experts';

export const MOE_QUANT_METHODS: readonly MoeQuantMethod[] = ['mxfp4', 'quark-w4a8', 'fp8-fp4-experts'];

/**
 * How well a statement is known: read in the source; told in an issue or pull request; derived from the source; or the sources
 * leave it open.
 */
export type Evidence = 'source' | 'issue' | 'derived' | 'open';
