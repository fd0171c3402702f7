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
