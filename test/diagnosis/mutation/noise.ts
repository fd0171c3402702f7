import { elementBits } from '../../../src/formats/element-type.ts';
import type { NamedTensors } from '../../../src/ops/kernel-call.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { asU16 } from '../../../src/tensor/views.ts';

/** Errors that no layout, format or routing mistake makes. */
export const NOISES: readonly {
  readonly name: string;
  readonly make: (output: Tensor, random: () => number) => Uint8Array;
}[] = [
  { name: 'a random bit of every tenth element', make: (output, random) => flipped(output, random, 0.1) },
  { name: 'a random bit of one element in a hundred', make: (output, random) => flipped(output, random, 0.01) },
  { name: 'random codes', make: ({ bytes }, random) => bytes.map(() => Math.floor(256 * random())) },
  { name: 'elements in a random order', make: shuffledElements },
  {
    name: 'the highest bit of every fourth element',
    make: (output, random) => flipped(output, random, 0.25, 'highest'),
  },
];

/** The outputs with one of them noisy; row-major outputs only. */
export function withNoise(outputs: NamedTensors, noise: (typeof NOISES)[number], seed: number): NamedTensors {
  const random = randomFrom(seed);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, output]) => [name, { ...output, bytes: noise.make(output, random) }]),
  );
}

/** Results of 16 bits of which a share is one code off, as those of a kernel that adds in another order. */
export function withLastBits(outputs: NamedTensors, share: number, seed: number): NamedTensors {
  const random = randomFrom(seed);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, output]) => {
      if (output.type !== 'bf16' && output.type !== 'f16') return [name, output];
      const codes = asU16(output).map((code) => (random() < share ? code ^ 1 : code));
      return [name, { ...output, bytes: new Uint8Array(codes.buffer) }];
    }),
  );
}

export function randomFrom(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

function flipped({ bytes, type }: Tensor, random: () => number, share: number, which?: 'highest'): Uint8Array {
  const out = bytes.slice();
  const bits = elementBits(type);
  const count = Math.floor((bytes.length * 8) / bits);
  for (let element = 0; element < count; element += 1) {
    if (random() >= share) continue;
    const bit = element * bits + (which === 'highest' ? bits - 1 : Math.floor(random() * bits));
    out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  }
  return out;
}

function shuffledElements({ bytes, type }: Tensor, random: () => number): Uint8Array {
  const width = Math.max(1, elementBits(type) / 8);
  const out = bytes.slice();
  for (let at = bytes.length / width - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    for (let byte = 0; byte < width; byte += 1) {
      const [a, b] = [at * width + byte, other * width + byte];
      const kept = out[a] as number;
      out[a] = out[b] as number;
      out[b] = kept;
    }
  }
  return out;
}
