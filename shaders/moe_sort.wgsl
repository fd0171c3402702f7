// Sorts the routes of a mixture of experts by expert, each expert padded to whole blocks of rows. A counting sort in chunks of
// 256 routes; nothing depends on the order in which invocations run: `fill`, `count`, `plan` (one workgroup), `scatter`. For one
// chunk and up to 1024 experts, `single` does it all in one workgroup.

struct Shape {
  // Routes to sort: tokens * topk.
  routes: u32,
  topk: u32,
  experts: u32,
  // Rows a block.
  block_rows: u32,
  // What stands in rows without a route.
  padding: u32,
  // Lengths of sorted_ids (and sorted_weights) and of block_experts.
  rows: u32,
  blocks: u32,
  chunks: u32,
  tokens: u32,
  // Words before the first route: bindings start at aligned offsets.
  ids_lead: u32,
  weights_lead: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> topk_ids: array<u32>;
@group(0) @binding(2) var<storage, read> topk_weights: array<u32>;
// What an expert is called in the output; MASKED for one that is left out.
@group(0) @binding(3) var<storage, read> names: array<u32>;
// [chunks, experts]: routes of the chunk, then the row of the first of them.
@group(0) @binding(4) var<storage, read_write> places: array<u32>;
@group(0) @binding(5) var<storage, read_write> sorted_ids: array<u32>;
@group(0) @binding(6) var<storage, read_write> sorted_weights: array<u32>;
@group(0) @binding(7) var<storage, read_write> block_experts: array<u32>;
@group(0) @binding(8) var<storage, read_write> valid: array<u32>;

const LANES: u32 = 256u;
const MASKED: u32 = 0xffffffffu;
// Experts whose routes a workgroup counts at a time.
const COUNTERS: u32 = 1024u;

var<workgroup> counters: array<atomic<u32>, COUNTERS>;
var<workgroup> sums: array<u32, LANES>;

fn index_of(group: vec3u, groups: vec3u) -> u32 {
  return group.x + groups.x * (group.y + groups.y * group.z);
}

// The expert of a route, or MASKED where there is nothing to sort. Ids are signed: -1 is a large number here.
fn expert_of(route: u32) -> u32 {
  if (route >= shape.routes) {
    return MASKED;
  }
  let expert = topk_ids[shape.ids_lead + route];
  if (expert >= shape.experts || names[expert] == MASKED) {
    return MASKED;
  }
  return expert;
}

@compute @workgroup_size(256)
fn fill(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = index_of(group, groups) * LANES + local;
  if (index < shape.rows) {
    sorted_ids[index] = shape.padding;
    sorted_weights[index] = 0u;
  }
  if (index < shape.blocks) {
    block_experts[index] = MASKED;
  }
}

@compute @workgroup_size(256)
fn count(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let chunk = index_of(group, groups);
  let expert = expert_of(chunk * LANES + local);
  for (var first = 0u; first < shape.experts; first += COUNTERS) {
    for (var i = local; i < COUNTERS; i += LANES) {
      atomicStore(&counters[i], 0u);
    }
    workgroupBarrier();
    if (expert != MASKED && expert >= first && expert - first < COUNTERS) {
      atomicAdd(&counters[expert - first], 1u);
    }
    workgroupBarrier();
    for (var i = local; i < COUNTERS && first + i < shape.experts; i += LANES) {
      if (chunk < shape.chunks) {
        places[chunk * shape.experts + first + i] = atomicLoad(&counters[i]);
      }
    }
    workgroupBarrier();
  }
}

// Blocks that experts before this lane's take up among 256 of them, and all of those together. All lanes call it.
fn blocks_before(blocks: u32, local: u32) -> vec2u {
  sums[local] = blocks;
  workgroupBarrier();
  for (var reach = 1u; reach < LANES; reach <<= 1u) {
    var below = 0u;
    if (local >= reach) {
      below = sums[local - reach];
    }
    workgroupBarrier();
    sums[local] += below;
    workgroupBarrier();
  }
  let found = vec2u(sums[local] - blocks, sums[LANES - 1u]);
  workgroupBarrier();
  return found;
}

fn blocks_for(routes: u32) -> u32 {
  return (routes + shape.block_rows - 1u) / shape.block_rows;
}

// One workgroup: an invocation an expert, as often as needed.
@compute @workgroup_size(256)
fn plan(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  if (group.x + group.y + group.z > 0u) {
    return;
  }
  var used = 0u;
  for (var first = 0u; first < shape.experts; first += LANES) {
    let expert = first + local;
    var total = 0u;
    if (expert < shape.experts) {
      for (var chunk = 0u; chunk < shape.chunks; chunk++) {
        total += places[chunk * shape.experts + expert];
      }
    }
    let blocks = blocks_for(total);
    let before = blocks_before(blocks, local);
    let start = used + before.x;
    used += before.y;
    if (expert < shape.experts) {
      for (var i = 0u; i < blocks; i++) {
        block_experts[start + i] = names[expert];
      }
      var row = start * shape.block_rows;
      for (var chunk = 0u; chunk < shape.chunks; chunk++) {
        let at = chunk * shape.experts + expert;
        let routes = places[at];
        places[at] = row;
        row += routes;
      }
    }
  }
  if (local == 0u) {
    valid[0] = used * shape.block_rows;
    valid[1] = shape.tokens;
  }
}

// Routes of the same expert before this one in the chunk whose experts are in `sums`.
fn rank_of(expert: u32, local: u32) -> u32 {
  var before = 0u;
  for (var i = 0u; i < local; i++) {
    before += select(0u, 1u, sums[i] == expert);
  }
  return before;
}

fn place(route: u32, row: u32) {
  sorted_ids[row] = ((route % shape.topk) << 24u) | (route / shape.topk);
  sorted_weights[row] = topk_weights[shape.weights_lead + route];
}

@compute @workgroup_size(256)
fn scatter(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let chunk = index_of(group, groups);
  let route = chunk * LANES + local;
  let expert = expert_of(route);
  sums[local] = expert;
  workgroupBarrier();
  if (expert != MASKED) {
    place(route, places[chunk * shape.experts + expert] + rank_of(expert, local));
  }
}

@compute @workgroup_size(256)
fn single(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  if (group.x + group.y + group.z > 0u) {
    return;
  }
  for (var i = local; i < shape.rows; i += LANES) {
    sorted_ids[i] = shape.padding;
    sorted_weights[i] = 0u;
  }
  for (var i = local; i < shape.blocks; i += LANES) {
    block_experts[i] = MASKED;
  }
  for (var i = local; i < COUNTERS; i += LANES) {
    atomicStore(&counters[i], 0u);
  }
  let own = expert_of(local);
  // What was filled above is written again below, by other lanes.
  storageBarrier();
  workgroupBarrier();
  if (own != MASKED) {
    atomicAdd(&counters[own], 1u);
  }
  workgroupBarrier();
  var used = 0u;
  for (var first = 0u; first < shape.experts; first += LANES) {
    let expert = first + local;
    let blocks = blocks_for(atomicLoad(&counters[expert]));
    let before = blocks_before(blocks, local);
    let start = used + before.x;
    used += before.y;
    for (var i = 0u; i < blocks; i++) {
      block_experts[start + i] = names[expert];
    }
    atomicStore(&counters[expert], start * shape.block_rows);
  }
  if (local == 0u) {
    valid[0] = used * shape.block_rows;
    valid[1] = shape.tokens;
  }
  sums[local] = own;
  workgroupBarrier();
  if (own != MASKED) {
    place(local, atomicLoad(&counters[own]) + rank_of(own, local));
  }
}
