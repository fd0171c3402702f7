/** One digit of a dimension: `n0 n1:16` splits n into a block number and a position in a block of 16. */
export interface LayoutFactor {
  readonly name: string;
  readonly size: number;
  /** Storage elements between neighbours along this digit. */
  readonly stride: number;
}

/** A logical dimension and the digits it is split into, outermost first. */
export interface LayoutDim {
  readonly name: string;
  /** Logical size. */
  readonly size: number;
  /** Size in storage: `size`, or more where the layout pads. The product of the factor sizes. */
  readonly padded: number;
  readonly factors: readonly LayoutFactor[];
}

/** The dimension's digits with trivial splits undone: neighbours whose strides chain are one digit. */
export function mergedFactors(dim: LayoutDim): readonly { readonly size: number; readonly stride: number }[] {
  const merged: { size: number; stride: number }[] = [];
  for (const { size, stride } of dim.factors) {
    if (size === 1) continue;
    const outer = merged.at(-1);
    if (outer !== undefined && outer.stride === stride * size) {
      merged[merged.length - 1] = { size: outer.size * size, stride };
    } else merged.push({ size, stride });
  }
  return merged;
}

/** What an index of the dimension adds to the storage offset: its digits times their strides. */
export function digitSum({ factors }: LayoutDim, index: number): number {
  let rest = index;
  let offset = 0;
  for (let at = factors.length - 1; at >= 0; at -= 1) {
    const { size, stride } = factors[at] as LayoutFactor;
    const digit = rest % size;
    rest = (rest - digit) / size;
    offset += digit * stride;
  }
  return offset;
}

/**
 * The dimension's index of the element at a storage offset: `layout.coord(offset)[axis]`, without an array. In padding it is the
 * padded index, which may be the dimension's size or more.
 */
export function axisIndexAt({ factors }: LayoutDim, offset: number): number {
  let index = 0;
  for (const { size, stride } of factors) index = index * size + (Math.floor(offset / stride) % size);
  return index;
}
