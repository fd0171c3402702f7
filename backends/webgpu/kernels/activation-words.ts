import { f32Bits } from '../../../src/formats/f32.ts';
import type { GatedActivation } from '../../../src/ops/shared/activation.ts';

const CURVES = { swish: 0, gelu: 1 } as const;

/** `struct Activation` of shaders/lib/activation.wgsl: the curve, then binary32 bits of alpha, offset and limit. */
export function activationWords({ curve = 'swish', alpha, offset, limit }: GatedActivation): readonly number[] {
  return [CURVES[curve], f32Bits(alpha), f32Bits(offset), f32Bits(limit ?? Number.POSITIVE_INFINITY)];
}
