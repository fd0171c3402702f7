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
