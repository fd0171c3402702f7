// A grouped MXFP4 multiplication for few rows an expert, bound by the bytes of the weights: a workgroup takes one block of up
// to four routed rows and 2 * row_lanes pairs of weight rows, and reads each weight once, 16 bytes (32 codes) a load.
// row_lanes neighbouring lanes lie along the weight rows (16 in shuffled layouts, where 16 rows by 16 bytes are neighbours in
// storage), the rest along k; their sums meet in workgroup memory.

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

// @library moe_stage begin
// What both shaders of a grouped MXFP4 multiplication share. Needs: softfloat, activation.
//
// For every routed row, and every pair (p, p + pairs) of weight rows of its expert: the two dot products. Stage 1 pairs gate
// and up rows and stores bf16(act(gate, up)); stage 2 pairs the halves of the output and stores the weighted products in
// binary32, from where `moe_reduce` adds the slots.

// 1 or 2.
override stage: u32 = 1u;
// Activations: A16W4 bf16, A8W4 e4m3fn with e8m0 scales, A4W4 e2m1 with e8m0 scales.
override scheme: u32 = 0u;
override has_bias: bool = false;

const A16W4: u32 = 0u;
const A8W4: u32 = 1u;
const A4W4: u32 = 2u;
const SCALE_NAN: u32 = 255u;

