// The topk largest logits of each row, ties to the lowest expert, and their softmax weights. A workgroup takes a row; candidates
// are compared as integers, so that ids do not depend on the device.

// @library softfloat begin
// Binary32 arithmetic on bit patterns, in integers only.
//
// WGSL promises neither a rounding mode for + and *, nor a correctly rounded division (2.5 ulp), nor subnormals (WGSL
// spec, "Floating point accuracy"). A quantised code that sits next to a tie is decided by the last bit, so whatever
// decides bits goes through these functions: IEEE 754 round-to-nearest-even, subnormals in and out, infinities, and
// one NaN (0x7fc00000), so that results do not depend on which NaN a device would have made.

const SF_SIGN: u32 = 0x80000000u;
const SF_MAGNITUDE: u32 = 0x7fffffffu;
const SF_INFINITY: u32 = 0x7f800000u;
const SF_NAN: u32 = 0x7fc00000u;
const SF_HIDDEN: u32 = 0x00800000u;

fn sf_is_nan(a: u32) -> bool {
  return (a & SF_MAGNITUDE) > SF_INFINITY;
}

// A finite non-zero number as significand * 2^(exponent - 150) with the significand in [2^23, 2^24).
struct SfParts {
  exponent: i32,
  significand: u32,
}

fn sf_parts(magnitude: u32) -> SfParts {
  let exponent = i32(magnitude >> 23u);
  let fraction = magnitude & 0x007fffffu;
  if (exponent != 0) {
    return SfParts(exponent, fraction | SF_HIDDEN);
  }
  let shift = countLeadingZeros(fraction) - 8u;
  return SfParts(1 - i32(shift), fraction << shift);
}

// Rounds a 27-bit significand (24 bits, then guard, round and sticky) whose leading bit has the biased exponent given.
fn sf_round(sign: u32, exponent: i32, significand: u32) -> u32 {
  var m = significand;
  var high = 0u;
  if (exponent <= 0) {
    let shift = u32(min(1 - exponent, 31));
    let lost = m & ((1u << shift) - 1u);
    m = (m >> shift) | select(0u, 1u, lost != 0u);
  } else {
    high = (u32(min(exponent, 255)) - 1u) << 23u;
  }
  let tail = m & 7u;
  m = m >> 3u;
  if (tail > 4u || (tail == 4u && (m & 1u) == 1u)) {
    m = m + 1u;
  }
  // A carry out of the significand moves into the exponent by itself.
  return sign | min(high + m, SF_INFINITY);
}

fn sf_div(a: u32, b: u32) -> u32 {
  let x = a & SF_MAGNITUDE;
  let y = b & SF_MAGNITUDE;
  let sign = (a ^ b) & SF_SIGN;
  if (x > SF_INFINITY || y > SF_INFINITY || (x == y && (x == 0u || x == SF_INFINITY))) {
    return SF_NAN;
  }
  if (x == SF_INFINITY || y == 0u) {
    return sign | SF_INFINITY;
  }
  if (x == 0u || y == SF_INFINITY) {
    return sign;
  }
  let n = sf_parts(x);
  let d = sf_parts(y);
  var exponent = n.exponent - d.exponent + 127;
  var rest = n.significand;
  if (rest < d.significand) {
    rest = rest << 1u;
    exponent = exponent - 1;
  }
  // The quotient is in [1, 2): one bit, then three digits of eight. A remainder is below 2^24, so it can be shifted by 8.
  rest = rest - d.significand;
  var quotient = 1u;
  for (var i = 0; i < 3; i++) {
    let wide = rest << 8u;
    let digit = wide / d.significand;
    rest = wide - digit * d.significand;
    quotient = (quotient << 8u) | digit;
  }
  return sf_round(sign, exponent, (quotient << 2u) | select(0u, 1u, rest != 0u));
}

