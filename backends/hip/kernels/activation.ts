import type { GatedActivation } from '../../../src/ops/shared/activation.ts';

/** The activation of lib/activation.h, at the end of a struct. */
export const ACTIVATION_FIELDS: readonly [
  { readonly name: 'activation'; readonly type: 'u32' },
  { readonly name: 'alpha'; readonly type: 'f32' },
  { readonly name: 'offset'; readonly type: 'f32' },
  { readonly name: 'limit'; readonly type: 'f32' },
] = [
  { name: 'activation', type: 'u32' },
  { name: 'alpha', type: 'f32' },
  { name: 'offset', type: 'f32' },
  { name: 'limit', type: 'f32' },
];

export interface ActivationValues {
  readonly activation: number;
  readonly alpha: number;
  readonly offset: number;
  readonly limit: number;
}

export function activationValues(activation: GatedActivation): ActivationValues {
  const { curve = 'swish', alpha, offset, limit = Number.POSITIVE_INFINITY } = activation;
  return { activation: curve === 'gelu' ? 1 : 0, alpha, offset, limit };
}
