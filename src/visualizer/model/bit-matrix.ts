import type { Layout } from '../../layout/index.ts';

/** A layout of powers of two as a matrix over F2: every bit of the storage offset is a bit of a coordinate. */
export interface BitMatrix {
  /** Offset bit `at` equals bit `bit` of coordinate `axis`; least significant first. */
  readonly rows: readonly { readonly axis: number; readonly bit: number }[];
  /** The first digit, from inside, that is no power of two: bits above it are sums, not XORs. Undefined where there is none. */
  readonly endsAt: { readonly name: string; readonly size: number } | undefined;
}

/**
 * The bits of the storage offset, innermost digits first, as far as sizes are powers of two.
 * @post for every coordinate, bit i of the offset is bit `rows[i].bit` of `coord[rows[i].axis]`
 */
export function bitMatrix(layout: Layout): BitMatrix {
  const places = new Map(
    layout.dims.flatMap((dim, axis) => {
      let place = dim.padded;
      return dim.factors.map(({ name, size }) => {
        place /= size;
        return [name, { axis, place, size }] as const;
      });
    }),
  );
  const rows: { axis: number; bit: number }[] = [];
  for (const name of layout.order.toReversed()) {
    const digit = places.get(name);
    if (digit === undefined) continue;
    if (!isPowerOfTwo(digit.size) || !isPowerOfTwo(digit.place)) return { rows, endsAt: { name, size: digit.size } };
    const first = Math.log2(digit.place);
    for (let bit = 0; bit < Math.log2(digit.size); bit += 1) rows.push({ axis: digit.axis, bit: first + bit });
  }
  return { rows, endsAt: undefined };
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
