// What both shaders of a grouped MXFP4 multiplication share. Needs: softfloat, activation.
//
// For every routed row, and every pair (p, p + pairs) of weight rows of its expert: the two dot products. Stage 1 pairs gate
// and up rows and stores bf16(act(gate, up)); stage 2 pairs the halves of the output and stores the weighted products in
// binary32, from where `moe_reduce` adds the slots.

// 1 or 2.
override stage: u32 = 1u;
// Activations: A16W4 bf16, A8W4 e4m3fn with e8m0 scales, A4W4 e2m1 with e8m0 scales.
override scheme: u32 = 0u;
override has_bias: bool = false;

const A16W4: u32 = 0u;
const A8W4: u32 = 1u;
const A4W4: u32 = 2u;
const SCALE_NAN: u32 = 255u;

struct Shape {
  activation: Activation,
  // Experts whose weights are bound.
  expert_first: u32,
  expert_count: u32,
  pairs: u32,
  // Blocks of 32 along k.
  blocks: u32,
  tokens: u32,
  topk: u32,
  // Places in `routing`.
  valid_at: u32,
  block_experts_at: u32,
  ids_at: u32,
  weights_at: u32,
  // Where the bound parts begin. x, w: in elements of the binding; x_scale, w_scale: in bytes; bias, result: in words.
  x_lead: u32,
  x_scale_lead: u32,
  w_lead: u32,
  w_scale_first: u32,
  bias_lead: u32,
  result_lead: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(2) var<storage, read> x_scale: array<u32>;
@group(0) @binding(4) var<storage, read> w_scale: array<u32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
// What `moe_sort` wrote: valid rows, the expert of each block, sorted ids, their weights.
@group(0) @binding(6) var<storage, read> routing: array<u32>;
@group(0) @binding(7) var<storage, read_write> result: array<u32>;

// @generated layouts begin
// Nibbles between experts, and where a weight row and a column of one expert lie.
const W_EXPERT: u32 = 4096u;
fn w_row_offset(row: u32) -> u32 {
  return row * 64u;
}
fn w_column_offset(column: u32) -> u32 {
  return column;
}
// Where the scales of a weight row begin, and where in them that of a block lies.
fn w_scale_row(expert: u32, row: u32) -> u32 {
  return expert * 128u + row * 2u;
}
fn w_scale_block(block: u32) -> u32 {
  return block;
}
// @generated layouts end

// A routed row. `x` is its row of the activations, `route` its row of h and of the products.
struct Route {
  valid: bool,
  x: u32,
  route: u32,
  weight: f32,
}

fn route_of(row: u32) -> Route {
  let id = routing[shape.ids_at + row];
  let token = id & 0xffffffu;
  let route = token * shape.topk + (id >> 24u);
  let weight = bitcast<f32>(routing[shape.weights_at + row]);
  return Route(token < shape.tokens, select(token, route, stage == 2u), route, weight);
}

fn w_exponent(at: u32) -> u32 {
  return (w_scale[at >> 2u] >> ((at & 3u) << 3u)) & 0xffu;
}

// The scale byte of a block of a row of the activations; 1.0 where they have none.
fn x_exponent(row: u32, block: u32) -> u32 {
  if (scheme == A16W4) {
    return 127u;
  }
  let at = shape.x_scale_lead + row * shape.blocks + block;
  return (x_scale[at >> 2u] >> ((at & 3u) << 3u)) & 0xffu;
}

// value * 2^exponent on bits: a factor of 2^-127 would be a subnormal, which devices may flush. Subnormal results are zero.
fn scaled(value: f32, exponent: i32) -> f32 {
  let bits = bitcast<u32>(value);
  let field = i32((bits >> 23u) & 255u);
  if (field == 0 || field + exponent <= 0) {
    return 0.0;
  }
  if (field == 255) {
    return value;
  }
  if (field + exponent >= 255) {
    return bitcast<f32>((bits & SF_SIGN) | SF_INFINITY);
  }
  return bitcast<f32>(bits + (bitcast<u32>(exponent) << 23u));
}

// The exponent of a block of 32: two biases of 127, and in integers both factors are doubled.
fn block_exponent(x_byte: u32, w_byte: u32) -> i32 {
  return i32(x_byte + w_byte) - select(254, 256, scheme == A4W4);
}

// Twice the number of the e2m1 code in the low nibble of each byte, as int8: 0, 1, 2, 3, 4, 6, 8, 12.
fn doubled(codes: u32) -> u32 {
  let magnitude = codes & 0x07070707u;
  // The low two bits of codes from 4 on.
  let rest = magnitude & (((magnitude >> 2u) & 0x01010101u) * 3u);
  let twice = magnitude + rest + ((rest & (rest >> 1u) & 0x01010101u) << 1u);
  // -0 stays 0: its negation would carry into the next byte.
  let negative = (codes >> 3u) & (magnitude | (magnitude >> 1u) | (magnitude >> 2u)) & 0x01010101u;
  return (twice ^ (negative * 255u)) + negative;
}

// Four e4m3fn codes as four bf16, exact; built from bits, never from a subnormal.
fn bf16_from_e4m3(codes: u32) -> vec2u {
  let bytes = (vec4u(codes) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(0xffu);
  let magnitude = bytes & vec4u(0x7fu);
  let small = bitcast<vec4u>(vec4f(magnitude) * 0.001953125) >> vec4u(16u);
  let normal = (magnitude << vec4u(4u)) + vec4u(120u << 7u);
  let bits = select(normal, small, magnitude < vec4u(8u)) | ((bytes & vec4u(0x80u)) << vec4u(8u));
  return vec2u(bits.x | (bits.y << 16u), bits.z | (bits.w << 16u));
}

fn has_e4m3_nan(codes: u32) -> bool {
  let magnitude = (vec4u(codes) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(0x7fu);
  return any(magnitude == vec4u(0x7fu));
}

// Binary32 bits of a sum with its bias.
fn biased(sum: f32, expert: u32, row: u32, is_nan: bool) -> u32 {
  var total = sum;
  if (has_bias) {
    total += bias[shape.bias_lead + expert * 2u * shape.pairs + row];
  }
  return select(bitcast<u32>(total), SF_NAN, is_nan);
}

// Stores the sums of the pairs p and p + 1 (p is even): first rows, then second rows. `expert` counts from expert_first.
fn store_pairs(route: Route, expert: u32, p: u32, sums: vec4f, is_nan: vec4<bool>) {
  if (!route.valid || p >= shape.pairs) {
    return;
  }
  // Loops, so that the functions are there once: compilers inline them.
  let weight_rows = vec4u(p, p + 1u, p + shape.pairs, p + shape.pairs + 1u);
  var bits: vec4u;
  for (var i = 0u; i < 4u; i++) {
    bits[i] = biased(sums[i], expert, weight_rows[i], is_nan[i]);
  }
  if (stage == 1u) {
    var word = 0u;
    for (var i = 0u; i < 2u; i++) {
      word |= sf_to_bf16(act_gated(bits[i], bits[i + 2u], shape.activation)) << (16u * i);
    }
    result[shape.result_lead + ((route.route * shape.pairs + p) >> 1u)] = word;
    return;
  }
  let products = bitcast<vec4u>(bitcast<vec4f>(bits) * route.weight);
  // Tested on bits: a NaN need not survive a multiplication.
  let nan = (bits & vec4u(SF_MAGNITUDE)) > vec4u(SF_INFINITY);
  let stored = select(products, vec4u(SF_NAN), nan);
  let at = shape.result_lead + route.route * 2u * shape.pairs;
  for (var i = 0u; i < 4u; i++) {
    result[at + weight_rows[i]] = stored[i];
  }
}
