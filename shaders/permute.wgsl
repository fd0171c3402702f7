// Stores the elements of one layout in the order of another. Both layouts come in as generated functions; each
// invocation fills one word of the target, whatever the width of an element.

// @generated layouts begin
fn source_offset(c: array<u32, 1>) -> u32 {
  return c[0];
}

fn target_coord(offset: u32) -> array<u32, 1> {
  return array<u32, 1>(offset);
}

fn target_is_padding(offset: u32) -> bool {
  return false;
}
// @generated layouts end

// Bits of an element: 4, 8, 16, 32 or 64.
override bits: u32 = 8u;
// Whether neighbours in one target word are neighbours in one source word, so that words move as they are.
override words: bool = false;

// Of 64-bit elements, halves are moved.
override WIDTH: u32 = min(bits, 32u);
override PER_WORD: u32 = 32u / WIDTH;

struct Part {
  // Words of the target to fill.
  target_words: u32,
  // Target elements in these words.
  first: u32,
  end: u32,
  // Source elements in the binding: the first and how many.
  source_first: u32,
  source_count: u32,
  // 1: the words already hold what earlier parts of the source gave.
  merge_parts: u32,
  fill: u32,
}

@group(0) @binding(0) var<storage, read> part: Part;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

// Position of a target element's value in the bound source, or a number beyond source_count.
fn position(element: u32) -> u32 {
  if (element >= part.end || target_is_padding(element)) {
    return 0xffffffffu;
  }
  return source_offset(target_coord(element)) - part.source_first;
}

fn copied_word(index: u32, before: u32) -> u32 {
  let at = position(part.first + index * PER_WORD);
  if (at >= part.source_count) {
    return before;
  }
  return x[at / PER_WORD];
}

// 64-bit elements: their halves move like words.
fn copied_half(index: u32, before: u32) -> u32 {
  let at = position(part.first + index / 2u);
  if (at >= part.source_count) {
    return before;
  }
  return x[at * 2u + index % 2u];
}

fn gathered_word(index: u32, before: u32) -> u32 {
  let mask = 0xffffffffu >> (32u - WIDTH);
  var word = before;
  for (var lane = 0u; lane < PER_WORD; lane++) {
    let at = position(part.first + index * PER_WORD + lane);
    if (at < part.source_count) {
      let code = (x[at / PER_WORD] >> ((at % PER_WORD) * WIDTH)) & mask;
      word = (word & ~(mask << (lane * WIDTH))) | (code << (lane * WIDTH));
    }
  }
  return word;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.x + groups.x * (group.y + groups.y * group.z)) * 64u + local;
  if (index >= part.target_words) {
    return;
  }
  var before = part.fill;
  if (part.merge_parts != 0u) {
    before = y[index];
  }
  if (bits == 64u) {
    y[index] = copied_half(index, before);
  } else if (words) {
    y[index] = copied_word(index, before);
  } else {
    y[index] = gathered_word(index, before);
  }
}
