// f32 to the narrow formats, to nearest, ties to even, as the conversion instructions do it.
//
// What lies beyond the largest number becomes NaN in e4m3 and does not saturate: rocm-systems issue 9556 shows 448 + 18 give 0x7f
// on gfx950, and NaN on gfx942 (the saturating mode FP16_OVFL is off in kernels). e2m1 has nothing but its largest number for
// that. What a NaN gives as e2m1 is not documented (AMD's emulator rocjitsu has had 0 and the largest number); kernels must not
// ask.
#pragma once
#include <cstdint>

namespace preshuffle_cpu {

/** A magnitude's code as if the format went on beyond its largest number. */
template <unsigned mantissa_bits, int bias> uint32_t round_magnitude(uint32_t magnitude) {
  constexpr uint32_t SMALLEST_NORMAL = (128 - bias) << 23;
  if (magnitude < SMALLEST_NORMAL) {
    // The unit is the smallest subnormal; the host rounds to even, too.
    const float units = __builtin_bit_cast(float, magnitude) * (float)(1u << (bias - 1 + (int)mantissa_bits));
    return (uint32_t)__builtin_rintf(units);
  }
  constexpr unsigned CUT = 23 - mantissa_bits;
  const uint32_t odd = magnitude >> CUT & 1;
  // Codes count on over exponent and mantissa, so a carry needs no care.
  return ((magnitude + (1u << (CUT - 1)) - 1 + odd) >> CUT) - ((127 - bias) << mantissa_bits);
}

constexpr uint32_t F32_SIGN = 0x80000000;
constexpr uint32_t F32_INFINITY = 0x7f800000;

inline uint8_t encode_e4m3(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t magnitude = bits & ~F32_SIGN;
  const uint32_t code = magnitude >= F32_INFINITY ? 0x7f : round_magnitude<3, 7>(magnitude);
  return (uint8_t)((code > 0x7e ? 0x7f : code) | bits >> 31 << 7);
}

inline uint8_t encode_e4m3_fnuz(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t magnitude = bits & ~F32_SIGN;
  const uint32_t code = magnitude >= F32_INFINITY ? 0x80 : round_magnitude<3, 8>(magnitude);
  if (code > 0x7f) return 0x80;
  return (uint8_t)(code == 0 ? 0 : code | bits >> 31 << 7);
}

/** In the low four bits. */
inline uint8_t encode_e2m1(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t magnitude = bits & ~F32_SIGN;
  const uint32_t code = magnitude >= F32_INFINITY ? 7 : round_magnitude<1, 1>(magnitude);
  return (uint8_t)((code > 7 ? 7 : code) | bits >> 31 << 3);
}

inline uint16_t encode_bf16(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  if ((bits & ~F32_SIGN) > F32_INFINITY) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/** value * 2^(sign * (e8m0 - 127)); NaN for 255. In f64, which holds every result. */
inline float times_e8m0(float value, uint32_t e8m0, int sign) {
  if (e8m0 == 255) return __builtin_nanf("");
  const uint64_t exponent = (uint64_t)(1023 + sign * ((int)e8m0 - 127));
  return (float)(value * __builtin_bit_cast(double, exponent << 52));
}

}  // namespace preshuffle_cpu
