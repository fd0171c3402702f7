// e4m3fn codes to e4m3fnuz codes of half the value: only -0 changes. And binary32 scales, doubled by their exponent: a
// multiplication might flush a subnormal.

struct Shape {
  // Words in the bound parts.
  words: u32,
  // Words before the first one: bindings start at aligned offsets.
  x_lead: u32,
  y_lead: u32,
}

@group(0) @binding(0) var<storage, read> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

// Whether the words are scales.
override is_scale: bool = false;

fn without_negative_zero(word: u32) -> u32 {
  var out = word;
  for (var i = 0u; i < 32u; i += 8u) {
    if (((word >> i) & 0xffu) == 0x80u) {
      out ^= 0x80u << i;
    }
  }
  return out;
}

fn doubled(bits: u32) -> u32 {
  let magnitude = bits & 0x7fffffffu;
  let sign = bits & 0x80000000u;
  if (magnitude >= 0x7f800000u) {
    return bits;
  }
  if (magnitude < 0x00800000u) {
    return sign | (magnitude << 1u);
  }
  return sign | select(magnitude + 0x00800000u, 0x7f800000u, magnitude >= 0x7f000000u);
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let at = (group.x + groups.x * (group.y + groups.y * group.z)) * 256u + local;
  if (at >= shape.words) {
    return;
  }
  let word = x[shape.x_lead + at];
  y[shape.y_lead + at] = select(without_negative_zero(word), doubled(word), is_scale);
}
