import { range } from '../take.ts';
import { counted } from './words.ts';

/** Share of the lines that a rule must hold for. */
const HOLDS = 0.95;

/** Which line's values a line holds, as a rule; -1 where it is not known. */
type Source = Int32Array;

/**
 * The rule behind an order of lines, in words: a shift, an exchange, a transpose, a permutation within blocks, one line for all.
 * @param source line whose values each line holds, itself where it is right
 * @returns undefined where no simple rule holds
 */
export function orderText(source: Source, noun: string): string | undefined {
  const count = source.length;
  const lines = range(count).filter((line) => (source[line] as number) >= 0 && source[line] !== line);
  if (lines.length === 0) return undefined;
  for (const rule of [oneForAll, shift, halves, exchange, reversed, transpose, withinBlocks]) {
    const text = rule(source, lines, noun);
    if (text !== undefined) return text;
  }
  return undefined;
}

type Rule = (source: Source, lines: readonly number[], noun: string) => string | undefined;

function holds(source: Source, lines: readonly number[], predict: (line: number) => number): boolean {
  const fitting = lines.filter((line) => source[line] === predict(line)).length;
  return fitting >= HOLDS * lines.length;
}

const oneForAll: Rule = (source, lines, noun) => {
  const from = source[lines[0] as number] as number;
  if (lines.length < 2 || !holds(source, lines, () => from)) return undefined;
  return `each of them holds ${noun} ${from}`;
};

const shift: Rule = (source, lines, noun) => {
  const count = source.length;
  const by = mostFrequent(lines.map((line) => (source[line] as number) - line));
  if (2 * Math.abs(by) === count && lines.length > 1) return undefined;
  if (!holds(source, lines, (line) => line + by)) return cyclic(source, lines, noun);
  const sign = by < 0 ? '-' : '+';
  if (by === -1) return `each holds the ${noun} before it (a shift by one)`;
  if (by === 1) return `each holds the ${noun} after it (a shift by one)`;
  return `${noun} i holds ${noun} i ${sign} ${Math.abs(by)}`;
};

function cyclic(source: Source, lines: readonly number[], noun: string): string | undefined {
  const count = source.length;
  const by = mostFrequent(lines.map((line) => ((source[line] as number) - line + count) % count));
  if (2 * by === count || !holds(source, lines, (line) => (line + by) % count)) return undefined;
  return `${noun} i holds ${noun} (i + ${by}) mod ${count}`;
}

const halves: Rule = (source, lines, noun) => {
  const count = source.length;
  if (count % 2 !== 0 || !holds(source, lines, (line) => (line + count / 2) % count)) return undefined;
  return `the two halves are exchanged (${noun} i holds ${noun} (i + ${count / 2}) mod ${count})`;
};

const exchange: Rule = (source, lines, noun) => {
  const bits = mostFrequent(lines.map((line) => (source[line] as number) ^ line));
  if ((bits & (bits - 1)) !== 0 || !holds(source, lines, (line) => line ^ bits)) return undefined;
  const what = bits === 1 ? 'neighbours are exchanged' : `the halves of each ${2 * bits} are exchanged`;
  return `${what} (${noun} i holds ${noun} i ^ ${bits})`;
};

const reversed: Rule = (source, lines, noun) => {
  const count = source.length;
  if (!holds(source, lines, (line) => count - 1 - line)) return undefined;
  return `they are in reverse order (${noun} i holds ${noun} ${count - 1} - i)`;
};

/** Line a * B + b holds b * A + a. */
const transpose: Rule = (source, lines, noun) => {
  const count = source.length;
  for (let size = 2; size <= count / 2; size += 1) {
    if (count % size !== 0) continue;
    const other = count / size;
    if (!holds(source, lines, (line) => (line % size) * other + Math.floor(line / size))) continue;
    const formula = `${noun} i holds ${noun} (i mod ${size}) * ${other} + floor(i / ${size})`;
    if (size === 2) return `the two halves are interleaved (${formula})`;
    if (other === 2) return `even ones come first, then odd ones (${formula})`;
    return `they are in the order of a transposed [${other}, ${size}] (${formula})`;
  }
  return undefined;
};

const withinBlocks: Rule = (source, lines, noun) => {
  const count = source.length;
  for (let size = 4; size <= 256 && 2 * size <= count; size *= 2) {
    const pattern = new Map<number, number>();
    for (const line of lines) {
      const from = (source[line] as number) - (line - (line % size));
      if (from >= 0 && from < size && !pattern.has(line % size)) pattern.set(line % size, from);
    }
    const fits = (line: number): boolean =>
      (source[line] as number) === line - (line % size) + (pattern.get(line % size) ?? Number.NaN);
    // Right lines count, too: the same place of every block must be right.
    const known = range(count).filter((line) => (source[line] as number) >= 0 && pattern.has(line % size));
    if (known.filter(fits).length < HOLDS * known.length || lines.filter(fits).length < HOLDS * lines.length) continue;
    const shown = range(Math.min(16, size)).map((at) => pattern.get(at) ?? at);
    return `${counted(size, noun)} at a time are in the order ${shown.join(', ')}${size > 16 ? ', …' : ''}`;
  }
  return undefined;
};

function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let best = values[0] ?? 0;
  for (const [value, times] of counts) if (times > (counts.get(best) ?? 0)) best = value;
  return best;
}
