// y[t, n] = bf16(sum over the slots of products[t, slot, n]), slots in order. Routes to experts that are not here have no
// products and are left out. An invocation stores two neighbouring columns.

struct Shape {
  tokens: u32,
  topk: u32,
  experts: u32,
  // Columns of y, an even number.
  columns: u32,
  // Words before the first id, and before the first word of y: bindings start at aligned offsets.
  ids_lead: u32,
  y_lead: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> topk_ids: array<u32>;
@group(0) @binding(2) var<storage, read> products: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

const NAN: u32 = 0x7fc00000u;

// Nearest even; a NaN stays one.
fn bf16_of(sum: f32, is_nan: bool) -> u32 {
  let bits = select(bitcast<u32>(sum), NAN, is_nan);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return 0x7fc0u;
  }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.x + groups.x * (group.y + groups.y * group.z)) * 64u + local;
  let half = shape.columns / 2u;
  let token = index / half;
  if (token >= shape.tokens) {
    return;
  }
  var sum = vec2f();
  var nan = vec2<bool>();
  for (var slot = 0u; slot < shape.topk; slot++) {
    let route = token * shape.topk + slot;
    if (topk_ids[shape.ids_lead + route] < shape.experts) {
      let bits = products[route * half + index % half];
      nan |= (bits & vec2u(0x7fffffffu)) > vec2u(0x7f800000u);
      sum += bitcast<vec2f>(bits);
    }
  }
  y[shape.y_lead + index] = bf16_of(sum.x, nan.x) | (bf16_of(sum.y, nan.y) << 16u);
}
