// The scale of every block of a matrix: largest magnitude, then the rule of one producer.
//
// Blocks are block_rows x block_columns and may be cut off at the edges, so the same kernel serves 1x128 and 1x32
// groups, whole rows, 128x128 weight blocks, single numbers, and (over partial maxima) a whole tensor.
// The largest magnitude is the largest bit pattern without its sign: exact in any order, and a NaN wins by itself.
// The rule is data, not overrides: one pipeline serves every op, and compiling costs more than the branches.

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

// @library block_scale begin
// Power-of-two scales: OCP MX scale bytes (e8m0), and DeepGEMM's UE8M0 in binary32. Needs: softfloat.

// The biased exponent of the smallest power of two that is not below the magnitude; 255 for infinities and NaNs.
fn bs_ceil_exponent(magnitude: u32) -> u32 {
  let exponent = magnitude >> 23u;
  return exponent + select(0u, 1u, exponent < 255u && (magnitude & 0x007fffffu) != 0u);
}

// Rounds to mantissa_bits fraction bits, ties up, and takes the exponent less the element's largest one.
fn bs_even_exponent(magnitude: u32, mantissa_bits: u32, max_exponent: u32) -> u32 {
  let exponent = (min(magnitude, SF_INFINITY) + (1u << (22u - mantissa_bits))) >> 23u;
  return select(max(exponent, max_exponent) - max_exponent, 255u, exponent == 255u);
}

// 2^(byte - 127) as binary32 bits: byte 0 is the subnormal 2^-127, byte 255 is NaN.
fn bs_e8m0_bits(byte: u32) -> u32 {
  if (byte == 255u) {
    return SF_NAN;
  }
  return select(byte << 23u, 0x00400000u, byte == 0u);
}

// DeepGEMM's ceil_to_ue8m0: the power of two at or above the magnitude, its exponent kept within 1..254.
fn bs_ceil_to_ue8m0(a: u32) -> u32 {
  return clamp(bs_ceil_exponent(a & SF_MAGNITUDE), 1u, 254u) << 23u;
}
// @library block_scale end

const SOURCE_F32: u32 = 0u;
const SOURCE_BF16: u32 = 1u;

const FACTOR_NONE: u32 = 0u;
const FACTOR_DIVIDE: u32 = 1u;
const FACTOR_MULTIPLY: u32 = 2u;

const ROUND_NONE: u32 = 0u;
const ROUND_UE8M0: u32 = 1u;
const ROUND_E8M0_FLOOR: u32 = 2u;
const ROUND_E8M0_CEIL: u32 = 3u;
const ROUND_E8M0_EVEN: u32 = 4u;

const STEP_SCALE: u32 = 0u;
const STEP_INVERSE: u32 = 1u;
const STEP_MAX_OVER_AMAX: u32 = 2u;

struct Rule {
  rows: u32,
  columns: u32,
  block_rows: u32,
  block_columns: u32,
  // Words before the first element and the first scale: bindings start at aligned offsets.
  x_lead: u32,
  scale_lead: u32,
  source_type: u32,
  // Lanes that share one block: a power of two, at most 256.
  lanes: u32,
  // fmaxf semantics (AITER HIP): a NaN does not count. Otherwise it makes the scale NaN (torch).
  ignore_nan: u32,
  // The amax is raised to this (binary32 bits).
  amax_floor: u32,
  factor_rule: u32,
  factor: u32,
  rounding: u32,
  // torch references: a scale of zero becomes one.
  zero_to_one: u32,
  // Of the element type, for ROUND_E8M0_EVEN.
  mantissa_bits: u32,
  max_exponent: u32,
  // Upper limit of an e8m0 byte: 254 where the source never stores NaN, otherwise 255.
  byte_ceiling: u32,
  // Lower limit of the byte that is stored; the elements are scaled by the unlimited one.
  byte_floor: u32,
  // What the element step needs: the scale itself, 1/scale, or step_max/amax.
  step_rule: u32,
  step_max: u32,
}

