// Elements to codes, given what quant_scale left for every block: one invocation fills one 32-bit word of the output
// (four bytes, or eight nibbles with the even element low). Words may straddle rows and blocks, so any width works.

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

// @library minifloat begin
// Encoders from binary32 bit patterns to the small formats of quantised weights and activations, in integers only.
// Needs: softfloat.

const MF_E4M3FN: u32 = 0u;
const MF_E4M3FNUZ: u32 = 1u;
const MF_E5M2: u32 = 2u;
const MF_E5M2FNUZ: u32 = 3u;
const MF_E2M1: u32 = 4u;

struct MiniFormat {
  mantissa_bits: u32,
  bias: u32,
  // The largest finite magnitude as a code and as binary32 bits.
  max_code: u32,
  max_bits: u32,
  // What a rounded magnitude above max_code becomes, and what a NaN becomes; the sign is added where it is kept.
  overflow_code: u32,
  nan_code: u32,
  sign_code: u32,
  // fnuz formats: 0x80 is the NaN, so neither zero nor NaN takes a sign.
  unsigned_zero: bool,
}

fn mf_format(id: u32) -> MiniFormat {
  switch id {
    case MF_E4M3FNUZ: {
      return MiniFormat(3u, 8u, 0x7fu, 0x43700000u, 0x80u, 0x80u, 0x80u, true);
    }
    case MF_E5M2: {
      return MiniFormat(2u, 15u, 0x7bu, 0x47600000u, 0x7cu, 0x7fu, 0x80u, false);
    }
    case MF_E5M2FNUZ: {
      return MiniFormat(2u, 16u, 0x7fu, 0x47600000u, 0x80u, 0x80u, 0x80u, true);
    }
    case MF_E2M1: {
      // AITER's integer path: saturates, and a NaN comes out as code 3.
      return MiniFormat(1u, 1u, 0x7u, 0x40c00000u, 0x7u, 0x3u, 0x8u, false);
    }
    default: {
      return MiniFormat(3u, 7u, 0x7eu, 0x43e00000u, 0x7fu, 0x7fu, 0x80u, false);
    }
  }
}

// Round to nearest even, overflow as torch's .to() has it (e2m1: saturating).
fn mf_encode(a: u32, f: MiniFormat) -> u32 {
  let magnitude = a & SF_MAGNITUDE;
  let sign = select(0u, f.sign_code, (a & SF_SIGN) != 0u);
  if (magnitude > SF_INFINITY) {
    return select(f.nan_code | sign, f.nan_code, f.unsigned_zero);
  }
  let cut = 23u - f.mantissa_bits;
  let smallest_normal = 128u - f.bias;
  let exponent = magnitude >> 23u;
  var code: u32;
  if (exponent >= smallest_normal) {
    code = ((magnitude + (1u << (cut - 1u)) - 1u + ((magnitude >> cut) & 1u)) >> cut) - ((smallest_normal - 1u) << f.mantissa_bits);
  } else {
    // Below the smallest normal the step is constant. Further than 25 places down, and for binary32 subnormals,
    // everything rounds to zero.
    let shift = cut + smallest_normal - exponent;
    if (shift > 25u || exponent == 0u) {
      code = 0u;
    } else {
      let m = (magnitude & 0x007fffffu) | SF_HIDDEN;
      code = (m + (1u << (shift - 1u)) - 1u + ((m >> shift) & 1u)) >> shift;
    }
  }
  if (code > f.max_code) {
    return select(f.overflow_code | sign, f.overflow_code, f.unsigned_zero);
  }
  return select(code | sign, 0u, f.unsigned_zero && code == 0u);
}

// Clamps to the finite range first; a NaN stays a NaN (torch.clamp).
fn mf_clamp(a: u32, f: MiniFormat) -> u32 {
  let magnitude = a & SF_MAGNITUDE;
  if (magnitude > SF_INFINITY) {
    return a;
  }
  return (a & SF_SIGN) | min(magnitude, f.max_bits);
}
// @library minifloat end

const SOURCE_F32: u32 = 0u;
const SOURCE_BF16: u32 = 1u;

const LIMIT_NONE: u32 = 0u;
const LIMIT_CLAMP: u32 = 1u;
const LIMIT_MED3: u32 = 2u;

struct Rule {
  rows: u32,
  columns: u32,
  block_rows: u32,
  block_columns: u32,
  // Words before the first element, step and code: bindings start at aligned offsets.
  x_lead: u32,
  step_lead: u32,
  y_lead: u32,
  source_type: u32,
  format: u32,
  // 1: multiply by the step. 0: divide by it. Both round once, as the producer does.
  multiply: u32,
  // torch.clamp keeps a NaN; AMD's v_med3_f32 turns it into the lower limit.
  limit: u32,
  limit_bits: u32,
}

@group(0) @binding(0) var<storage, read> rule: Rule;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> steps: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

fn bits_at(i: u32) -> u32 {
  if (rule.source_type == SOURCE_F32) {
    return x[rule.x_lead + i];
  }
  let half = (x[rule.x_lead + (i >> 1u)] >> ((i & 1u) << 4u)) & 0xffffu;
  if (rule.source_type == SOURCE_BF16) {
    return sf_from_bf16(half);
  }
  return sf_from_f16(half);
}

fn limited(value: u32) -> u32 {
  let magnitude = value & SF_MAGNITUDE;
  if (rule.limit == LIMIT_NONE) {
    return value;
  }
  if (magnitude > SF_INFINITY) {
    return select(value, SF_SIGN | rule.limit_bits, rule.limit == LIMIT_MED3);
  }
  return (value & SF_SIGN) | min(magnitude, rule.limit_bits);
}

fn code_of(bits: u32, step: u32, f: MiniFormat) -> u32 {
  var value: u32;
  if (rule.multiply != 0u) {
    value = sf_mul(bits, step);
  } else {
    value = sf_div(bits, step);
  }
  return mf_encode(limited(value), f);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let word = (group.x + groups.x * (group.y + groups.y * group.z)) * 64u + local;
  let width = select(8u, 4u, rule.format == MF_E2M1);
  let codes = 32u / width;
  let count = rule.rows * rule.columns;
  let across = (rule.columns + rule.block_columns - 1u) / rule.block_columns;
  if (word * codes >= count) {
    return;
  }
  let f = mf_format(rule.format);
  let first = word * codes;
  var row = first / rule.columns;
  var column = first % rule.columns;
  // Counted along instead of divided out for every element.
  var block = column / rule.block_columns;
  var within = column % rule.block_columns;
  var block_row = (row / rule.block_rows) * across;
  var packed = 0u;
  for (var j = 0u; j < codes && first + j < count; j++) {
    let step = steps[rule.step_lead + block_row + block];
    packed |= code_of(bits_at(first + j), step, f) << (j * width);
    column++;
    within++;
    if (within == rule.block_columns) {
      within = 0u;
      block++;
    }
    if (column == rule.columns) {
      column = 0u;
      within = 0u;
      block = 0u;
      row++;
      block_row = (row / rule.block_rows) * across;
    }
  }
  y[rule.y_lead + word] = packed;
}
