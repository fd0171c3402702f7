// y[m, n] = sum over blocks of 32 of 2^(x_scale[m, g] + w_scale[n, g] - 254) * sum over k in g of x[m, k] * w[n, k], for
// e2m1 codes with e8m0 scales.
//
// Twice an e2m1 number is one of 0, 1, 2, 3, 4, 6, 8, 12: an int8. So the dot product of a block is exact in integers,
// and only the sum over blocks rounds. Scales are added to the exponent: a product with 2^-127 would be a binary32
// subnormal, which devices may flush.
//
// A workgroup computes 16 * row_steps rows by 64 columns; an invocation row_steps rows (16 apart) by 4 columns.

// Numbers of the dimensions in `shape.axes`.
const X_ROW: u32 = 0u;
const X_K: u32 = 1u;
const W_ROW: u32 = 2u;
const W_K: u32 = 3u;
const X_SCALE_ROW: u32 = 4u;
const X_SCALE_BLOCK: u32 = 5u;
const W_SCALE_ROW: u32 = 6u;
const W_SCALE_BLOCK: u32 = 7u;

// @library digits begin
// Where elements lie: every dimension of a layout is split into digits, and a storage offset is the sum of digit * stride
// over all of them. The digits come in as data, so one pipeline reads row-major and shuffled operands of any shape.
// Needs `shape.axes`.

struct Digit {
  // Product of the sizes of the digits further in.
  place: u32,
  size: u32,
  // In elements.
  stride: u32,
}

struct Axis {
  count: u32,
  // Outermost first.
  digits: array<Digit, 3>,
}

// What a coordinate adds to the storage offset.
fn axis_offset(axis: u32, position: u32) -> u32 {
  var offset = 0u;
  for (var i = 0u; i < shape.axes[axis].count; i++) {
    let digit = shape.axes[axis].digits[i];
    offset += ((position / digit.place) % digit.size) * digit.stride;
  }
  return offset;
}
// @library digits end

// 4 for many rows, 1 for few.
override row_steps: u32 = 4u;

struct Shape {
  // Rows [row_first, row_end) and columns [column_first, column_end) are computed by this dispatch.
  row_first: u32,
  row_end: u32,
  column_first: u32,
  column_end: u32,
  columns: u32,
  // Blocks of 32 along k.
  blocks: u32,
  // Storage offset of the first element in the bound part of x, w and y.
  x_first: u32,
  w_first: u32,
  y_first: u32,
  output_format: u32,
  axes: array<Axis, 8>,
}

@group(0) @binding(0) var<storage, read> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> w: array<u32>;
@group(0) @binding(3) var<storage, read> x_scale: array<u32>;
@group(0) @binding(4) var<storage, read> w_scale: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<atomic<u32>>;

// @library gemm_output begin
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
// @library gemm_output end

const TILE_N: u32 = 64u;
const SCALE_NAN: u32 = 255u;

// Doubled numbers as packed int8: [word][row], 8 words a block. x and w pair the same k.
var<workgroup> x_tile: array<u32, 512>;
var<workgroup> w_tile: array<u32, 512>;

// Twice the number of each e2m1 code in the low nibbles of a word, as int8.
fn doubled(codes: u32) -> u32 {
  var bytes = 0u;
  for (var i = 0u; i < 32u; i += 8u) {
    let code = codes >> i;
    let magnitude = (0xc8643210u >> ((code & 7u) * 4u)) & 15u;
    let signed = select(magnitude, 256u - magnitude, (code & 8u) != 0u) & 0xffu;
    bytes |= signed << i;
  }
  return bytes;
}

fn x_exponent(at: u32) -> u32 {
  return (x_scale[at >> 2u] >> ((at & 3u) << 3u)) & 0xffu;
}

fn w_exponent(at: u32) -> u32 {
  return (w_scale[at >> 2u] >> ((at & 3u) << 3u)) & 0xffu;
}

