// Power-of-two scales between float32 [batch, rows, groups], row-major, and DeepGEMM's packed form: int32
// [batch, words, aligned rows], four exponent bytes each, the first group in the lowest byte.
// An exponent says nothing about the rest of a number, so packing raises a flag for scales that are no powers of two.

// 0: floats to words; 1: words to floats.
override unpack: bool = false;

struct Shape {
  batch: u32,
  // Rows of the float scales, and of the packed ones, each of which takes row / gran of the floats.
  rows: u32,
  mn: u32,
  gran: u32,
  groups: u32,
  words: u32,
  // mn, padded to 16 bytes.
  aligned: u32,
}

@group(0) @binding(0) var<storage, read> shape: Shape;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<storage, read_write> invalid: atomic<u32>;

fn packed_word(index: u32) -> u32 {
  let row = index % shape.aligned;
  let word = (index / shape.aligned) % shape.words;
  let batch = index / (shape.aligned * shape.words);
  var packed = 0u;
  // The padding of a column stays zero.
  if (row < shape.mn) {
    let first = (batch * shape.rows + row / shape.gran) * shape.groups + word * 4u;
    for (var j = 0u; j < 4u && word * 4u + j < shape.groups; j++) {
      let scale = x[first + j];
      if ((scale & 0x807fffffu) != 0u) {
        atomicOr(&invalid, 1u);
      }
      packed |= ((scale >> 23u) & 255u) << (8u * j);
    }
  }
  return packed;
}

fn float_scale(index: u32) -> u32 {
  let group = index % shape.groups;
  let row = (index / shape.groups) % shape.rows;
  let batch = index / (shape.groups * shape.rows);
  let word = x[(batch * shape.words + group / 4u) * shape.aligned + row * shape.gran];
  return ((word >> (8u * (group & 3u))) & 255u) << 23u;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.x + groups.x * (group.y + groups.y * group.z)) * 64u + local;
  if (unpack) {
    if (index < shape.batch * shape.rows * shape.groups) {
      y[index] = float_scale(index);
    }
  } else if (index < shape.batch * shape.words * shape.aligned) {
    y[index] = packed_word(index);
  }
}
