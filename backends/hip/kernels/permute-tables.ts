import { type LayoutDim, mergedFactors } from '../../../src/layout/dim.ts';
import type { Layout } from '../../../src/layout/layout.ts';

/** Room in the kernel's tables (permute.hip). The catalog's layouts need 3 axes and 7 digits. */
const MOST_AXES = 8;
const MOST_DIGITS = 16;
/** Units are numbered by 32 bits; the last numbers are left for threads of a workgroup that is not full. */
const MOST_UNITS = 2 ** 32 - 256;

const WIDEST_UNIT_BITS = 128;

/** What the permutation kernel is given of two layouts. */
export interface PermuteTables {
  /** Bits that move together: one element, or neighbours in both layouts. */
  readonly unitBits: number;
  /** Units of the target, padding included. */
  readonly units: number;
  readonly axes: number;
  /** Size, end of the target digits and end of the source digits of each axis. */
  readonly axis: Uint32Array;
  /** Stride (divisor), size (divisor), size and place of each digit of the target, axis by axis. */
  readonly target: Uint32Array;
  /** Size (divisor), size and stride of each digit of the source, axis by axis, innermost first. */
  readonly source: Uint32Array;
}

/** Why the kernel cannot do it. */
export type TableProblem = string;

const NOTHING: PermuteTables = {
  unitBits: 32,
  units: 0,
  axes: 0,
  axis: new Uint32Array(0),
  target: new Uint32Array(0),
  source: new Uint32Array(0),
};

/** The tables of a permutation, or why there are none. */
export function permuteTables(from: Layout, to: Layout, bits: number): PermuteTables | TableProblem {
  // Digits of size zero cannot be divided by, and there is nothing to move.
  if (to.storageSize === 0) return NOTHING;
  const wide = wideUnit(from, to, bits);
  const units = to.storageSize / wide.elements;
  const most = Math.max(units, from.storageSize / wide.elements);
  if (most > MOST_UNITS) {
    return `${most} units of ${wide.elements * bits} bits exceed the 32-bit positions of the kernel: use the cpu backend.`;
  }
  const axis: number[] = [];
  const target: number[] = [];
  const source: number[] = [];
  for (const [index, dim] of to.dims.entries()) {
    const unit = index === wide.axis ? wide.elements : 1;
    target.push(...targetDigits(dim, wide.elements, unit));
    source.push(...sourceDigits(from.dims[index] as LayoutDim, wide.elements, unit));
    axis.push(dim.size / unit, target.length / 6, source.length / 4);
  }
  if (to.dims.length > MOST_AXES || target.length / 6 > MOST_DIGITS || source.length / 4 > MOST_DIGITS) {
    return (
      `${to.dims.length} dimensions with ${target.length / 6} and ${source.length / 4} digits exceed the ${MOST_AXES} ` +
      `dimensions and ${MOST_DIGITS} digits of the kernel: use the cpu backend.`
    );
  }
  return {
    unitBits: wide.elements * bits,
    units,
    axes: to.dims.length,
    axis: Uint32Array.from(axis),
    target: Uint32Array.from(target),
    source: Uint32Array.from(source),
  };
}

/**
 * The widest group of neighbours along one axis that lies together in both layouts, as a power of two of at most 128 bits. A
 * group is never half padding, because it divides the logical size.
 */
function wideUnit(from: Layout, to: Layout, bits: number): { readonly axis: number; readonly elements: number } {
  const axis = to.dims.findIndex((dim) => innermost(dim)?.stride === 1);
  const runs = [innermost(from.dims[axis]), innermost(to.dims[axis])];
  const size = to.dims[axis]?.size ?? 1;
  let elements = 1;
  const fits = (count: number): boolean =>
    count * bits <= WIDEST_UNIT_BITS &&
    size % count === 0 &&
    runs.every((run) => run !== undefined && run.stride === 1 && run.size % count === 0);
  while (fits(elements * 2)) elements *= 2;
  return { axis, elements };
}

function innermost(dim: LayoutDim | undefined): { readonly size: number; readonly stride: number } | undefined {
  return dim === undefined ? undefined : mergedFactors(dim).at(-1);
}

/** @param unit what one step along this axis is, in elements; the innermost digit shrinks by it */
function digitsOf(
  dim: LayoutDim,
  elements: number,
  unit: number,
): { readonly size: number; readonly stride: number }[] {
  const factors = mergedFactors(dim);
  const digits = factors.map(({ size, stride }, index) =>
    // Every other stride is a multiple of the run that the unit is cut from.
    index === factors.length - 1 && unit > 1 ? { size: size / unit, stride } : { size, stride: stride / elements },
  );
  return digits.filter(({ size }) => size > 1);
}

function targetDigits(dim: LayoutDim, elements: number, unit: number): readonly number[] {
  const digits = digitsOf(dim, elements, unit);
  let place = digits.reduce((product, { size }) => product * size, 1);
  return digits.flatMap(({ size, stride }) => {
    place /= size;
    return [...divisor(stride), ...divisor(size), size, place];
  });
}

function sourceDigits(dim: LayoutDim, elements: number, unit: number): readonly number[] {
  return digitsOf(dim, elements, unit)
    .toReversed()
    .flatMap(({ size, stride }) => [...divisor(size), size, stride]);
}

/**
 * Multiplier and shifts that divide any 32-bit number by d (1 .. 2^32 - 1): Granlund and Montgomery 1994, figure 4.1.
 * The shifts are packed into one word, the first in its low byte.
 */
export function divisor(d: number): readonly [number, number] {
  const bits = Math.ceil(Math.log2(d));
  const multiplier = (2n ** 32n * (2n ** BigInt(bits) - BigInt(d))) / BigInt(d) + 1n;
  return [Number(multiplier), Math.min(bits, 1) | (Math.max(bits - 1, 0) << 8)];
}