fn sf_mul(a: u32, b: u32) -> u32 {
  let x = a & SF_MAGNITUDE;
  let y = b & SF_MAGNITUDE;
  let sign = (a ^ b) & SF_SIGN;
  if (x > SF_INFINITY || y > SF_INFINITY || (x == SF_INFINITY && y == 0u) || (y == SF_INFINITY && x == 0u)) {
    return SF_NAN;
  }
  if (x == SF_INFINITY || y == SF_INFINITY) {
    return sign | SF_INFINITY;
  }
  if (x == 0u || y == 0u) {
    return sign;
  }
  let p = sf_parts(x);
  let q = sf_parts(y);
  // 24 x 24 bits in 12-bit limbs: product = upper * 2^24 + lower.
  let p0 = p.significand & 0xfffu;
  let p1 = p.significand >> 12u;
  let q0 = q.significand & 0xfffu;
  let q1 = q.significand >> 12u;
  let middle = p1 * q0 + p0 * q1;
  let low = p0 * q0 + ((middle & 0xfffu) << 12u);
  let upper = p1 * q1 + (middle >> 12u) + (low >> 24u);
  let lower = low & 0x00ffffffu;
  let exponent = p.exponent + q.exponent - 127;
  if (upper >= SF_HIDDEN) {
    return sf_round(sign, exponent + 1, (upper << 3u) | (lower >> 21u) | select(0u, 1u, (lower & 0x001fffffu) != 0u));
  }
  return sf_round(sign, exponent, (upper << 4u) | (lower >> 20u) | select(0u, 1u, (lower & 0x000fffffu) != 0u));
}

fn sf_add(a: u32, b: u32) -> u32 {
  var x = a;
  var y = b;
  if ((x & SF_MAGNITUDE) < (y & SF_MAGNITUDE)) {
    x = b;
    y = a;
  }
  let big = x & SF_MAGNITUDE;
  let small = y & SF_MAGNITUDE;
  let opposite = ((a ^ b) & SF_SIGN) != 0u;
  if (big > SF_INFINITY || (small == SF_INFINITY && opposite)) {
    return SF_NAN;
  }
  if (big == SF_INFINITY) {
    return x;
  }
  if (small == 0u) {
    // Only (-0) + (-0) keeps the sign of zero.
    return select(x, x & y, big == 0u);
  }
  let sign = x & SF_SIGN;
  let p = sf_parts(big);
  let q = sf_parts(small);
  let shift = u32(min(p.exponent - q.exponent, 31));
  let wide = q.significand << 3u;
  let lost = wide & ((1u << shift) - 1u);
  let aligned = (wide >> shift) | select(0u, 1u, lost != 0u);
  if (!opposite) {
    let sum = (p.significand << 3u) + aligned;
    if (sum >= 0x08000000u) {
      return sf_round(sign, p.exponent + 1, (sum >> 1u) | (sum & 1u));
    }
    return sf_round(sign, p.exponent, sum);
  }
  let difference = (p.significand << 3u) - aligned;
  if (difference == 0u) {
    return 0u;
  }
  let normalise = countLeadingZeros(difference) - 5u;
  return sf_round(sign, p.exponent - i32(normalise), difference << normalise);
}

fn sf_sqrt(a: u32) -> u32 {
  if ((a & SF_MAGNITUDE) == 0u) {
    return a;
  }
  if (a > SF_INFINITY) {
    return SF_NAN;
  }
  if (a == SF_INFINITY) {
    return a;
  }
  let p = sf_parts(a);
  // A radicand in [1, 4) has its root in [1, 2). Two of its bits go in for every bit of the root that comes out.
  let odd = (p.exponent & 1) == 0;
  var radicand = p.significand << select(8u, 9u, odd);
  let exponent = (p.exponent - 127 - select(0, 1, odd)) / 2 + 127;
  var root = 0u;
  var rest = 0u;
  // 24 bits and the round bit. The upper bit of the first pair is the one that the shift pushed out.
  for (var i = 0; i < 25; i++) {
    var pair: u32;
    if (i == 0) {
      pair = select(0u, 2u, odd) | (radicand >> 31u);
      radicand = radicand << 1u;
    } else {
      pair = radicand >> 30u;
      radicand = radicand << 2u;
    }
    rest = (rest << 2u) | pair;
    let trial = (root << 2u) | 1u;
    root = root << 1u;
    if (rest >= trial) {
      rest = rest - trial;
      root = root | 1u;
    }
  }
  return sf_round(0u, exponent, (root << 2u) | select(0u, 1u, rest != 0u));
}

