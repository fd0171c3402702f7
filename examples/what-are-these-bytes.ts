// What layout are these bytes in? A weight of which somebody only knows the shape: guessed from the bytes alone, told for sure from the
// plain and the shuffled copy, and one of its elements with everything that is known about it.
// Usage: npm run example -- examples/what-are-these-bytes.ts
import {
  describeElement,
  elementFacts,
  encodeArray,
  guessLayout,
  identifyLayout,
  permute,
  rowMajor,
  shuffleWeight,
} from 'preshuffle';

const shape = [256, 512] as const;
const plain = rowMajor(shape);
const dump = permute(weightBytes(), plain, shuffleWeight(shape, { bits: 8 }), 8);

const guess = guessLayout({ bytes: dump, type: 'e4m3fn', shape });
console.log(`from the bytes alone: ${guess.verdict}, ${guess.guesses[0]?.ids[0]} (${guess.summary})`);

const known = identifyLayout({ raw: weightBytes(), shuffled: dump, bits: 8, shape });
console.log(`from both copies: ${known.matches.map(({ title }) => title).join(', ')}`);

const unknown = identifyLayout({ raw: weightBytes(), shuffled: inOneOfTheirOrders(weightBytes()), bits: 8, shape });
console.log(`an order that has no name: ${String(unknown.inferred)}`);

const w = {
  name: 'w',
  type: 'e4m3fn',
  layout: shuffleWeight(shape, { bits: 8 }),
  codeAt: (offset: number) => dump[offset] ?? 0,
} as const;
console.log(describeElement(w, elementFacts(w, [17, 40])));

/** Channels differ in magnitude, as those of real weights do: that is what a guess goes by. */
function weightBytes(): Uint8Array {
  const values = new Float32Array(shape[0] * shape[1]);
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const rows = Array.from({ length: shape[0] }, () => 2 ** (4 * random()));
  const columns = Array.from({ length: shape[1] }, () => 2 ** (4 * random()));
  for (let at = 0; at < values.length; at += 1) {
    values[at] = 8 * random() * (rows[Math.floor(at / shape[1])] ?? 1) * (columns[at % shape[1]] ?? 1);
  }
  return encodeArray('e4m3fn', values, { saturate: true });
}

/** Columns in pairs of blocks of 64, which no function of AITER does. */
function inOneOfTheirOrders(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let n = 0; n < shape[0]; n += 1) {
    for (let k = 0; k < shape[1]; k += 1) {
      const block = Math.floor(k / 64);
      out[((n % 8) * 32 + Math.floor(n / 8)) * 512 + ((block % 2) * 4 + Math.floor(block / 2)) * 64 + (k % 64)] =
        bytes[n * 512 + k] ?? 0;
    }
  }
  return out;
}
