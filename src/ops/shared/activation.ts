import { F32_MIN_NORMAL } from './gemm-bound.ts';

/** A gated activation: `clampedGate * sigmoid(alpha * clampedGate) * (clampedUp + offset)`. */
export interface GatedActivation {
  readonly alpha: number;
  /** Added to the up half: 1 for swiglu of GPT-OSS, 0 for silu. */
  readonly offset: number;
  /** The gate is clamped from above, the up half from both sides. `undefined`: no clamp. */
  readonly limit: number | undefined;
}

/** Largest slope of `g * sigmoid(alpha * g)` in g, whatever alpha is (1.09984…). */
const STEEPEST = 1.1;

/** One unit in the last place of float32, relative to the value. */
const F32_ULP = 2 ** -23;

/** The exact value, in float64. NaN stays NaN. */
export function activate(kind: GatedActivation, gate: number, up: number): number {
  const { alpha, offset, limit = Number.POSITIVE_INFINITY } = kind;
  const g = Math.min(gate, limit);
  const u = Math.max(-limit, Math.min(up, limit));
  return (g / (1 + Math.exp(-alpha * g))) * (u + offset);
}

/**
 * How far a float32 evaluation may lie from `activate(kind, gate, up)` when its arguments are off by at most
 * `gateError` and `upError`. Counts what the WGSL specification allows: exp within 3 + 2|x| ulp, a division within
 * 2.5 ulp, subnormals flushed to zero.
 */
export function activationError(
  kind: GatedActivation,
  gate: number,
  up: number,
  gateError: number,
  upError: number,
): number {
  const { alpha, offset, limit = Number.POSITIVE_INFINITY } = kind;
  const g = Math.min(gate, limit);
  const u = Math.max(-limit, Math.min(up, limit));
  const swish = Math.abs(g / (1 + Math.exp(-alpha * g)));
  const factor = Math.abs(u + offset);
  const swishError = STEEPEST * gateError;
  const propagated = factor * swishError + swish * upError + swishError * upError;
  const relative = (16 + 4 * Math.abs(alpha * g)) * F32_ULP;
  const rounding = (swish + swishError) * (factor + upError) * relative;
  const flushed = 4 * F32_MIN_NORMAL * (Math.abs(g) + 1) * (factor + 1);
  return propagated + rounding + flushed;
}