// bits(f32(x)) for a bf16 pattern: exact.
fn sf_from_bf16(h: u32) -> u32 {
  return h << 16u;
}

// bits(f32(x)) for an f16 pattern: exact, subnormals included.
fn sf_from_f16(h: u32) -> u32 {
  let sign = (h & 0x8000u) << 16u;
  let magnitude = h & 0x7fffu;
  if (magnitude >= 0x7c00u) {
    return sign | SF_INFINITY | ((magnitude & 0x3ffu) << 13u);
  }
  if (magnitude >= 0x0400u) {
    return sign | ((magnitude << 13u) + 0x38000000u);
  }
  if (magnitude == 0u) {
    return sign;
  }
  let shift = countLeadingZeros(magnitude) - 21u;
  return sign | ((113u - shift) << 23u) | (((magnitude << shift) & 0x3ffu) << 13u);
}

// The nearest bf16, ties to even. A NaN stays one, quiet.
fn sf_to_bf16(a: u32) -> u32 {
  if (sf_is_nan(a)) {
    return (a >> 16u) | 0x40u;
  }
  return (a + 0x7fffu + ((a >> 16u) & 1u)) >> 16u;
}

// The nearest f16, ties to even; overflows to infinity. A NaN becomes 0x7e00, with its sign.
fn sf_to_f16(a: u32) -> u32 {
  let sign = (a >> 16u) & 0x8000u;
  let magnitude = a & SF_MAGNITUDE;
  if (magnitude > SF_INFINITY) {
    return sign | 0x7e00u;
  }
  if (magnitude >= 0x47800000u) {
    return sign | 0x7c00u;
  }
  if (magnitude >= 0x38800000u) {
    let shifted = magnitude - 0x38000000u;
    return sign | ((shifted + 0xfffu + ((shifted >> 13u) & 1u)) >> 13u);
  }
  if (magnitude < 0x33000000u) {
    return sign;
  }
  let shift = 126u - (magnitude >> 23u);
  let m = (magnitude & 0x007fffffu) | SF_HIDDEN;
  return sign | ((m + (1u << (shift - 1u)) - 1u + ((m >> shift) & 1u)) >> shift);
}
// @library softfloat end

// @library activation begin
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
// @library activation end