struct Shape {
  activation: Activation,
  // Experts whose weights are bound.
  expert_first: u32,
  expert_count: u32,
  pairs: u32,
  // Blocks of 32 along k.
  blocks: u32,
  tokens: u32,
  topk: u32,
  // Places in `routing`.
  valid_at: u32,
  block_experts_at: u32,
  ids_at: u32,
  weights_at: u32,
  // Where the bound parts begin. x, w: in elements of the binding; x_scale, w_scale: in bytes; bias, result: in words.
  x_lead: u32,
  x_scale_lead: u32,
  w_lead: u32,
  w_scale_first: u32,
  bias_lead: u32,
  result_lead: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x_scale: array<u32>;
@group(0) @binding(4) var<storage, read> w_scale: array<u32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
// What `moe_sort` wrote: valid rows, the expert of each block, sorted ids, their weights.
@group(0) @binding(6) var<storage, read> routing: array<u32>;
@group(0) @binding(7) var<storage, read_write> result: array<u32>;

// @generated layouts begin
// Nibbles between experts, and where a weight row and a column of one expert lie.
const W_EXPERT: u32 = 4096u;
fn w_row_offset(row: u32) -> u32 {
  return row * 64u;
}
fn w_column_offset(column: u32) -> u32 {
  return column;
}
// Where the scales of a weight row begin, and where in them that of a block lies.
fn w_scale_row(expert: u32, row: u32) -> u32 {
  return expert * 128u + row * 2u;
}
fn w_scale_block(block: u32) -> u32 {
  return block;
}
// @generated layouts end

// A routed row. `x` is its row of the activations, `route` its row of h and of the products.
struct Route {
  valid: bool,
  x: u32,
  route: u32,
  weight: f32,
}

fn route_of(row: u32) -> Route {
  let id = routing[shape.ids_at + row];
  let token = id & 0xffffffu;
  let route = token * shape.topk + (id >> 24u);
  let weight = bitcast<f32>(routing[shape.weights_at + row]);
  return Route(token < shape.tokens, select(token, route, stage == 2u), route, weight);
}

fn w_exponent(at: u32) -> u32 {
  return (w_scale[at >> 2u] >> ((at & 3u) << 3u)) & 0xffu;
}

// The scale byte of a block of a row of the activations; 1.0 where they have none.
fn x_exponent(row: u32, block: u32) -> u32 {
  if (scheme == A16W4) {
    return 127u;
  }
  let at = shape.x_scale_lead + row * shape.blocks + block;
  return (x_scale[at >> 2u] >> ((at & 3u) << 3u)) & 0xffu;
}

// value * 2^exponent on bits: a factor of 2^-127 would be a subnormal, which devices may flush. Subnormal results are zero.
fn scaled(value: f32, exponent: i32) -> f32 {
  let bits = bitcast<u32>(value);
  let field = i32((bits >> 23u) & 255u);
  if (field == 0 || field + exponent <= 0) {
    return 0.0;
  }
  if (field == 255) {
    return value;
  }
  if (field + exponent >= 255) {
    return bitcast<f32>((bits & SF_SIGN) | SF_INFINITY);
  }
  return bitcast<f32>(bits + (bitcast<u32>(exponent) << 23u));
}

// The exponent of a block of 32: two biases of 127, and in integers both factors are doubled.
fn block_exponent(x_byte: u32, w_byte: u32) -> i32 {
  return i32(x_byte + w_byte) - select(254, 256, scheme == A4W4);
}

// Twice the number of the e2m1 code in the low nibble of each byte, as int8: 0, 1, 2, 3, 4, 6, 8, 12.
fn doubled(codes: u32) -> u32 {
  let magnitude = codes & 0x07070707u;
  // The low two bits of codes from 4 on.
  let rest = magnitude & (((magnitude >> 2u) & 0x01010101u) * 3u);
  let twice = magnitude + rest + ((rest & (rest >> 1u) & 0x01010101u) << 1u);
  // -0 stays 0: its negation would carry into the next byte.
  let negative = (codes >> 3u) & (magnitude | (magnitude >> 1u) | (magnitude >> 2u)) & 0x01010101u;
  return (twice ^ (negative * 255u)) + negative;
}

// Four e4m3fn codes as four bf16, exact; built from bits, never from a subnormal.
fn bf16_from_e4m3(codes: u32) -> vec2u {
  let bytes = (vec4u(codes) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(0xffu);
  let magnitude = bytes & vec4u(0x7fu);
  let small = bitcast<vec4u>(vec4f(magnitude) * 0.001953125) >> vec4u(16u);
  let normal = (magnitude << vec4u(4u)) + vec4u(120u << 7u);
  let bits = select(normal, small, magnitude < vec4u(8u)) | ((bytes & vec4u(0x80u)) << vec4u(8u));
  return vec2u(bits.x | (bits.y << 16u), bits.z | (bits.w << 16u));
}

fn has_e4m3_nan(codes: u32) -> bool {
  let magnitude = (vec4u(codes) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(0x7fu);
  return any(magnitude == vec4u(0x7fu));
}

// Binary32 bits of a sum with its bias.
fn biased(sum: f32, expert: u32, row: u32, is_nan: bool) -> u32 {
  var total = sum;
  if (has_bias) {
    total += bias[shape.bias_lead + expert * 2u * shape.pairs + row];
  }
  return select(bitcast<u32>(total), SF_NAN, is_nan);
}

// Stores the sums of the pairs p and p + 1 (p is even): first rows, then second rows. `expert` counts from expert_first.
fn store_pairs(route: Route, expert: u32, p: u32, sums: vec4f, is_nan: vec4<bool>) {
  if (!route.valid || p >= shape.pairs) {
    return;
  }
  // Loops, so that the functions are there once: compilers inline them.
  let weight_rows = vec4u(p, p + 1u, p + shape.pairs, p + shape.pairs + 1u);
  var bits: vec4u;
  for (var i = 0u; i < 4u; i++) {
    bits[i] = biased(sums[i], expert, weight_rows[i], is_nan[i]);
  }
  if (stage == 1u) {
    var word = 0u;
    for (var i = 0u; i < 2u; i++) {
      word |= sf_to_bf16(act_gated(bits[i], bits[i + 2u], shape.activation)) << (16u * i);
    }
    result[shape.result_lead + ((route.route * shape.pairs + p) >> 1u)] = word;
    return;
  }
  let products = bitcast<vec4u>(bitcast<vec4f>(bits) * route.weight);
  // Tested on bits: a NaN need not survive a multiplication.
  let nan = (bits & vec4u(SF_MAGNITUDE)) > vec4u(SF_INFINITY);
  let stored = select(products, vec4u(SF_NAN), nan);
  let at = shape.result_lead + route.route * 2u * shape.pairs;
  for (var i = 0u; i < 4u; i++) {
    result[at + weight_rows[i]] = stored[i];
  }
}
// @library moe_stage end

// Rows of a block: 1, 2 or 4.
override rows: u32 = 1u;
// Powers of two; row_lanes at least 2.
override lanes: u32 = 128u;
override row_lanes: u32 = 16u;

@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(3) var<storage, read> w: array<vec4u>;

// e2m1 numbers: 16 words in 16 banks.
var<workgroup> numbers: array<f32, 16>;
var<workgroup> sums: array<vec4f, lanes * rows>;
// Bits 0..3: a weight row's scales held a NaN. From bit 4 on: a routed row's codes or scales did.
var<workgroup> nans: array<u32, lanes>;

fn number_of(codes: u32) -> vec4f {
  return vec4f(
    numbers[codes & 15u],
    numbers[(codes >> 8u) & 15u],
    numbers[(codes >> 16u) & 15u],
    numbers[(codes >> 24u) & 15u],
  );
}

@compute @workgroup_size(lanes)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let across = (shape.pairs + 2u * row_lanes - 1u) / (2u * row_lanes);
  let task = group.x + groups.x * (group.y + groups.y * group.z);
  let block = task / across;
  if (block * rows >= routing[shape.valid_at]) {
    return;
  }
  let expert = routing[shape.block_experts_at + block] - shape.expert_first;
  if (expert >= shape.expert_count) {
    return;
  }
  if (local < 16u) {
    let magnitude = (0xc8643210u >> ((local & 7u) * 4u)) & 15u;
    numbers[local] = f32(magnitude) * select(0.5, -0.5, local > 7u);
  }
  workgroupBarrier();

  // The two pairs of this lane, then the second rows of both. Beyond the last pair the last one is read again.
  let first = (task % across) * 2u * row_lanes;
  let p = min(vec2u(first + local % row_lanes) + vec2u(0u, row_lanes), vec2u(shape.pairs - 1u));
  let weight_rows = vec4u(p, p + vec2u(shape.pairs));
  var w_at: vec4u;
  var scale_at: vec4u;
  for (var c = 0u; c < 4u; c++) {
    w_at[c] = shape.w_lead + expert * (W_EXPERT / 32u) + w_row_offset(weight_rows[c]) / 32u;
    scale_at[c] = w_scale_row(shape.expert_first + expert, weight_rows[c]) - shape.w_scale_first;
  }
  // 16-byte pieces of a block of activations: 4, 2 or 1.
  let pieces = 4u >> scheme;
  var routes: array<Route, 4>;
  for (var m = 0u; m < rows; m++) {
    routes[m] = route_of(block * rows + m);
  }

  var totals = array<vec4f, 4>();
  var nan = 0u;
  for (var k = local / row_lanes; k < shape.blocks; k += lanes / row_lanes) {
    let w_column = w_column_offset(k * 32u) / 32u;
    let scale_column = w_scale_block(k);
    var codes = array<vec4u, 4>();
    var w_bytes: vec4u;
    for (var c = 0u; c < 4u; c++) {
      codes[c] = w[w_at[c] + w_column];
      w_bytes[c] = w_exponent(scale_at[c] + scale_column);
      nan |= select(0u, 1u << c, w_bytes[c] == SCALE_NAN);
    }
    // bf16 in pairs, or doubled int8 in fours (even columns of eight, then odd ones).
    var values = array<vec4u, 16>();
    var x_bytes = array<u32, 4>();
    for (var m = 0u; m < rows; m++) {
      if (!routes[m].valid) {
        continue;
      }
      let at = shape.x_lead + (routes[m].x * shape.blocks + k) * pieces;
      x_bytes[m] = x_exponent(routes[m].x, k);
      nan |= select(0u, 16u << m, x_bytes[m] == SCALE_NAN);
      if (scheme == A16W4) {
        for (var i = 0u; i < 4u; i++) {
          values[4u * m + i] = x[at + i];
        }
      } else if (scheme == A8W4) {
        for (var i = 0u; i < 2u; i++) {
          let piece = x[at + i];
          values[4u * m + 2u * i] = vec4u(bf16_from_e4m3(piece.x), bf16_from_e4m3(piece.y));
          values[4u * m + 2u * i + 1u] = vec4u(bf16_from_e4m3(piece.z), bf16_from_e4m3(piece.w));
          let poisoned = has_e4m3_nan(piece.x) || has_e4m3_nan(piece.y) || has_e4m3_nan(piece.z) || has_e4m3_nan(piece.w);
          nan |= select(0u, 16u << m, poisoned);
        }
      } else {
        for (var i = 0u; i < 4u; i++) {
          let word = x[at][i];
          values[4u * m + (i >> 1u)][(i & 1u) * 2u] = doubled(word & 0x0f0f0f0fu);
          values[4u * m + (i >> 1u)][(i & 1u) * 2u + 1u] = doubled((word >> 4u) & 0x0f0f0f0fu);
        }
      }
    }
    for (var c = 0u; c < 4u; c++) {
      // Written out: an array that is declared in a loop without a value keeps the last round's on some devices.
      var dots = array<f32, 4>();
      if (scheme == A4W4) {
        var whole = array<i32, 4>();
        for (var i = 0u; i < 4u; i++) {
          let even = doubled(codes[c][i] & 0x0f0f0f0fu);
          let odd = doubled((codes[c][i] >> 4u) & 0x0f0f0f0fu);
          for (var m = 0u; m < rows; m++) {
            let eight = values[4u * m + (i >> 1u)];
            whole[m] += dot4I8Packed(even, eight[(i & 1u) * 2u]) + dot4I8Packed(odd, eight[(i & 1u) * 2u + 1u]);
          }
        }
        for (var m = 0u; m < rows; m++) {
          dots[m] = f32(whole[m]);
        }
      } else {
        for (var i = 0u; i < 4u; i++) {
          let even = number_of(codes[c][i]);
          let odd = number_of(codes[c][i] >> 4u);
          for (var m = 0u; m < rows; m++) {
            let eight = values[4u * m + i];
            dots[m] += dot(even, bitcast<vec4f>(eight << vec4u(16u))) + dot(odd, bitcast<vec4f>(eight & vec4u(0xffff0000u)));
          }
        }
      }
      for (var m = 0u; m < rows; m++) {
        totals[m][c] += scaled(dots[m], block_exponent(x_bytes[m], w_bytes[c]));
      }
    }
  }

  // Sums over the lanes along k: a tree, so always in the same order.
  for (var m = 0u; m < rows; m++) {
    sums[m * lanes + local] = totals[m];
  }
  nans[local] = nan;
  for (var reach = lanes / 2u; reach >= row_lanes; reach >>= 1u) {
    workgroupBarrier();
    if (local < reach) {
      for (var m = 0u; m < rows; m++) {
        sums[m * lanes + local] += sums[m * lanes + local + reach];
      }
      nans[local] |= nans[local + reach];
    }
  }
  workgroupBarrier();

  // A lane stores two neighbouring pairs of one routed row.
  let m = local / row_lanes;
  if (m >= rows) {
    return;
  }
  let half = row_lanes / 2u;
  let upper = local % row_lanes >= half;
  let column = (local % half) * 2u;
  let a = sums[m * lanes + column];
  let b = sums[m * lanes + column + 1u];
  let bit = select(0u, 1u, upper);
  let row_nan = 16u << m;
  let near = vec4<bool>(
    (nans[column] & (row_nan | (1u << bit))) != 0u,
    (nans[column + 1u] & (row_nan | (1u << bit))) != 0u,
    (nans[column] & (row_nan | (4u << bit))) != 0u,
    (nans[column + 1u] & (row_nan | (4u << bit))) != 0u,
  );
  let four = select(vec4f(a.x, b.x, a.z, b.z), vec4f(a.y, b.y, a.w, b.w), upper);
  store_pairs(routes[m], expert, first + column + select(0u, row_lanes, upper), four, near);
}
