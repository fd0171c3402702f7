import { elementBits, isIntegerType } from '../../formats/element-type.ts';
import { f32FromBits } from '../../formats/f32.ts';
import { codeReader, valueReader } from '../../formats/read-codes.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asU32 } from '../../tensor/views.ts';
import { counted, figure } from './words.ts';

/** Storage offsets are walked one by one in layouts with padding up to this many elements. */
const MAX_PADDED = 2 ** 20;

/** How often each code occurs among the elements, padding left out. */
function histogram({ type, layout, bytes }: Tensor): Uint32Array | undefined {
  const bits = elementBits(type);
  if (bits > 16) return undefined;
  const counts = new Uint32Array(2 ** bits);
  const code = codeReader(bytes, bits);
  const padded = layout.storageSize !== layout.size;
  if (bits === 4 && !padded && layout.size % 2 === 0) {
    const pairs = new Uint32Array(256);
    for (let at = 0; at < layout.size / 2; at += 1) pairs[bytes[at] as number]! += 1;
    pairs.forEach((count, pair) => {
      counts[pair & 15]! += count;
      counts[pair >> 4]! += count;
    });
    return counts;
  }
  if (padded && layout.size > MAX_PADDED) return undefined;
  for (let offset = 0; offset < layout.storageSize; offset += 1) {
    if (!padded || layout.coord(offset) !== undefined) counts[code(offset)]! += 1;
  }
  return counts;
}

/** What the same code means in the format that fp8 is mistaken for. */
const TWINS: Readonly<Record<string, string>> = {
  e4m3fn: 'NaN here, ±240 in e4m3fnuz',
  e4m3fnuz: 'NaN here, -0 in e4m3fn: codes that were not converted',
};

/** Codes that are no numbers, and scales that can hardly be meant. */
export function codesOf(name: string, tensor: Tensor): readonly string[] {
  const { type } = tensor;
  if (isIntegerType(type)) return [];
  if (type === 'f32' || type === 'f64') return type === 'f32' ? floats(name, tensor) : [];
  const counts = histogram(tensor);
  if (counts === undefined) return [];
  const value = valueReader(type);
  let [nan, infinite] = [0, 0];
  const seen: string[] = [];
  counts.forEach((count, code) => {
    if (count === 0) return;
    const number = value(code);
    if (Number.isNaN(number)) {
      nan += count;
      seen.push(`0x${code.toString(16)}`);
    } else if (!Number.isFinite(number)) infinite += count;
  });
  const said: string[] = [];
  if (type === 'e8m0') {
    if (nan > 0)
      said.push(`${name}: ${counted(nan, 'scale byte')} of ${tensor.layout.size} ${are(nan)} 255, which is NaN.`);
    const zero = counts[0] as number;
    if (zero > 0)
      said.push(`${name}: ${counted(zero, 'scale byte')} of ${tensor.layout.size} ${are(zero)} 0, which is 2^-127.`);
    return said;
  }
  const meaning = TWINS[type] ?? 'NaN';
  if (nan > 0)
    said.push(
      `${name}: ${counted(nan, 'code')} of ${tensor.layout.size} ${are(nan)} ${seen.slice(0, 2).join(' or ')} (${meaning}).`,
    );
  if (infinite > 0)
    said.push(`${name}: ${counted(infinite, 'element')} of ${tensor.layout.size} ${are(infinite)} infinite.`);
  return said;
}

function are(count: number): string {
  return count === 1 ? 'is' : 'are';
}

/** Scales of any kernel lie well within. */
const [SMALL, LARGE] = [2 ** -60, 2 ** 60];
/** Exponent bytes of scales lie around 127. */
const [LOW_BYTE, HIGH_BYTE] = [90, 150];

/** float32 operands: NaN and infinities; of scales also their sizes. */
function floats(name: string, tensor: Tensor): readonly string[] {
  const { layout } = tensor;
  if (layout.storageSize !== layout.size || layout.size === 0) return [];
  const words = asU32(tensor);
  let [nan, infinite, zero, negative, odd, powers, packed, whole] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let at = 0; at < words.length; at += 1) {
    const bits = words[at] as number;
    const value = f32FromBits(bits);
    if (Number.isNaN(value)) nan += 1;
    else if (!Number.isFinite(value)) infinite += 1;
    if (value === 0) zero += 1;
    if (value < 0) negative += 1;
    const size = Math.abs(value);
    if (value !== 0 && !(size > SMALL && size < LARGE)) odd += 1;
    if ((bits & 0x807fffff) === 0 && value !== 0) powers += 1;
    if (looksPacked(bits)) packed += 1;
    if (Number.isInteger(value) && size >= LOW_BYTE && size <= HIGH_BYTE) whole += 1;
  }
  const count = words.length;
  const said: string[] = [];
  if (name.endsWith('_scale') && packed > 0.9 * count && odd > 0.5 * count) {
    const word = words[0] as number;
    return [
      `${name}: ${odd} of ${count} scales are beyond 2^±60 as float32; read as four bytes each they are exponents around 127 (the first is 0x${word.toString(16).padStart(8, '0')}): packed UE8M0.`,
    ];
  }
  if (nan > 0) said.push(`${name}: ${counted(nan, 'element')} of ${count} ${are(nan)} NaN.`);
  if (infinite > 0) said.push(`${name}: ${counted(infinite, 'element')} of ${count} ${are(infinite)} infinite.`);
  if (!name.endsWith('_scale')) return said;
  if (odd > nan + infinite)
    said.push(
      `${name}: ${counted(odd - nan - infinite, 'scale')} of ${count} ${are(odd - nan - infinite)} beyond 2^±60.`,
    );
  if (negative > 0) said.push(`${name}: ${counted(negative, 'scale')} of ${count} ${are(negative)} negative.`);
  if (zero > 0) said.push(`${name}: ${counted(zero, 'scale')} of ${count} ${are(zero)} 0.`);
  if (count < 8) return said;
  const first = f32FromBits(words[0] as number);
  if (words.every((word) => word === words[0])) said.push(`${name}: all ${count} scales are ${figure(first)}.`);
  else if (powers === count) said.push(`${name}: all ${count} scales are powers of two.`);
  else if (whole === count)
    said.push(
      `${name}: all ${count} scales are whole numbers around 127, as exponent bytes that were converted to float.`,
    );
  return said;
}

/** Four bytes that may be exponents. */
function looksPacked(bits: number): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const byte = (bits >>> shift) & 255;
    if (byte < LOW_BYTE || byte > HIGH_BYTE) return false;
  }
  return true;
}
