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
