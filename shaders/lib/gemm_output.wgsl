// The last step of a matrix multiplication: binary32 to the output format, and words that neighbours may share.
// Needs a binding `y: array<atomic<u32>>` that holds zeros where words are shared.

const OUTPUT_F32: u32 = 0u;
const OUTPUT_BF16: u32 = 1u;
const OUTPUT_F16: u32 = 2u;
const OUTPUT_BF16_TRUNCATED: u32 = 3u;
const OUTPUT_NAN: u32 = 0x7fc00000u;

fn output_f16(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return sign | 0x7e00u;
  }
  // Halfway between the largest number and the next step, a tie rounds to infinity.
  if (magnitude >= 0x477ff000u) {
    return sign | 0x7c00u;
  }
  let exponent = magnitude >> 23u;
  let shift = 13u + select(0u, 113u - exponent, exponent < 113u);
  if (shift >= 25u) {
    return sign;
  }
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let units = (significand + (1u << (shift - 1u)) - 1u + ((significand >> shift) & 1u)) >> shift;
  return sign | (((max(exponent, 113u) - 113u) << 10u) + units);
}

fn output_code(bits: u32, format: u32) -> u32 {
  if (format == OUTPUT_F32) {
    return bits;
  }
  if (format == OUTPUT_F16) {
    return output_f16(bits);
  }
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return 0x7fc0u;
  }
  let round = select(0x7fffu + ((bits >> 16u) & 1u), 0u, format == OUTPUT_BF16_TRUNCATED);
  return (bits + round) >> 16u;
}

// Writes up to four neighbouring results from element `first` on. Half words go together where both are ours; a half
// whose other half belongs to someone else is or-ed in.
fn output_store(first: u32, bits: vec4u, count: u32, format: u32) {
  if (format == OUTPUT_F32) {
    for (var i = 0u; i < count; i++) {
      atomicStore(&y[first + i], bits[i]);
    }
    return;
  }
  var i = 0u;
  while (i < count) {
    let at = first + i;
    let code = output_code(bits[i], format);
    if ((at & 1u) == 0u && i + 1u < count) {
      atomicStore(&y[at >> 1u], code | (output_code(bits[i + 1u], format) << 16u));
      i += 2u;
    } else {
      atomicOr(&y[at >> 1u], code << ((at & 1u) << 4u));
      i += 1u;
    }
  }
}
