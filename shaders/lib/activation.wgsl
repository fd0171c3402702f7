// Gated activations of a mixture of experts: `act(min(gate, limit)) * (clamp(up, -limit, limit) + offset)`, where act is
// `g * sigmoid(alpha * g)` or gelu. Everything on binary32 bits; NaN and infinity are decided there, since WGSL lets
// implementations assume that there are none. Needs: softfloat.
//
// The built-in exp may lie 3 + 2 |x| ulp off. Here the argument is split into a power of two, applied to the exponent, and a
// rest below ln(2) / 2, for which a polynomial is exact to about one ulp.

const ACT_SWISH: u32 = 0u;
const ACT_GELU: u32 = 1u;

struct Activation {
  kind: u32,
  // Binary32 bits. A limit of infinity clamps nothing.
  alpha: u32,
  offset: u32,
  limit: u32,
}

// exp(-t) for t in [0, 104).
fn act_exp_negative(t: f32) -> f32 {
  let n = floor(t * 1.4426950408889634 + 0.5);
  // ln(2) in two parts, the first with few bits, so that n * first is exact.
  let r = -fma(-n, 1.42860677e-6, fma(-n, 0.693145752, t));
  var p = 1.9875691500e-4;
  p = fma(p, r, 1.3981999507e-3);
  p = fma(p, r, 8.3334519073e-3);
  p = fma(p, r, 4.1665795894e-2);
  p = fma(p, r, 1.6666665459e-1);
  p = fma(p, r, 5.0000001201e-1);
  return ldexp(fma(p, r * r, r) + 1.0, -i32(n));
}

// g * sigmoid(alpha * g); g is no NaN.
fn act_swish(g: u32, alpha: u32) -> u32 {
  let product = sf_mul(alpha, g);
  let negative = (product & SF_SIGN) != 0u;
  if ((g & SF_MAGNITUDE) == SF_INFINITY) {
    return select(g, SF_NAN, negative || sf_is_nan(product));
  }
  let magnitude = product & SF_MAGNITUDE;
  if (magnitude < 0x42d00000u) {
    let e = act_exp_negative(bitcast<f32>(magnitude));
    // 1 / (1 + exp(-t)) for t > 0, exp(t) / (1 + exp(t)) for t < 0: nothing overflows.
    return sf_mul(g, sf_div(bitcast<u32>(select(1.0, e, negative)), bitcast<u32>(1.0 + e)));
  }
  // Beyond 104 the result is below every binary32 number, but no zero until binary64 overflows: infinity times it counts.
  return select(g, (g & SF_SIGN) | select(0u, 1u, magnitude < 0x44313333u), negative);
}

// erfc(z) / 2 for z = |g| / sqrt(2), relative error about 4e-7: t * exp(-z^2 + P(t)) with t = 1 / (1 + z / 2), the Chebyshev
// fit of Numerical Recipes (1.2e-7). z^2 = g^2 / 2 is split so that the exponential sees all of its bits.
fn act_half_erfc(g: f32) -> f32 {
  let t = 1.0 / fma(0.35355339, g, 1.0);
  var p = 0.17087277;
  p = fma(p, t, -0.82215223);
  p = fma(p, t, 1.48851587);
  p = fma(p, t, -1.13520398);
  p = fma(p, t, 0.27886807);
  p = fma(p, t, -0.18628806);
  p = fma(p, t, 0.09678418);
  p = fma(p, t, 0.37409196);
  p = fma(p, t, 1.00002368);
  p = fma(p, t, -1.26551223);
  let high = bitcast<f32>(bitcast<u32>(g) & 0xfffff000u);
  let square = 0.5 * high * high;
  let rest = 0.5 * (g - high) * (g + high) - p;
  // P(t) is within -1.27 .. 0, so both exponents stay in range.
  return 0.5 * t * act_exp_negative(square) * act_exp_negative(max(rest, 0.0));
}

// g * (1 + erf(g / sqrt(2))) / 2; g is no NaN.
fn act_gelu(g: u32) -> u32 {
  let negative = (g & SF_SIGN) != 0u;
  let magnitude = g & SF_MAGNITUDE;
  if (magnitude == SF_INFINITY) {
    return select(g, SF_NAN, negative);
  }
  // From 14 on the tail is below 2^-140.
  var tail = 0.0;
  if (magnitude < 0x41600000u) {
    tail = act_half_erfc(bitcast<f32>(magnitude));
  }
  return sf_mul(g, bitcast<u32>(select(1.0 - tail, tail, negative)));
}

fn act_gated(gate: u32, up: u32, activation: Activation) -> u32 {
  if (sf_is_nan(gate) || sf_is_nan(up)) {
    return SF_NAN;
  }
  let limit = activation.limit;
  let g = select(min(gate, limit), gate, (gate & SF_SIGN) != 0u);
  let u = (up & SF_SIGN) | min(up & SF_MAGNITUDE, limit);
  let factor = sf_add(u, activation.offset);
  if (activation.kind == ACT_GELU) {
    return sf_mul(act_gelu(g), factor);
  }
  return sf_mul(act_swish(g, activation.alpha), factor);
}
