import { normalDistribution } from './erf.ts';
import { F32_MIN_NORMAL } from './gemm-bound.ts';

/**
 * A gated activation: `clampedGate * sigmoid(alpha * clampedGate) * (clampedUp + offset)`, or with curve `gelu`
 * `gate * (1 + erf(gate / sqrt(2))) / 2 * up`.
 */
export interface GatedActivation {
  /** Default `swish`, the sigmoid. */
  readonly curve?: 'swish' | 'gelu';
  readonly alpha: number;
  /** Added to the up half: 1 for swiglu of GPT-OSS, 0 for silu. */
  readonly offset: number;
  /** The gate is clamped from above, the up half from both sides. `undefined`: no clamp. */
  readonly limit: number | undefined;
}

/** Where `t * sigmoid(t)` and gelu are least; both fall before it and rise after it. */
const LEAST = { swish: -1.278464542761074, gelu: -0.7517915246935645 };

/**
 * How far `(1 + erf(g / sqrt(2))) / 2` may lie from its exact value in float32, absolute: 1 + erf cancels for negative g, and erf
 * itself is an approximation (1.5e-7 for the usual ones).
 */
const NORMAL_ERROR = 2 ** -21;

/** One unit in the last place of float32, relative to the value. */
const F32_ULP = 2 ** -23;

/** The exact value, in float64. NaN stays NaN. */
export function activate(kind: GatedActivation, gate: number, up: number): number {
  const { offset, limit = Number.POSITIVE_INFINITY } = kind;
  const g = Math.min(gate, limit);
  const u = Math.max(-limit, Math.min(up, limit));
  return curve(kind, g) * (u + offset);
}

function curve({ curve: name, alpha }: GatedActivation, g: number): number {
  return name === 'gelu' ? g * normalDistribution(g) : g / (1 + Math.exp(-alpha * g));
}

/**
 * How far a float32 evaluation may lie from `activate(kind, gate, up)` when its arguments are off by at most
 * `gateError` and `upError`, both finite. Counts what the WGSL specification allows: exp within 3 + 2|x| ulp, a division within
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
  const clamp = (value: number): number => Math.max(-limit, Math.min(value, limit));
  const g = Math.min(gate, limit);
  const u = clamp(up);
  const swish = Math.abs(curve(kind, g));
  const factor = Math.abs(u + offset);
  const inner = kind.curve === 'gelu' ? Math.abs(g) * NORMAL_ERROR : 0;
  const swishError = curveError(kind, gate, gateError) + inner;
  const factorError = upError === 0 ? 0 : Math.max(clamp(up + upError) - u, u - clamp(up - upError));
  const propagated = factor * swishError + swish * factorError + swishError * factorError;
  const relative = (16 + 4 * Math.abs(alpha * g)) * F32_ULP;
  const rounding = (swish + swishError) * (factor + factorError) * relative;
  const flushed = 4 * F32_MIN_NORMAL * (Math.abs(g) + 1) * (factor + 1);
  return propagated + rounding + flushed;
}

/** How far the curve may lie from its value at the clamped gate anywhere within `error` of the gate. */
function curveError(kind: GatedActivation, gate: number, error: number): number {
  if (error === 0) return 0;
  const { curve: name = 'swish', alpha, limit = Number.POSITIVE_INFINITY } = kind;
  const [low, high] = [Math.min(gate - error, limit), Math.min(gate + error, limit)];
  const value = curve(kind, Math.min(gate, limit));
  const turn = name === 'gelu' ? LEAST.gelu : LEAST.swish / alpha;
  const ends = turn > low && turn < high ? [low, high, turn] : [low, high];
  return Math.max(...ends.map((end) => Math.abs(curve(kind, end) - value)));
}
