import { decode, type FloatFormatName, formatFacts } from '../../src/formats/index.ts';

/** A matrix instruction: D of side x side, sums of `depth` products. */
export interface Shape {
  readonly side: number;
  readonly depth: number;
  /** Neighbours along K that a lane of the 16 x 16 x 32 instructions holds. */
  readonly run?: number;
}

export const WIDE: readonly Shape[] = [
  { side: 16, depth: 128 },
  { side: 32, depth: 64 },
];

/** Codes by row of A, or column of B, and K. */
export interface Matrix {
  readonly format: FloatFormatName;
  readonly codes: number[][];
}

/** Bytes that the test kernels read for each lane. */
const LANE_BYTES = 32;

/** A row of a table. */
export function block<T>(rows: readonly T[][], row: number): T[] {
  const found = rows[row];
  if (found === undefined) throw new RangeError(`no row ${row}`);
  return found;
}

/** Codes of finite numbers of all sizes and both signs, the same for the same seed. */
export function matrix(
  { side, depth }: Shape,
  format: FloatFormatName,
  seed: number,
  change: (code: number) => number = (code) => code,
): Matrix {
  const { codeBits } = formatFacts(format);
  let state = seed * 0x9e3779b1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> (32 - codeBits);
  };
  // Wide formats span more than f32 sums hold: their exponents stay near 1.
  const sensible = (code: number): number => {
    if (codeBits < 16) return code;
    const { mantissaBits, bias } = formatFacts(format);
    const exponent = bias - 4 + ((code >> mantissaBits) & 7);
    return (code & 0x8000) | (exponent << mantissaBits) | (code & (2 ** mantissaBits - 1));
  };
  const codes = Array.from({ length: side }, () =>
    Array.from({ length: depth }, () => {
      const code = change(sensible(next()));
      return Number.isFinite(decode(format, code)) ? code : 1;
    }),
  );
  return { format, codes };
}

/** What the lanes hold of an operand, 32 bytes each, as the layouts of the instructions say. */
export function operandBytes({ side, depth, run }: Shape, { format, codes }: Matrix): Uint8Array {
  const bytes = new Uint8Array(64 * LANE_BYTES);
  const { codeBits } = formatFacts(format);
  for (let row = 0; row < side; row += 1) {
    for (let k = 0; k < depth; k += 1) {
      const code = block(codes, row)[k] as number;
      const put = (group: number, byte: number, value: number): void => {
        const at = (row + side * group) * LANE_BYTES + byte;
        bytes[at] = (bytes[at] as number) | value;
      };
      if (run !== undefined) {
        const width = codeBits / 8;
        for (let part = 0; part < width; part += 1) {
          put(Math.floor(k / run), (k % run) * width + part, (code >> (8 * part)) & 255);
        }
      } else if (codeBits === 4) {
        put(Math.floor(k / 32), (k % 32) >> 1, code << (4 * (k % 2)));
      } else {
        const half = depth / 2;
        put(Math.floor((k % half) / 16), (k % 16) + 16 * Math.floor(k / half), code);
      }
    }
  }
  return bytes;
}

/** A register of scales for each lane; the bytes that are not selected hold others. */
export function scaleWords({ side }: Shape, scales: readonly number[][] | undefined, select: number): Uint32Array {
  const words = new Uint32Array(64);
  const bytes = new Uint8Array(words.buffer);
  for (let lane = 0; lane < 64; lane += 1) {
    for (let byte = 0; byte < 4; byte += 1) bytes[lane * 4 + byte] = 90 + ((lane + byte * 9) % 60);
    if (scales !== undefined) bytes[lane * 4 + select] = block(scales, lane % side)[Math.floor(lane / side)] as number;
  }
  return words;
}