struct Shape {
  rows: u32,
  experts: u32,
  topk: u32,
  // 0 f32, 1 bf16, 2 f16.
  source: u32,
  // 1: weights add up to one over the kept experts; 0: over all.
  kept_only: u32,
  // Words before the first value: bindings start at aligned offsets.
  logits_lead: u32,
  weights_lead: u32,
  ids_lead: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> logits: array<u32>;
@group(0) @binding(2) var<storage, read_write> weights: array<u32>;
@group(0) @binding(3) var<storage, read_write> ids: array<u32>;

const LANES: u32 = 64u;
const NO_EXPERT: u32 = 0xffffffffu;
const KEY_NAN: u32 = 0xffffffffu;
const KEY_INFINITY: u32 = 0xff800000u;
const KEY_MINUS_INFINITY: u32 = 0x00800000u;

var<workgroup> keys: array<u32, LANES>;
var<workgroup> experts: array<u32, LANES>;
var<workgroup> sums: array<f32, LANES>;

fn value_bits(index: u32) -> u32 {
  if (shape.source == 0u) {
    return logits[shape.logits_lead + index];
  }
  let half = (logits[shape.logits_lead + (index >> 1u)] >> ((index & 1u) << 4u)) & 0xffffu;
  if (shape.source == 1u) {
    return sf_from_bf16(half);
  }
  return sf_from_f16(half);
}

// Integers in the order of the numbers; both zeros alike, a NaN above everything.
fn key_of(bits: u32) -> u32 {
  if (sf_is_nan(bits)) {
    return KEY_NAN;
  }
  let magnitude = bits & SF_MAGNITUDE;
  return select(SF_SIGN + magnitude, SF_SIGN - magnitude, (bits & SF_SIGN) != 0u);
}

fn number_of(key: u32) -> f32 {
  return bitcast<f32>(select(SF_SIGN | (SF_SIGN - key), key - SF_SIGN, key >= SF_SIGN));
}

// exp(value - largest), both given as keys of numbers; minus infinity gives 0.
fn share(key: u32, largest: u32) -> f32 {
  if (key == KEY_MINUS_INFINITY) {
    return 0.0;
  }
  // Halved, so that it stays finite.
  let half = 0.5 * number_of(largest) - 0.5 * number_of(key);
  return select(0.0, act_exp_negative(min(2.0 * half, 103.0)), half < 52.0);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = group.x + groups.x * (group.y + groups.y * group.z);
  if (row >= shape.rows) {
    return;
  }
  let start = row * shape.experts;
  var previous = KEY_NAN;
  var previous_expert = 0u;
  var largest = 0u;
  // The largest logit of a row decides: infinity less itself is no number.
  var finite = true;
  var kept = 0.0;
  for (var slot = 0u; slot < shape.topk; slot++) {
    // The next one in the order of falling keys, then rising ids.
    var best = 0u;
    var best_expert = NO_EXPERT;
    for (var expert = local; expert < shape.experts; expert += LANES) {
      let key = key_of(value_bits(start + expert));
      let later = slot == 0u || key < previous || (key == previous && expert > previous_expert);
      if (later && (best_expert == NO_EXPERT || key > best)) {
        best = key;
        best_expert = expert;
      }
    }
    keys[local] = best;
    experts[local] = best_expert;
    for (var reach = LANES / 2u; reach > 0u; reach >>= 1u) {
      workgroupBarrier();
      if (local < reach) {
        let other = keys[local + reach];
        let other_expert = experts[local + reach];
        // NO_EXPERT is the largest id, and has the lowest key.
        if (other > keys[local] || (other == keys[local] && other_expert < experts[local])) {
          keys[local] = other;
          experts[local] = other_expert;
        }
      }
    }
    workgroupBarrier();
    previous = keys[0];
    previous_expert = experts[0];
    workgroupBarrier();
    if (slot == 0u) {
      largest = previous;
      finite = largest > KEY_MINUS_INFINITY && largest < KEY_INFINITY;
    }
    kept += share(previous, largest);
    if (local == 0u) {
      ids[shape.ids_lead + row * shape.topk + slot] = previous_expert;
      weights[shape.weights_lead + row * shape.topk + slot] = previous;
    }
  }

  var total = kept;
  if (shape.kept_only == 0u) {
    var sum = 0.0;
    for (var expert = local; expert < shape.experts; expert += LANES) {
      sum += share(key_of(value_bits(start + expert)), largest);
    }
    sums[local] = sum;
    for (var reach = LANES / 2u; reach > 0u; reach >>= 1u) {
      workgroupBarrier();
      if (local < reach) {
        sums[local] += sums[local + reach];
      }
    }
    workgroupBarrier();
    total = sums[0];
  }
  if (local == 0u) {
    for (var slot = 0u; slot < shape.topk; slot++) {
      let at = shape.weights_lead + row * shape.topk + slot;
      weights[at] = select(SF_NAN, bitcast<u32>(share(weights[at], largest) / total), finite);
    }
  }
}