@group(0) @binding(0) var<storage, read> rule: Rule;
@group(0) @binding(1) var<storage, read> x: array<u32>;
// Binary32 bits, or e8m0 bytes one a word; one a block, row-major.
@group(0) @binding(2) var<storage, read_write> scales: array<u32>;
@group(0) @binding(3) var<storage, read_write> steps: array<u32>;

var<workgroup> partial: array<u32, 256>;

fn magnitude_at(i: u32) -> u32 {
  var bits: u32;
  if (rule.source_type == SOURCE_F32) {
    bits = x[rule.x_lead + i];
  } else {
    let half = (x[rule.x_lead + (i >> 1u)] >> ((i & 1u) << 4u)) & 0xffffu;
    if (rule.source_type == SOURCE_BF16) {
      bits = sf_from_bf16(half);
    } else {
      bits = sf_from_f16(half);
    }
  }
  let magnitude = bits & SF_MAGNITUDE;
  return select(magnitude, 0u, rule.ignore_nan != 0u && magnitude > SF_INFINITY);
}

fn block_amax(block: u32, across: u32, lane: u32) -> u32 {
  let top = (block / across) * rule.block_rows;
  let left = (block % across) * rule.block_columns;
  let width = min(rule.block_columns, rule.columns - left);
  let count = width * min(rule.block_rows, rule.rows - top);
  var largest = 0u;
  for (var i = lane; i < count; i += rule.lanes) {
    largest = max(largest, magnitude_at((top + i / width) * rule.columns + left + i % width));
  }
  return largest;
}

fn scaled_amax(amax: u32) -> u32 {
  switch rule.factor_rule {
    case FACTOR_DIVIDE: {
      return sf_div(amax, rule.factor);
    }
    case FACTOR_MULTIPLY: {
      return sf_mul(amax, rule.factor);
    }
    default: {
      return amax;
    }
  }
}

// The e8m0 byte where the rule asks for one.
fn rounded_byte(amax: u32, scaled: u32) -> u32 {
  switch rule.rounding {
    case ROUND_E8M0_FLOOR: {
      return scaled >> 23u;
    }
    case ROUND_E8M0_CEIL: {
      return bs_ceil_exponent(scaled);
    }
    default: {
      return bs_even_exponent(amax, rule.mantissa_bits, rule.max_exponent);
    }
  }
}

fn write_scale(at: u32, largest: u32) {
  // A NaN compares above the floor and stays.
  let amax = select(max(largest, rule.amax_floor), SF_NAN, largest > SF_INFINITY);
  let scaled = scaled_amax(amax);
  var scale = scaled;
  if (rule.rounding >= ROUND_E8M0_FLOOR) {
    let byte = min(rounded_byte(amax, scaled), rule.byte_ceiling);
    scale = bs_e8m0_bits(byte);
    scales[at] = max(byte, rule.byte_floor);
  } else {
    if (rule.rounding == ROUND_UE8M0) {
      scale = bs_ceil_to_ue8m0(scaled);
    }
    if (rule.zero_to_one != 0u && scale == 0u) {
      scale = 0x3f800000u;
    }
    scales[at] = scale;
  }
  if (rule.step_rule == STEP_SCALE) {
    steps[at] = scale;
  } else {
    let inverse = rule.step_rule == STEP_INVERSE;
    steps[at] = sf_div(select(rule.step_max, 0x3f800000u, inverse), select(amax, scale, inverse));
  }
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let across = (rule.columns + rule.block_columns - 1u) / rule.block_columns;
  let down = (rule.rows + rule.block_rows - 1u) / rule.block_rows;
  let linear = group.x + groups.x * (group.y + groups.y * group.z);
  let lane = local % rule.lanes;
  let block = linear * (256u / rule.lanes) + local / rule.lanes;
  let inside = block < across * down;
  var largest = 0u;
  if (inside) {
    largest = block_amax(block, across, lane);
  }
  partial[local] = largest;
  for (var step = rule.lanes / 2u; step > 0u; step = step / 2u) {
    workgroupBarrier();
    if (lane < step) {
      partial[local] = max(partial[local], partial[local + step]);
    }
  }
  if (inside && lane == 0u) {
    write_scale(rule.scale_lead + block, partial[local]);
  }
}
