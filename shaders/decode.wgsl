// The values of codes as binary32, in integers only, so that subnormals survive. The format is data: one pipeline serves
// all of them. One invocation decodes one code.

struct Format {
  count: u32,
  // Bits a code takes in storage: 4, 8 or 16.
  width: u32,
  mantissa_bits: u32,
  bias: u32,
  // Sign bit of a code; 0 where there is none (e8m0).
  sign_code: u32,
  // Magnitudes above this are NaN, but for the infinity.
  max_code: u32,
  infinity_code: u32,
  // 1: the code of -0 is the NaN (fnuz).
  sign_is_nan: u32,
}

const NAN: u32 = 0x7fc00000u;

@group(0) @binding(0) var<storage, read> format: Format;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

fn subnormal(mantissa: u32) -> u32 {
  if (mantissa == 0u) {
    return 0u;
  }
  // The value is mantissa * 2^scale.
  let scale = 1 - i32(format.bias) - i32(format.mantissa_bits);
  let top = 31u - countLeadingZeros(mantissa);
  let exponent = i32(top) + scale + 127;
  if (exponent < 1) {
    // Subnormal in binary32, too.
    return mantissa << u32(scale + 149);
  }
  return (u32(exponent) << 23u) | ((mantissa << (23u - top)) & 0x7fffffu);
}

fn decoded(code: u32) -> u32 {
  if (format.sign_code == 0u) {
    // e8m0: the exponent itself.
    return select(select(code << 23u, 0x00400000u, code == 0u), NAN, code > format.max_code);
  }
  let sign = select(0u, 0x80000000u, (code & format.sign_code) != 0u);
  let magnitude = code & (format.sign_code - 1u);
  if (magnitude == format.infinity_code) {
    return sign | 0x7f800000u;
  }
  if (magnitude > format.max_code || (format.sign_is_nan != 0u && code == format.sign_code)) {
    return NAN;
  }
  let exponent = magnitude >> format.mantissa_bits;
  let mantissa = magnitude & ((1u << format.mantissa_bits) - 1u);
  if (exponent == 0u) {
    return sign | subnormal(mantissa);
  }
  return sign | ((exponent + 127u - format.bias) << 23u) | (mantissa << (23u - format.mantissa_bits));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.x + groups.x * (group.y + groups.y * group.z)) * 64u + local;
  if (index >= format.count) {
    return;
  }
  let per_word = 32u / format.width;
  let word = x[index / per_word] >> ((index % per_word) * format.width);
  y[index] = decoded(word & (0xffffu >> (16u - format.width)));
}
