// Gated activations of a mixture of experts: act(min(gate, limit)) * (clamp(up, -limit, limit) + offset), where act is
// g * sigmoid(alpha * g) or gelu. In binary32; NaN and infinity as exact arithmetic has them.
#pragma once
#include "kernel.h"

// As in activation.ts.
constexpr u32 ACTIVATION_SWISH = 0;
constexpr u32 ACTIVATION_GELU = 1;

struct Activation {
  u32 kind;
  f32 alpha;
  f32 offset;
  // Infinity clamps nothing.
  f32 limit;
};

constexpr f32 LOG2_E = 1.4426950408889634f;

// One unit in the last place off at most; results below 2^-126 may be zero.
DEVICE f32 power_of_two(f32 x) {
#ifdef PRESHUFFLE_HIP_CPU
  return __builtin_exp2f(x);
#else
  return AMDGCN(exp2f)(x);
#endif
}
DEVICE f32 reciprocal(f32 x) {
#ifdef PRESHUFFLE_HIP_CPU
  return 1.0f / x;
#else
  return AMDGCN(rcpf)(x);
#endif
}

DEVICE f32 exp_of(f32 x) { return power_of_two(x * LOG2_E); }

// g * sigmoid(alpha * g).
DEVICE f32 swish(f32 g, f32 alpha) {
  const f32 t = alpha * g;
  const f32 value = g * reciprocal(1.0f + exp_of(-t));
  // Below every binary32 number, but no zero before binary64 has none either: infinity times it counts.
  const f32 least = g * (__builtin_fabsf(t) < 709.0f ? 0x1p-126f : 0.0f);
  return value == 0 ? least : value;
}

// erfc(g / sqrt(2)) / 2 for g >= 0: t * exp(-g^2 / 2 + P(t)) / 2 with t = 1 / (1 + g / sqrt(8)), the Chebyshev fit of Numerical
// Recipes (1.2e-7). NaN where g is.
DEVICE f32 half_erfc(f32 g) {
  const f32 t = reciprocal(__builtin_fmaf(0.35355339f, g, 1.0f));
  f32 p = 0.17087277f;
  p = __builtin_fmaf(p, t, -0.82215223f);
  p = __builtin_fmaf(p, t, 1.48851587f);
  p = __builtin_fmaf(p, t, -1.13520398f);
  p = __builtin_fmaf(p, t, 0.27886807f);
  p = __builtin_fmaf(p, t, -0.18628806f);
  p = __builtin_fmaf(p, t, 0.09678418f);
  p = __builtin_fmaf(p, t, 0.37409196f);
  p = __builtin_fmaf(p, t, 1.00002368f);
  p = __builtin_fmaf(p, t, -1.26551223f);
  return 0.5f * t * exp_of(__builtin_fmaf(-0.5f * g, g, p));
}

// g * (1 + erf(g / sqrt(2))) / 2.
DEVICE f32 gelu(f32 g) {
  const f32 tail = half_erfc(__builtin_fabsf(g));
  return g * (g < 0 ? tail : 1.0f - tail);
}

DEVICE f32 gated(const Activation &activation, f32 gate, f32 up) {
  if (gate != gate || up != up) return __builtin_nanf("");
  const f32 limit = activation.limit;
  const f32 g = gate < limit ? gate : limit;
  const f32 u = __builtin_copysignf(__builtin_fminf(__builtin_fabsf(up), limit), up);
  const f32 factor = u + activation.offset;
  return (activation.kind == ACTIVATION_GELU ? gelu(g) : swish(g, activation.alpha)) * factor;
}
