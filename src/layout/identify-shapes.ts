import { ParameterError } from '../errors.ts';
import type { Layout } from './layout.ts';

const WHERE = 'identifyLayout';

/** More shapes than this are not tried. */
const MOST_SHAPES = 192;

/**
 * Every `[N, K]` of a number of elements, the ones that shuffles like first: both sides multiples of high powers of two, then close
 * to a square.
 */
export function shapesOf(elements: number): readonly (readonly number[])[] {
  const divisors: number[] = [];
  for (let at = 1; at * at <= elements; at += 1) {
    if (elements % at !== 0) continue;
    divisors.push(at);
    if (at * at !== elements) divisors.push(elements / at);
  }
  const evenness = (value: number): number => {
    let power = 1;
    while (power < 64 && value % (power * 2) === 0) power *= 2;
    return power;
  };
  const rank = (rows: number): readonly [number, number] => {
    const columns = elements / rows;
    return [Math.min(evenness(rows), 32) * evenness(columns), Math.abs(Math.log(rows / columns))];
  };
  return divisors
    .toSorted((a, b) => rank(b)[0] - rank(a)[0] || rank(a)[1] - rank(b)[1])
    .slice(0, MOST_SHAPES)
    .map((rows) => [rows, elements / rows]);
}

/**
 * Checks what was given.
 * @throws ParameterError
 * @returns elements of the two buffers
 */
export function checkIdentify(
  raw: Uint8Array,
  shuffled: Uint8Array,
  bits: number,
  shape: readonly number[] | undefined,
  experts: number,
): { readonly raw: number; readonly shuffled: number } {
  if (![4, 8, 16, 32, 64].includes(bits))
    throw new ParameterError(WHERE, 'bits', `is ${bits}, expected 4, 8, 16, 32 or 64.`);
  if (!Number.isSafeInteger(experts) || experts < 1)
    throw new ParameterError(WHERE, 'experts', `is ${experts}, expected the number of experts.`);
  const count = (name: string, bytes: Uint8Array): number => {
    if (bytes.length === 0) throw new ParameterError(WHERE, name, 'is empty; give the bytes of a tensor.');
    if ((bytes.length * 8) % bits !== 0)
      throw new ParameterError(
        WHERE,
        name,
        `has ${bytes.length} bytes, which are no whole elements of ${bits} bits; give the type that the bytes hold.`,
      );
    return (bytes.length * 8) / bits;
  };
  const counts = { raw: count('raw', raw), shuffled: count('shuffled', shuffled) };
  const bad = shape?.find((size) => !Number.isSafeInteger(size) || size < 1);
  if (shape?.length === 0 || bad !== undefined)
    throw new ParameterError(
      WHERE,
      'shape',
      `is [${shape?.join(', ')}], expected positive integers such as [4096, 7168].`,
    );
  return counts;
}

/**
 * Checks the buffers against the layouts of a shape.
 * @throws ParameterError when neither is the plain tensor or one of its storages
 * @returns a sentence when one of them is neither
 */
export function checkSizes(
  shape: readonly number[],
  bits: number,
  counts: { readonly raw: number; readonly shuffled: number },
  layouts: readonly Layout[],
): string | undefined {
  const elements = shape.reduce((all, size) => all * size, 1);
  const sizes = new Set([elements, ...layouts.map(({ storageSize }) => storageSize)]);
  // An odd number of fp4 elements ends in half a byte.
  const fits = (held: number): boolean => sizes.has(held) || (bits === 4 && sizes.has(held - 1));
  if (!fits(counts.raw) && !fits(counts.shuffled))
    throw new ParameterError(
      WHERE,
      'shape',
      `is [${shape.join(', ')}], ${elements} elements; raw holds ${counts.raw} elements of ${bits} bits and shuffled ${counts.shuffled}. ` +
        'Give the logical shape of the plain tensor, and the type that the bytes hold.',
    );
  for (const name of ['raw', 'shuffled'] as const)
    if (!fits(counts[name]))
      return `${name} has ${counts[name]} elements; no layout of [${shape.join(', ')}] takes that many.`;
  return undefined;
}
