// What a preshuffled weight looks like: shuffle an fp8 weight for AITER's bpreshuffle GEMM and find one element again.
import {
  catalog,
  checkShape,
  correctlyRead,
  describeLocation,
  locate,
  permute,
  rowMajor,
  shuffleWeight,
} from 'preshuffle';

const shape = [4096, 7168];
const plain = rowMajor(shape);
const shuffled = shuffleWeight(shape, { bits: 8 });

// Address-coded bytes: unlike random data, they show every misplaced element.
const weight = Uint8Array.from({ length: plain.size }, (_, index) => index * 131 + (index >> 8) * 17);
const bytes = permute(weight, plain, shuffled, 8);

const coord = [17, 40];
const location = locate(shuffled, coord, 8);
console.log(String(shuffled));
console.log(describeLocation(shuffled, location));
console.log('same byte:', bytes[location.byte] === weight[plain.offset(coord)]);

// The silent mistake: a kernel that reads shuffled bytes as plain ones. No error, and almost every element is wrong.
const small = [64, 256];
const { correct, total } = correctlyRead(shuffleWeight(small, { bits: 8 }), rowMajor(small));
console.log(`read as row-major: ${correct} of ${total} elements are right`);

// Shapes that the source accepts although a kernel misreads them carry a warning.
const entry = catalog.find(({ id }) => id === 'shuffle_weight(16,16)');
const verdict = entry && checkShape(entry, [32, 96]);
console.log(verdict?.ok === true ? verdict.warnings.map(({ code }) => code).join(', ') : verdict?.reason);
