// y[m, n] = sum over blocks g of x_scale[m, g] * w_scale[n / block_n, g] * sum over k in g of x[m, k] * w[n, k],
// for e4m3 codes, accumulated in binary32. Where elements lie comes in as the digits of their layouts, so row-major and
// shuffled weights run through the same code.
//
// A workgroup computes 16 * row_steps rows by 64 columns; an invocation row_steps rows (16 apart) by 4 columns. Codes are
// decoded once a tile, on their way into workgroup memory. NaNs are tracked in integers: WGSL lets implementations assume
// that there are none.

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
// Whether four neighbouring k lie in one aligned word of x and w, and blocks start there.
override x_words: bool = false;
override w_words: bool = false;
// e4m3fnuz instead of e4m3fn.
override fnuz: bool = false;

struct Shape {
  // Rows [row_first, row_end) and columns [column_first, column_end) are computed by this dispatch.
  row_first: u32,
  row_end: u32,
  column_first: u32,
  column_end: u32,
  columns: u32,
  depth: u32,
  block_n: u32,
  block_k: u32,
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
const TILE_K: u32 = 16u;

// Values of the tiles, k-major: [k][row].
var<workgroup> x_tile: array<f32, 1024>;
var<workgroup> w_tile: array<f32, 1024>;
// Rows of the tiles in which a NaN was met.
var<workgroup> x_nan: array<atomic<u32>, 64>;
var<workgroup> w_nan: array<atomic<u32>, 64>;

fn is_nan_code(code: u32) -> bool {
  if (fnuz) {
    return code == 0x80u;
  }
  return (code & 0x7fu) == 0x7fu;
}

// Exact: built from bits, never from a binary32 subnormal. NaN codes give some finite number.
fn value(code: u32) -> f32 {
  let sign = (code & 0x80u) << 24u;
  let magnitude = code & 0x7fu;
  let bias = select(7u, 8u, fnuz);
  if (magnitude < 8u) {
    let unit = select(0.001953125, 0.0009765625, fnuz);
    return bitcast<f32>(bitcast<u32>(f32(magnitude) * unit) | sign);
  }
  return bitcast<f32>(sign | ((magnitude << 20u) + ((127u - bias) << 23u)));
}

// Codes of k, k + 1, k + 2, k + 3 as the bytes of a word; those beyond `end` are zero and not read. `row` is the offset of
// the row in the bound part of x.
fn x_codes(row: u32, k: u32, end: u32) -> u32 {
  if (x_words) {
    return x[(row + axis_offset(X_K, k)) >> 2u];
  }
  var word = 0u;
  for (var i = 0u; i < min(4u, end - k); i++) {
    let at = row + axis_offset(X_K, k + i);
    word |= ((x[at >> 2u] >> ((at & 3u) << 3u)) & 0xffu) << (8u * i);
  }
  return word;
}

fn w_codes(row: u32, k: u32, end: u32) -> u32 {
  if (w_words) {
    return w[(row + axis_offset(W_K, k)) >> 2u];
  }
  var word = 0u;
  for (var i = 0u; i < min(4u, end - k); i++) {
    let at = row + axis_offset(W_K, k + i);
    word |= ((w[at >> 2u] >> ((at & 3u) << 3u)) & 0xffu) << (8u * i);
  }
  return word;
}

fn has_nan(word: u32) -> bool {
  return is_nan_code(word & 0xffu) || is_nan_code((word >> 8u) & 0xffu) || is_nan_code((word >> 16u) & 0xffu) || is_nan_code(word >> 24u);
}

fn is_nan_bits(bits: u32) -> bool {
  return (bits & 0x7fffffffu) > 0x7f800000u;
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
  let load_k = (local % 4u) * 4u;
  let loads_x_tile = load_row < 16u * row_steps;
  let loads_x = loads_x_tile && row_tile + load_row < shape.row_end;
  let loads_w = column_tile + load_row < shape.column_end;
  // Offsets of the rows this invocation reads, which stay the same along k. Beyond the matrix they are not used.
  let x_row = axis_offset(X_ROW, row_tile + load_row) - shape.x_first;
  let w_row = axis_offset(W_ROW, column_tile + load_row) - shape.w_first;
  var x_scale_row = vec4u();
  var w_scale_row = vec4u();
  for (var i = 0u; i < 4u; i++) {
    x_scale_row[i] = axis_offset(X_SCALE_ROW, row + 16u * i);
    w_scale_row[i] = axis_offset(W_SCALE_ROW, (column + i) / shape.block_n);
  }

  var sums = array<vec4f, 4>();
  // Bit of a row or column whose scales held a NaN.
  var nan_rows = 0u;
  var nan_columns = vec4u();
  let blocks = (shape.depth + shape.block_k - 1u) / shape.block_k;
  for (var block = 0u; block < blocks; block++) {
    let end = min(shape.depth, (block + 1u) * shape.block_k);
    var dots = array<vec4f, 4>();
    for (var start = block * shape.block_k; start < end; start += TILE_K) {
      workgroupBarrier();
      let k = load_k * 64u + load_row;
      let has_k = start + load_k < end;
      var w_word = 0u;
      if (loads_w && has_k) {
        w_word = w_codes(w_row, start + load_k, end);
      }
      for (var i = 0u; i < 4u; i++) {
        w_tile[k + 64u * i] = value((w_word >> (8u * i)) & 0xffu);
      }
      if (has_nan(w_word)) {
        atomicOr(&w_nan[load_row], 1u);
      }
      if (loads_x_tile) {
        var x_word = 0u;
        if (loads_x && has_k) {
          x_word = x_codes(x_row, start + load_k, end);
        }
        for (var i = 0u; i < 4u; i++) {
          x_tile[k + 64u * i] = value((x_word >> (8u * i)) & 0xffu);
        }
        if (has_nan(x_word)) {
          atomicOr(&x_nan[load_row], 1u);
        }
      }
      workgroupBarrier();
      for (var i = 0u; i < TILE_K; i++) {
        let at = i * 64u + (local % 16u) * 4u;
        let w_values = vec4f(w_tile[at], w_tile[at + 1u], w_tile[at + 2u], w_tile[at + 3u]);
        for (var r = 0u; r < row_steps; r++) {
          // A product of two fp8 numbers is exact, so this rounds once, as fma would: software devices lack a fast one.
          dots[r] += x_tile[i * 64u + local / 16u + 16u * r] * w_values;
        }
      }
    }
    let x_scale_block = axis_offset(X_SCALE_BLOCK, block);
    let w_scale_block = axis_offset(W_SCALE_BLOCK, block);
    var w_scales = vec4f();
    for (var c = 0u; c < 4u; c++) {
      if (column + c < shape.column_end) {
        let bits = w_scale[w_scale_row[c] + w_scale_block];
        w_scales[c] = bitcast<f32>(bits);
        nan_columns[c] |= select(0u, 1u, is_nan_bits(bits));
      }
    }
    for (var r = 0u; r < row_steps; r++) {
      if (row + 16u * r < shape.row_end) {
        let bits = x_scale[x_scale_row[r] + x_scale_block];
        nan_rows |= select(0u, 1u << r, is_nan_bits(bits));
        sums[r] = fma(dots[r], bitcast<f32>(bits) * w_scales, sums[r]);
      }
    }
  }
  workgroupBarrier();

  if (column >= shape.column_end) {
    return;
  }
  for (var c = 0u; c < 4u; c++) {
    nan_columns[c] |= atomicLoad(&w_nan[(local % 16u) * 4u + c]);
  }
  let count = min(4u, shape.column_end - column);
  for (var r = 0u; r < row_steps; r++) {
    let m = row + 16u * r;
    if (m >= shape.row_end) {
      return;
    }
    let nan_row = (nan_rows & (1u << r)) != 0u || atomicLoad(&x_nan[local / 16u + 16u * r]) != 0u;
    let bits = select(bitcast<vec4u>(sums[r]), vec4u(OUTPUT_NAN), (nan_columns != vec4u()) | vec4<bool>(nan_row));
    output_store(m * shape.columns + column - shape.y_first, bits, count, shape.output_format);
  }
}
