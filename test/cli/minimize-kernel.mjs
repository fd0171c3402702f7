// A kernel as a user would wrap one: reads a case, writes its outputs. It is right, but for what KERNEL_BUG names.
import { readFileSync, writeFileSync } from 'node:fs';

const [, , given = process.env.PRESHUFFLE_CASE, out = process.env.PRESHUFFLE_OUT] = process.argv;
const file = readFileSync(given);
const length = Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.subarray(8, 8 + length).toString());
const [key] = Object.keys(header.__metadata__);
const { M, N, K } = JSON.parse(header.__metadata__[key]);
const {
  dtype,
  shape,
  data_offsets: [begin, end],
} = header[`${key.slice('case:'.length)}/y`];
const y = Buffer.from(file.subarray(8 + length + begin, 8 + length + end));
const width = y.length / (M * N);

switch (process.env.KERNEL_BUG) {
  case 'second-block-of-K':
    // One element, in the row after the first, where there is one.
    if (K > 128) y.writeUInt16LE(0x7f00, (Math.min(1, M - 1) * N + 5) * width);
    break;
  case 'fails':
    console.error('no kernel image is available for execution');
    process.exit(3);
    break;
  case 'small-fails':
    y.writeUInt16LE(0x7f00, 0);
    if (M < 3) process.exit(1);
    break;
  case 'hangs':
    setInterval(() => {}, 1000);
    break;
  case 'silent':
    process.exit(0);
    break;
  case 'other-name':
    write('z', dtype, [1, 1, 7], Buffer.alloc(7 * width));
    process.exit(0);
    break;
  default:
}
if (process.env.KERNEL_BUG !== 'hangs') write('y', dtype, shape, y);

function write(name, type, sizes, bytes) {
  const text = JSON.stringify({ [name]: { dtype: type, shape: sizes, data_offsets: [0, bytes.length] } });
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(out, Buffer.concat([size, Buffer.from(padded), bytes]));
}
