// Four scales to one 32-bit word, least significant byte first: the exponents of binary32 scales (DeepGEMM's packed
// UE8M0) or bytes that lie one a word (MX scales). Scales that a row lacks at its end become zero bytes.
// An exponent says nothing about the rest of a number, so scales that are no powers of two raise a flag.

struct Shape {
  rows: u32,
  columns: u32,
  // 23 takes the exponent of binary32 bits, 0 takes the low byte.
  shift: u32,
  // Words before the first scale and the first packed word: bindings start at aligned offsets.
  scale_lead: u32,
  word_lead: u32,
}

@group(0) @binding(0) var<storage, read> shape: Shape;
@group(0) @binding(1) var<storage, read> scales: array<u32>;
@group(0) @binding(2) var<storage, read_write> words: array<u32>;
// 1 if some scale has a sign or a mantissa.
@group(0) @binding(3) var<storage, read_write> invalid: atomic<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let word = (group.x + groups.x * (group.y + groups.y * group.z)) * 64u + local;
  let across = (shape.columns + 3u) / 4u;
  if (word >= shape.rows * across) {
    return;
  }
  let row = word / across;
  let first = (word % across) * 4u;
  var packed = 0u;
  for (var j = 0u; j < 4u && first + j < shape.columns; j++) {
    let scale = scales[shape.scale_lead + row * shape.columns + first + j];
    if (shape.shift == 23u && (scale & 0x807fffffu) != 0u) {
      atomicOr(&invalid, 1u);
    }
    packed |= ((scale >> shape.shift) & 255u) << (j * 8u);
  }
  words[shape.word_lead + word] = packed;
}
