// Rounds binary32, bf16 or f16 numbers to a narrow format, to nearest even, in integers only: WGSL promises neither a
// rounding mode nor subnormals. The format is data, so one pipeline serves all of them. One invocation fills one word.

const SOURCE_F32: u32 = 0u;
const SOURCE_BF16: u32 = 1u;

const RULE_ROUND: u32 = 0u;
// The exponent, rounded by the mantissa: torch ignores the sign, ml_dtypes makes everything but positive numbers NaN.
const RULE_E8M0: u32 = 1u;
const RULE_E8M0_POSITIVE: u32 = 2u;

struct Format {
  // Elements to encode.
  count: u32,
  source_type: u32,
  // Bits a code takes in storage: 4, 8, 16 or 32.
  width: u32,
  rule: u32,
  mantissa_bits: u32,
  bias: u32,
  // The largest finite magnitude as a code, and as binary32 bits when numbers are clamped to it (else infinity).
  max_code: u32,
  clamp_bits: u32,
  sign_code: u32,
  // What larger magnitudes become, and what a NaN becomes.
  overflow_code: u32,
  overflow_sign: u32,
  nan_code: u32,
  nan_sign: u32,
  // f16 and f32: a NaN keeps these bits of its mantissa, after a shift.
  nan_payload: u32,
  nan_shift: u32,
  // 0: a zero has no sign (fnuz).
  zero_sign: u32,
}

@group(0) @binding(0) var<storage, read> format: Format;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

// An f16 as binary32: exact.
fn from_f16(half: u32) -> u32 {
  let sign = (half & 0x8000u) << 16u;
  let magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) {
    return sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13u);
  }
  if (magnitude >= 0x400u) {
    return sign | ((magnitude << 13u) + (112u << 23u));
  }
  if (magnitude == 0u) {
    return sign;
  }
  let shift = countLeadingZeros(magnitude) - 8u;
  return sign | ((126u - shift) << 23u) | ((magnitude << shift) & 0x7fffffu);
}

fn source_bits(i: u32) -> u32 {
  if (format.source_type == SOURCE_F32) {
    return x[i];
  }
  let half = (x[i >> 1u] >> ((i & 1u) << 4u)) & 0xffffu;
  if (format.source_type == SOURCE_BF16) {
    return half << 16u;
  }
  return from_f16(half);
}

// The code of a finite magnitude or infinity as if the format went on beyond its maximum.
fn rounded(magnitude: u32) -> u32 {
  let field = magnitude >> 23u;
  let exponent = max(field, 1u);
  let significand = (magnitude & 0x7fffffu) | select(0u, 0x800000u, field != 0u);
  // Biased exponent of the smallest normal number: below it the step is constant.
  let smallest = 128u - format.bias;
  let shift = 23u - format.mantissa_bits + max(smallest, exponent) - exponent;
  if (shift >= 25u) {
    return 0u;
  }
  // Nothing is cut off where the target is as wide as binary32.
  let odd = (significand >> shift) & 1u;
  let nudge = select(((1u << shift) >> 1u) + odd - 1u, 0u, shift == 0u);
  let units = (significand + nudge) >> shift;
  // A carry out of the mantissa moves into the exponent by itself.
  return ((max(smallest, exponent) - smallest) << format.mantissa_bits) + units;
}

fn e8m0(bits: u32) -> u32 {
  if (format.rule == RULE_E8M0_POSITIVE && (bits == 0u || bits > 0x7f800000u)) {
    return 255u;
  }
  let exponent = (bits >> 23u) & 255u;
  let mantissa = bits & 0x7fffffu;
  let up = mantissa > 0x400000u || (mantissa == 0x400000u && exponent > 0u);
  return select(exponent, exponent + 1u, up && exponent < 255u);
}

fn encoded(bits: u32) -> u32 {
  let magnitude = bits & 0x7fffffffu;
  let negative = (bits >> 31u) != 0u;
  let is_nan = magnitude > 0x7f800000u;
  let limited = select(min(magnitude, format.clamp_bits), magnitude, is_nan);
  if (format.rule != RULE_ROUND) {
    return e8m0(limited | (bits & 0x80000000u));
  }
  let sign = select(0u, format.sign_code, negative);
  if (is_nan) {
    let code = format.nan_code | ((bits >> format.nan_shift) & format.nan_payload);
    return code | select(0u, sign, format.nan_sign != 0u);
  }
  let code = rounded(limited);
  if (code > format.max_code) {
    return format.overflow_code + select(0u, sign, format.overflow_sign != 0u);
  }
  return code + select(sign, 0u, code == 0u && format.zero_sign == 0u);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.x + groups.x * (group.y + groups.y * group.z)) * 64u + local;
  let per_word = 32u / format.width;
  let first = index * per_word;
  if (first >= format.count) {
    return;
  }
  var word = 0u;
  for (var lane = 0u; lane < min(per_word, format.count - first); lane++) {
    word |= encoded(source_bits(first + lane)) << (lane * format.width);
  }
  y[index] = word;
}
