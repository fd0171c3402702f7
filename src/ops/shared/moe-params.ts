import { ParameterError } from '../../errors.ts';
import { MX_SCALE_MODES, type MxScaleMode } from '../../formats/mx-scale.ts';
import type { GatedActivation } from './activation.ts';
import { requireChoice } from './groups-rules.ts';

/** What lies between gate and up sums and h. */
export type MoeActivation = 'silu' | 'swiglu' | 'gelu';

export const MOE_ACTIVATIONS: readonly MoeActivation[] = ['silu', 'swiglu', 'gelu'];

/** Formats of activations and weights: `a16w4` bf16 activations, `a8w4` MXFP8 (e4m3fn), `a4w4` MXFP4; weights MXFP4. */
export type MoeScheme = 'a16w4' | 'a8w4' | 'a4w4';

export const MOE_SCHEMES: readonly MoeScheme[] = ['a16w4', 'a8w4', 'a4w4'];

export interface MoeSchemeParams {
  /** Default `a16w4`. */
  readonly scheme?: MoeScheme;
}

export interface MoeActivationParams {
  readonly activation: MoeActivation;
  /** Clamp of gate and up. Default, and meaning of 0: 7 for swiglu, no clamp for silu. gelu has none. */
  readonly swiglu_limit?: number;
}

/** Parameters of `fused_moe_mxfp4`. */
export interface FusedMoeParams extends MoeActivationParams, MoeSchemeParams {
  /** How scales of activations are rounded in a8w4 and a4w4, as `mode` of mxfp8_quant and mxfp4_quant. Default `RoundUp`. */
  readonly quantMode?: MxScaleMode;
}

export function moeScheme(op: string, params: MoeSchemeParams): MoeScheme {
  return requireChoice(op, 'scheme', params.scheme ?? 'a16w4', MOE_SCHEMES);
}

/** Checks `activation` and `swiglu_limit` and gives the function they name. */
export function moeActivation(op: string, params: MoeActivationParams): GatedActivation {
  const { swiglu_limit: limit } = params;
  const activation = requireChoice(op, 'activation', params.activation, MOE_ACTIVATIONS);
  if (limit !== undefined && !(limit >= 0)) {
    throw new ParameterError(op, 'swiglu_limit', `is ${limit}, expected a number that is not negative.`);
  }
  switch (activation) {
    // `||` on purpose: AITER reads 0 as unset.
    case 'swiglu':
      return { alpha: 1.702, offset: 1, limit: limit || 7 };
    case 'silu':
      return { alpha: 1, offset: 0, limit: limit || undefined };
    case 'gelu':
      if (limit) {
        throw new ParameterError(op, 'swiglu_limit', `is ${limit}, but gelu has no clamp. Leave it out.`);
      }
      return { curve: 'gelu', alpha: 1, offset: 0, limit: undefined };
  }
}

export function moeQuantMode(op: string, params: Pick<FusedMoeParams, 'quantMode'>): MxScaleMode {
  return requireChoice(op, 'quantMode', params.quantMode ?? 'RoundUp', MX_SCALE_MODES);
}