// A small integer times a power of two, rounded once where the result is subnormal; infinity beyond the range.
fn scaled(dot: i32, exponent: i32) -> f32 {
  let bits = bitcast<u32>(f32(dot));
  let field = i32((bits >> 23u) & 255u) + exponent;
  // Below half of the smallest subnormal; above 24 the shift would be too wide.
  if (dot == 0 || field < -23) {
    return 0.0;
  }
  let sign = bits & 0x80000000u;
  if (field >= 255) {
    return bitcast<f32>(sign | 0x7f800000u);
  }
  if (field > 0) {
    return bitcast<f32>((bits & 0x807fffffu) | (u32(field) << 23u));
  }
  let significand = (bits & 0x7fffffu) | 0x800000u;
  let shift = u32(1 - field);
  let nudge = (1u << (shift - 1u)) - 1u + ((significand >> shift) & 1u);
  return bitcast<f32>(sign | ((significand + nudge) >> shift));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let across = (shape.column_end - shape.column_first + TILE_N - 1u) / TILE_N;
  let tile = group.x + groups.x * (group.y + groups.y * group.z);
  // A tile beyond the matrix loads zeros and stores nothing; leaving early would make the barriers non-uniform.
  let row_tile = shape.row_first + (tile / across) * 16u * row_steps;
  let column_tile = shape.column_first + (tile % across) * TILE_N;
  let column = column_tile + (local % 16u) * 4u;
  let row = row_tile + local / 16u;
  let load_row = local / 4u;
  let load_k = (local % 4u) * 8u;
  let load_at = (local % 4u) * 2u * 64u + load_row;

  // Offsets of the rows this invocation reads, which stay the same along k. Beyond the matrix they are not used.
  let x_row = axis_offset(X_ROW, row_tile + load_row) - shape.x_first;
  let w_row = axis_offset(W_ROW, column_tile + load_row) - shape.w_first;
  var x_scale_row = vec4u();
  var w_scale_row = vec4u();
  for (var i = 0u; i < 4u; i++) {
    x_scale_row[i] = axis_offset(X_SCALE_ROW, row + 16u * i);
    w_scale_row[i] = axis_offset(W_SCALE_ROW, column + i);
  }

  var sums = array<vec4f, 4>();
  // Bit of a row or column whose scales held a NaN.
  var nan_rows = 0u;
  var nan_columns = vec4u();
  for (var block = 0u; block < shape.blocks; block++) {
    let k = block * 32u + load_k;
    workgroupBarrier();
    var w_word = 0u;
    if (column_tile + load_row < shape.column_end) {
      w_word = w[(w_row + axis_offset(W_K, k)) >> 3u];
    }
    w_tile[load_at] = doubled(w_word & 0x0f0f0f0fu);
    w_tile[load_at + 64u] = doubled((w_word >> 4u) & 0x0f0f0f0fu);
    if (load_row < 16u * row_steps) {
      var x_word = 0u;
      if (row_tile + load_row < shape.row_end) {
        x_word = x[(x_row + axis_offset(X_K, k)) >> 3u];
      }
      x_tile[load_at] = doubled(x_word & 0x0f0f0f0fu);
      x_tile[load_at + 64u] = doubled((x_word >> 4u) & 0x0f0f0f0fu);
    }
    workgroupBarrier();

    var dots = array<vec4i, 4>();
    for (var i = 0u; i < 8u; i++) {
      let at = i * 64u + (local % 16u) * 4u;
      let b = vec4u(w_tile[at], w_tile[at + 1u], w_tile[at + 2u], w_tile[at + 3u]);
      for (var r = 0u; r < row_steps; r++) {
        let a = x_tile[i * 64u + local / 16u + 16u * r];
        dots[r] += vec4i(dot4I8Packed(a, b.x), dot4I8Packed(a, b.y), dot4I8Packed(a, b.z), dot4I8Packed(a, b.w));
      }
    }
    let x_scale_block = axis_offset(X_SCALE_BLOCK, block);
    let w_scale_block = axis_offset(W_SCALE_BLOCK, block);
    var w_exponents = vec4u();
    for (var c = 0u; c < 4u; c++) {
      if (column + c < shape.column_end) {
        w_exponents[c] = w_exponent(w_scale_row[c] + w_scale_block);
        nan_columns[c] |= select(0u, 1u, w_exponents[c] == SCALE_NAN);
      }
    }
    for (var r = 0u; r < row_steps; r++) {
      if (row + 16u * r < shape.row_end) {
        let x_part = x_exponent(x_scale_row[r] + x_scale_block);
        nan_rows |= select(0u, 1u << r, x_part == SCALE_NAN);
        // Two exponents with bias 127, and both factors doubled.
        for (var c = 0u; c < 4u; c++) {
          sums[r][c] += scaled(dots[r][c], i32(x_part + w_exponents[c]) - 256);
        }
      }
    }
  }

  if (column >= shape.column_end) {
    return;
  }
  let count = min(4u, shape.column_end - column);
  for (var r = 0u; r < row_steps; r++) {
    let m = row + 16u * r;
    if (m >= shape.row_end) {
      return;
    }
    let nan_row = (nan_rows & (1u << r)) != 0u;
    let bits = select(bitcast<vec4u>(sums[r]), vec4u(OUTPUT_NAN), (nan_columns != vec4u()) | vec4<bool>(nan_row));
    output_store(m * shape.columns + column - shape.y_first, bits, count, shape.output_format);
  }
}
